import { display } from "../../spec/display.ts";
import type { EventOf, WaybillEvent } from "../../telemetry/events.ts";
import { againText } from "./repeat-text.ts";
import { amountsOf, timeLeft } from "./amounts.ts";
import { Board, isCancelled, toldByRows, type Row } from "./board.ts";
import { quotaText } from "./notes.ts";
import { phaseText } from "./phase-text.ts";
import { retryText } from "./repeat-text.ts";
import type { Renderer, RendererOptions } from "./show.ts";

// Work of which nothing was printed for so long has its turn, and says how far it is where there is nothing else to say.
const heartbeatMs = 10_000;
// However late the news is: nobody looks more often than this.
const leastBeatMs = 1000;
// Lines of other targets wait for so long, so that the log does not jump with every line.
const patienceMs = 5000;
// Lines of a failed target that are shown once more at the end.
const logLines = 50;

/** News as lines, in the form that buildkit's plain progress has: readable in a build log, targets interleaved. */
export function plainRenderer(options: RendererOptions): Renderer {
  const lines = new PlainLines(options);
  return { event: (event) => lines.event(event), close: () => lines.close(), tells };
}

const tells: ReadonlySet<WaybillEvent["type"]> = new Set([...toldByRows, "retry"]);

/** What is still to be printed about a row. */
interface Unsaid {
  readonly lines: string[];
  /** The last line, once there is one. */
  end?: string;
}

class PlainLines {
  readonly #board = new Board();
  readonly #logs = new Map<Row, string[]>();
  readonly #unsaid = new Map<Row, Unsaid>();
  /** When something about each row was printed last. */
  readonly #saidAt = new Map<Row, number>();
  readonly #options: RendererOptions;
  #cancelBeat: () => void = () => undefined;
  #isBeating = false;
  #current: Row | undefined;
  #currentSince = 0;
  #begun = false;

  constructor(options: RendererOptions) {
    this.#options = options;
  }

  event(event: WaybillEvent): void {
    const row = this.#board.apply(event);
    if (!row || event.type === "http") return this.#note(event);
    this.#beat();
    const line = this.#lineOf(event, row);
    if (line === undefined && event.type !== "work-started" && event.type !== "work-done") return;
    const unsaid = this.#unsaidOf(row);
    if (line !== undefined) this.#add(row, line);
    if (event.type === "work-done") unsaid.end = endOf(row);
    this.#turnTo(row, event.at);
  }

  /** Keeps looking, from the first news on, for work of which nothing was printed. */
  #beat(): void {
    if (this.#isBeating) return;
    this.#isBeating = true;
    const { clock } = this.#options;
    const running = this.#board.rows.filter(({ endedAt }) => endedAt === undefined);
    const due = Math.min(...running.map((row) => this.#dueAt(row)));
    const waitMs = Math.max(leastBeatMs, Math.min(due - clock.now(), heartbeatMs));
    this.#cancelBeat = clock.after(waitMs, () => {
      this.#isBeating = false;
      // Nobody is above us on a timer's stack to catch what an output does to us: the log then ends here.
      try {
        this.#tellOfSilent(clock.now());
        this.#beat();
      } catch {
        this.#isBeating = true;
      }
    });
  }

  #dueAt(row: Row): number {
    return (this.#saidAt.get(row) ?? row.startedAt) + heartbeatMs;
  }

  #tellOfSilent(now: number): void {
    for (const row of this.#board.rows) {
      if (row.endedAt !== undefined || this.#dueAt(row) > now) continue;
      if (this.#unsaidOf(row).lines.length === 0) this.#add(row, `${since(row, now)} ${standingOf(row, now)}`);
      this.#turnTo(row, now, "at once");
    }
  }

  /** What belongs to no row. */
  #note(event: WaybillEvent): void {
    if (event.type === "pull-quota") this.#options.output.write(`${display(quotaText(event))}\n`);
    if (event.type === "retry") this.#options.output.write(`${display(retryText(event))}\n`);
  }

