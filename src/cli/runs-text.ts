import { shortDigest } from "../spec/digest.ts";
import { isOver, type RecordedRun } from "../transfer/recorded-run.ts";
import { tableText } from "./show/table.ts";

/** Runs as a table for people. */
export function runsText(runs: readonly RecordedRun[]): string {
  const head = ["run", "began", "state", "digest", "targets"];
  const rows = runs.map((run) => [
    run.id,
    `${new Date(run.startedAt).toISOString().slice(0, 19)}Z`,
    isHalfUndone(run) ? "half rolled back" : run.state,
    shortDigest(run.publication.root.digest),
    run.publication.targets.map(({ target, tags }) => `${target}:${tags.join(",")}`).join(" "),
  ]);
  return tableText([head, ...rows], "");
}

/** True for a run whose roll-back has begun, and is not complete. */
export function isHalfUndone(run: RecordedRun): boolean {
  return !isOver(run) && run.undoes;
}
