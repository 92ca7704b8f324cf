import { widthOf } from "../../spec/display.ts";
import type { Board, Row, Wait } from "./board.ts";
import type { Loads } from "./load.ts";
import { foldTo, type Entry, type Group } from "./fold.ts";
import { composeLine, type Part } from "./line.ts";
import { paintBlob, paintHeld, paintWait } from "./paint-blob.ts";
import { paintRegistry, paintRow, type Label } from "./paint-row.ts";
import { paintStart, paintTotal } from "./paint-total.ts";
import { blocksOf, placeOf, type Block } from "./place.ts";
import type { Styles } from "./styles.ts";

/** What a picture is made for. */
export interface View {
  readonly columns: number;
  /** Of the terminal. The picture takes one less: the cursor stands below it. */
  readonly rows: number;
  readonly now: number;
  /** When the run began. */
  readonly startedAt: number;
  readonly styles: Styles;
}

// What is over before it can be read is not worth a line that comes and goes.
const worthALineMs = 300;

/**
 * The picture of a run: a block for each registry, its targets inside, their blobs in flight below, and a line for all of it.
 * Takes at most `rows - 1` lines of at most `columns - 1` columns; what has no room is counted.
 */
export function paint(board: Board, view: View): readonly string[] {
  const height = Math.max(1, view.rows - 1);
  const wait = board.wait && board.wait.until > view.now ? [paintWait(board.wait, view)] : [];
  if (board.rows.length === 0) return [paintStart(view), ...wait].slice(0, height);
  const foot = [...wait, paintTotal(board, view)].slice(0, height - 1);
  return [...foldTo(height - foot.length, new Picture(board, view).blocks()), ...foot];
}

class Picture {
  readonly #view: View;
  readonly #loads: Loads;
  readonly #blocks: readonly Block[];
  readonly #labelWidth: number;

  constructor({ rows, loads }: Board, view: View) {
    this.#view = view;
    this.#loads = loads;
    this.#blocks = blocksOf(rows);
    this.#labelWidth = labelWidthOf(this.#blocks, view.columns);
  }

  blocks(): Group {
    return {
      rank: 0,
      entries: this.#blocks.map((block) => this.#block(block)),
      more: this.#more("registries", 0),
    };
  }

  #block(block: Block): Entry {
    const { registry, rows } = block;
    const [only] = rows;
    const limits = this.#loads.limitParts(registry, this.#view.styles);
    const held = this.#loads.waitAt(registry, this.#view.now);
    if (only && rows.length === 1) return this.#target(only, { name: nameOf(only), depth: 0, limits, held });
    const isOver = rows.every(({ endedAt }) => endedAt !== undefined);
    const waiting = held ? [{ line: () => paintHeld(held, this.#view, indentOf(1)) }] : [];
    const targets = rows.map((row) => this.#target(row, { name: placeOf(row).repository, depth: 1 }));
    return {
      line: () => paintRegistry(block, this.#label(registry, 0), { ...this.#view, limits }),
      isOver,
      ...(!isOver && { below: { rank: 1, entries: [...waiting, ...targets], more: this.#more("repositories", 1) } }),
    };
  }

  #target(row: Row, { name, depth, limits = [], held }: Standing): Entry {
    const isOver = row.endedAt !== undefined;
    return {
      line: () => paintRow(row, this.#label(name, depth), { ...this.#view, limits }),
      isOver,
      ...(!isOver && { below: this.#details(row, depth + 1, held) }),
    };
  }

  #details(row: Row, depth: number, held: Wait | undefined): Group {
    const { now } = this.#view;
    const old = [...row.blobs.values()].filter(({ startedAt }) => now - startedAt >= worthALineMs);
    const moving = old.filter(({ movedAt }) => movedAt !== undefined);
    // While nobody may go, who is to be tried again goes then, too.
    const wait = !held && row.wait && row.wait.until > now ? row.wait : undefined;
    return {
      rank: 2,
      entries: [
        ...(held ? [{ line: () => paintHeld(held, this.#view, indentOf(depth)) }] : []),
        ...(wait ? [{ line: () => paintWait(wait, this.#view, indentOf(depth)) }] : []),
        ...moving.map((blob) => ({
          line: () => paintBlob(blob, this.#view, indentOf(depth)),
          isOver: blob.sentBytes === blob.sizeBytes,
        })),
      ],
      extra: old.length - moving.length,
      more: this.#more("in flight", depth),
    };
  }

  #label(name: string, depth: number): Label {
    return { name, indent: indentOf(depth), width: this.#labelWidth };
  }

  #more(what: string, depth: number): Group["more"] {
    const { styles, columns } = this.#view;
    const indent = " ".repeat(indentOf(depth));
    return (count, shown) => {
      const text = shown > 0 ? `+${count} more ${what}` : `${count} ${what}`;
      return composeLine([{ text: indent + text, style: styles.dim }], columns);
    };
  }
}

/** Where a target's line stands, and what is said there of its registry, where it is the only one. */
interface Standing {
  readonly name: string;
  readonly depth: number;
  readonly limits?: readonly Part[];
  readonly held?: Wait | undefined;
}

/** Columns before a line below another: its name stands below the other's. */
function indentOf(depth: number): number {
  return depth * 2;
}

function nameOf({ target, name }: Row): string {
  return target === "" ? name : target;
}

/**
 * Names take what they need, up to two fifths of the line, so that what comes behind them stands in columns. On a narrow
 * terminal up to what the shortest news leaves: two registries must not look alike.
 */
function labelWidthOf(blocks: readonly Block[], columns: number): number {
  const widths = blocks.flatMap(({ registry, rows }) => {
    const [only] = rows;
    if (only && rows.length === 1) return [widthOf(nameOf(only))];
    return [widthOf(registry), ...rows.map((row) => widthOf(placeOf(row).repository) + indentOf(1))];
  });
  return Math.min(Math.max(...widths, 0), Math.max(12, Math.floor(columns * 0.4), Math.min(24, columns - 18)));
}