  #lineOf(event: WaybillEvent, row: Row): string | undefined {
    switch (event.type) {
      case "work-log":
        return `${since(row, event.at)} ${display(event.message)}`;
      case "retry":
        return `${since(row, event.at)} ${display(retryText(event))}`;
      case "phase":
        return row.hasNewPhase ? `${since(row, event.at)} ${phaseText(row)}` : undefined;
      case "content-again":
        return `${since(row, event.at)} ${display(againText(event, row))}`;
      case "content-done":
        return contentLine(event, row);
      case "tag-done":
        return `${since(row, event.at)} ${display(`tag ${event.tag} ${event.state}`)}`;
      case "work-done":
        return countsOf(row);
      default:
        return undefined;
    }
  }

  #add(row: Row, line: string): void {
    this.#unsaidOf(row).lines.push(line);
    this.#logs.set(row, [...(this.#logs.get(row) ?? []), line].slice(-logLines));
  }

  #unsaidOf(row: Row): Unsaid {
    const unsaid = this.#unsaid.get(row) ?? { lines: [] };
    this.#unsaid.set(row, unsaid);
    return unsaid;
  }

  /** Prints what is to be said about the current row; about `row` only once the current one has had its time. */
  #turnTo(row: Row, at: number, when: "at once" | "in turn" = "in turn"): void {
    const isTurn = when === "at once" || at - this.#currentSince >= patienceMs;
    if (this.#current === undefined || (this.#current !== row && isTurn)) this.#head(row, at);
    for (let next = this.#current; next !== undefined; next = this.#current) {
      const unsaid = this.#unsaidOf(next);
      if (unsaid.lines.length > 0) this.#saidAt.set(next, at);
      for (const line of unsaid.lines.splice(0)) this.#options.output.write(`#${next.index} ${line}\n`);
      if (unsaid.end === undefined) return;
      this.#options.output.write(`#${next.index} ${unsaid.end}\n`);
      this.#unsaid.delete(next);
      this.#current = undefined;
      const [waiting] = this.#unsaid.keys();
      if (waiting) this.#head(waiting, at);
    }
  }

  #head(row: Row, at: number): void {
    const before = this.#current ? `#${this.#current.index} ...\n` : "";
    const gap = this.#begun ? "\n" : "";
    this.#options.output.write(`${before}${gap}#${row.index} ${display(row.name)}\n`);
    this.#begun = true;
    this.#current = row;
    this.#currentSince = at;
  }

  close(): void {
    this.#cancelBeat();
    for (const row of this.#unsaid.keys()) this.#turnTo(row, this.#currentSince, "at once");
    for (const row of this.#board.rows) {
      if (row.error === undefined || isCancelled(row.error)) continue;
      const log = (this.#logs.get(row) ?? []).map((line) => `${line}\n`).join("");
      this.#options.output.write(`------\n > ${display(row.name)}:\n${log}------\n`);
    }
  }
}

function endOf(row: Row): string {
  if (row.error === undefined) return `DONE ${(((row.endedAt ?? row.startedAt) - row.startedAt) / 1000).toFixed(1)}s`;
  return isCancelled(row.error) ? "CANCELED" : `ERROR: ${display(row.error.message)}`;
}

/** How far it is: what a heartbeat says. */
function standingOf(row: Row, now: number): string {
  const { bytesPerSecond } = amountsOf([row], now);
  const { phase = "stage", sentBytes, totalBytes, wait } = row;
  if (phase !== "stage") return phaseText(row);
  const parts = [
    `${bytes(sentBytes)} / ${bytes(totalBytes)}`,
    bytesPerSecond > 0 ? `${bytes(Math.round(bytesPerSecond))}/s` : "",
    timeLeft({ sentBytes, totalBytes, bytesPerSecond }),
    row.blobs.size > 0 ? `${row.blobs.size} in flight` : "",
    ...countedIn(row),
    wait && wait.until > now ? `waiting because of ${display(wait.text)}` : "",
  ];
  return parts.filter(Boolean).join(", ");
}

function contentLine(event: EventOf<"content-done">, row: Row): string | undefined {
  if (event.outcome === "failed") {
    const { digest, error } = event;
    const why = error?.message ?? "no reason given";
    return isCancelled(error) ? undefined : `${since(row, event.at)} ${display(`${digest} failed: ${why}`)}`;
  }
  if (event.outcome !== "sent") return undefined;
  return `${display(event.digest)} ${bytes(event.sizeBytes)} / ${bytes(event.sizeBytes)} done`;
}

function countsOf(row: Row): string | undefined {
  const sent = row.sent > 0 ? [`${row.sent} sent (${bytes(row.sentBytes)})`] : [];
  const said = [...sent, ...countedIn(row)].join(", ");
  return said === "" ? undefined : `${since(row, row.endedAt ?? row.startedAt)} ${said}`;
}

/** What costs no line of its own: there can be hundreds. */
function countedIn({ mounted, existed }: Row): readonly string[] {
  return [mounted > 0 ? `${mounted} mounted` : "", existed > 0 ? `${existed} there already` : ""].filter(Boolean);
}

/** Seconds since the row began, with the digits that buildkit gives them. */
function since(row: Row, at: number): string {
  const seconds = Math.max(0, at - row.startedAt) / 1000;
  return seconds.toFixed(seconds < 10 ? 3 : seconds < 100 ? 2 : 1);
}

function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let value = count;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return unit === 0 ? `${count}B` : `${value.toFixed(2)}${units[unit]}`;
}
