import { join } from "node:path";
import { joinAll } from "../async/join-all.ts";
import { changedAt, listFolder, removeFolder, touchFile } from "../disk/durable.ts";
import { Journal } from "../disk/journal.ts";
import { lockFolder, type FolderOwner } from "../disk/lock.ts";
import { requirePrivate } from "../disk/private.ts";
import { replayRun, type RecordedRun } from "./recorded-run.ts";

/** Runs that were last touched longer ago are removed, and those beyond the newest so many. */
const keptForMs = 30 * 24 * 60 * 60 * 1000;
const keptRuns = 200;
/** Looking at every run's age takes longer than the rest of an ending. */
const prunedForMs = 24 * 60 * 60 * 1000;

/** The folder of one publication's journal. */
export function runFolder(stateFolder: string, id: string): string {
  return join(stateFolder, "runs", id);
}

/**
 * Refuses a journal that others than `user` can change, or the folders that it lies in. What is not there yet is let be.
 *
 * @throws WaybillError `io_failed`
 */
export function requireOwn(stateFolder: string, id: string, user: number | undefined): Promise<void> {
  return requireAllPrivate(pathsOf(stateFolder, id), user);
}

function pathsOf(stateFolder: string, id: string): readonly string[] {
  return [...foldersOf(stateFolder), ...placesOf(runFolder(stateFolder, id))];
}

function foldersOf(stateFolder: string): readonly string[] {
  return [stateFolder, join(stateFolder, "runs")];
}

function placesOf(run: string): readonly string[] {
  return [run, join(run, "journal")];
}

/** @throws what is wrong with the first of them. */
function requireAllPrivate(paths: readonly string[], user: number | undefined): Promise<void> {
  return joinAll(paths.map((path) => requirePrivate(path, user)));
}

/**
 * What the journal of a publication tells; `undefined` where there is none that can be read, and where others than `user`, if
 * that is told, could have written it.
 */
export async function readRun(stateFolder: string, id: string, user?: number): Promise<RecordedRun | undefined> {
  return readJournal(runFolder(stateFolder, id), pathsOf(stateFolder, id), user);
}

/** What the journal in the folder `run` tells, where `user` alone can write to `paths`. */
async function readJournal(
  run: string,
  paths: readonly string[],
  user: number | undefined,
): Promise<RecordedRun | undefined> {
  const replay = replayRun();
  try {
    await requireAllPrivate(paths, user);
    await Journal.read(join(run, "journal"), (entry) => replay.add(entry));
  } catch {
    return undefined;
  }
  return replay.run();
}

/**
 * The runs whose journals can be read and whose ids begin with `prefix`, by default all; the latest first.
 *
 * @throws WaybillError `io_failed` where others than `user`, if that is told, can write to the folder.
 */
export async function listRuns(stateFolder: string, user?: number, prefix = ""): Promise<readonly RecordedRun[]> {
  await requireAllPrivate(foldersOf(stateFolder), user);
  const runs: RecordedRun[] = [];
  for (const id of await runIds(stateFolder)) {
    if (!id.startsWith(prefix)) continue;
    const place = runFolder(stateFolder, id);
    const run = await readJournal(place, placesOf(place), user);
    if (run) runs.push(run);
  }
  return runs.toSorted((a, b) => b.changedAt - a.changedAt);
}

/** Removes what is old, once a day, and what is too many. What another process works on stays. */
export async function pruneRuns(
  stateFolder: string,
  { now, owner }: { readonly now: number; readonly owner: FolderOwner },
): Promise<void> {
  const ids = await runIds(stateFolder);
  const pruned = join(stateFolder, "pruned");
  if (ids.length <= keptRuns && now - (changedAt(pruned) ?? 0) < prunedForMs) return;
  await touchFile(pruned, now);
  const dated = ids.map((id) => ({ id, at: touchedAt(runFolder(stateFolder, id)) }));
  const newestFirst = dated.toSorted((a, b) => b.at - a.at);
  const old = newestFirst.filter(({ at }, index) => index >= keptRuns || now - at > keptForMs);
  for (const { id } of old) await removeRun(runFolder(stateFolder, id), owner);
}

async function removeRun(folder: string, owner: FolderOwner): Promise<void> {
  const unlock = await lockFolder(folder, owner);
  if (!unlock) return;
  try {
    await removeFolder(folder);
  } finally {
    await unlock();
  }
}

async function runIds(stateFolder: string): Promise<readonly string[]> {
  const names = await listFolder(join(stateFolder, "runs"));
  return names.filter((name) => /^[0-9a-f]{16}$/.test(name));
}

function touchedAt(folder: string): number {
  return changedAt(join(folder, "journal")) ?? changedAt(folder) ?? 0;
}
