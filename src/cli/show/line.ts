import { display, widthOf } from "../../spec/display.ts";
import type { Style } from "./styles.ts";

/** A piece of a line. Its text may be foreign. */
export interface Part {
  readonly text: string;
  readonly style?: Style;
  /** Where the line is too long, parts of the highest rank give way first. 0, the default: it stays. */
  readonly rank?: number;
  /** What stands in for it when it gives way. */
  readonly instead?: Part;
  /** Blanks before it, unless it is the first; default 2. */
  readonly gap?: number;
  /** Columns that it takes at least, so that lines below each other stand in columns; not where it is the last. */
  readonly width?: number;
}

/**
 * One line of at most `columns - 1` columns: parts give way by rank, and what is still too long is cut. The last column stays
 * free, because some terminals wrap as soon as it is written.
 */
export function composeLine(parts: readonly Part[], columns: number): string {
  const limit = columns - 1;
  let kept = parts.filter(({ text }) => text !== "");
  while (widthOfAll(kept) > limit) {
    const fewer = oneLess(kept);
    if (!fewer) break;
    kept = fewer;
  }
  return cutTo(kept, limit);
}

/** `parts` after one of the highest rank has given way; nothing where all of them stay. */
function oneLess(parts: readonly Part[]): Part[] | undefined {
  const rank = Math.max(0, ...parts.map((part) => part.rank ?? 0));
  if (rank === 0) return undefined;
  const at = parts.findLastIndex((part) => part.rank === rank);
  return parts.flatMap((part, index) => (index === at ? (part.instead ?? []) : [part]));
}

function widthOfAll(parts: readonly Part[]): number {
  return parts.reduce((sum, part, at) => {
    const least = at < parts.length - 1 ? (part.width ?? 0) : 0;
    return sum + (at > 0 ? gapOf(part) : 0) + Math.max(least, widthOf(display(part.text)));
  }, 0);
}

function cutTo(parts: readonly Part[], limit: number): string {
  let left = limit;
  let line = "";
  for (const [at, part] of parts.entries()) {
    const gap = at > 0 ? gapOf(part) : 0;
    if (left <= gap) break;
    const shown = display(part.text, left - gap);
    const fill = at < parts.length - 1 ? Math.max(0, (part.width ?? 0) - widthOf(shown)) : 0;
    left -= gap + widthOf(shown) + fill;
    line +=
      " ".repeat(gap) + (part.style ? part.style(shown) : shown) + " ".repeat(Math.max(0, Math.min(fill, left + fill)));
  }
  return line;
}

function gapOf({ gap = 2 }: Part): number {
  return gap;
}

/** `text` in at most `width` columns, its beginning and its end: names of one kind often differ in both. Safe to show. */
export function squeeze(text: string, width: number): string {
  const shown = display(text);
  if (widthOf(shown) <= width) return shown;
  const head = display(text, Math.ceil(width / 2));
  const chars = Array.from(shown);
  let tail = "";
  for (let char = chars.pop(); char !== undefined && widthOf(head + char + tail) <= width; char = chars.pop())
    tail = char + tail;
  return head + tail;
}

/** `text`, which has passed `display`, with blanks up to `width` columns. */
export function pad(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - widthOf(text)));
}
