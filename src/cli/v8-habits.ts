import process from "node:process";
import { setFlagsFromString } from "node:v8";

interface Habit {
  /** V8's name of the flag. */
  readonly flag: string;
  readonly usual: number;
  readonly ours: number;
  /** Versions of V8 that have it, and that it has been tried with: others would complain of it on stderr. */
  readonly versions: readonly number[];
}

/** What V8 does for programs that run for long, and what is better for one of a second. */
const habits: readonly Habit[] = [
  // The space for young objects is searched each time that it is full. It begins with a mebibyte, and all of that is alive.
  { flag: "semi-space-growth-factor", usual: 2, ours: 8, versions: [11, 12, 13] },
  // Node 20 optimizes what has run for so many bytes of bytecode, in as many threads as there are: all else takes more of the
  // machine than that ever gives back. Later versions have another measure.
  { flag: "interrupt-budget", usual: 67_584, ours: 2_000_000, versions: [11] },
];

/** How V8 is told that a process is over soon, or that it is not. */
export function flagsFor(run: "short" | "usual", { v8 }: Pick<NodeJS.ProcessVersions, "v8">): readonly string[] {
  const known = habits.filter(({ versions }) => versions.includes(Number.parseInt(v8, 10)));
  return known.map(({ flag, usual, ours }) => `--${flag}=${run === "short" ? ours : usual}`);
}

/** A short one is for when everything is loaded, since Node keeps its own code for the usual flags. */
export function expectRun(run: "short" | "usual"): void {
  for (const flag of flagsFor(run, process.versions)) setFlagsFromString(flag);
}
