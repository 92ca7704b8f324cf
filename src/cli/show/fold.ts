/** A line of a picture, and what belongs below it. */
export interface Entry {
  readonly line: () => string;
  readonly below?: Group;
  /** Nothing happens in it any more: it gives way first. */
  readonly isOver?: boolean;
}

/** Lines of one kind. */
export interface Group {
  /** The higher, the sooner it gives way. A group ranks above the one that it is in. */
  readonly rank: number;
  readonly entries: readonly Entry[];
  /** How many more there are that get no line in any case. */
  readonly extra?: number;
  /** The line that stands for `count` more than the `shown` ones. */
  readonly more: (count: number, shown: number) => string;
}

/**
 * The lines of `group` and of everything below it, at most `budget` of them. Where there is too little room, groups give
 * way by rank, the largest of a rank first; each says how many of its lines are missing, as long as there is room for that.
 */
export function foldTo(budget: number, group: Group): readonly string[] {
  const top = plan(group);
  const ranks = byRank(top);
  let cost = ranks.flat().reduce((sum, planned) => sum + costOf(planned), 0);
  for (const groups of ranks) {
    while (cost > budget) {
      const largest = groups.reduce((most, next) => (costOf(next) >= costOf(most) ? next : most));
      if (costOf(largest) === 0) break;
      cost -= costOf(largest);
      shrink(largest);
      cost += costOf(largest);
    }
  }
  return linesOf(top).map((line) => line());
}

interface Planned {
  readonly rank: number;
  readonly shown: { readonly entry: Entry; readonly below: Planned | undefined }[];
  readonly more: Group["more"];
  hidden: number;
  /** There is not even room for the number of what is missing. */
  isSilent: boolean;
}

function plan({ rank, entries, extra = 0, more }: Group): Planned {
  const shown = entries.map((entry) => ({ entry, below: entry.below && plan(entry.below) }));
  return { rank, shown, more, hidden: extra, isSilent: false };
}

/** All groups, those that give way first in the first list. */
function byRank(top: Planned): readonly (readonly Planned[])[] {
  const all = withBelow(top);
  const ranks = [...new Set(all.map(({ rank }) => rank))].toSorted((a, b) => b - a);
  return ranks.map((rank) => all.filter((planned) => planned.rank === rank));
}

function withBelow(planned: Planned): readonly Planned[] {
  return [planned, ...planned.shown.flatMap(({ below }) => (below ? withBelow(below) : []))];
}

function costOf({ shown, hidden, isSilent }: Planned): number {
  return shown.length + (hidden > 0 && !isSilent ? 1 : 0);
}

function shrink(planned: Planned): void {
  if (planned.shown.length === 0) {
    planned.isSilent = true;
    return;
  }
  const over = planned.shown.findLastIndex(({ entry }) => entry.isOver);
  planned.shown.splice(over, 1);
  planned.hidden++;
}

function linesOf({ shown, hidden, isSilent, more }: Planned): (() => string)[] {
  const lines = shown.flatMap(({ entry, below }) => [entry.line, ...(below ? linesOf(below) : [])]);
  return hidden > 0 && !isSilent ? [...lines, () => more(hidden, shown.length)] : lines;
}
