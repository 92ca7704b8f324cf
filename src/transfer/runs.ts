import { join } from "node:path";
import { changedAt, listFolder, removeFolder } from "../disk/durable.ts";
import { Journal } from "../disk/journal.ts";
import { lockFolder, type FolderOwner } from "../disk/lock.ts";
import { replayRun, type RecordedRun } from "./recorded-run.ts";

/** Runs that were last touched longer ago are removed, and those beyond the newest so many. */
const keptForMs = 30 * 24 * 60 * 60 * 1000;
const keptRuns = 200;

/** The folder of one publication's journal. */
export function runFolder(stateFolder: string, id: string): string {
  return join(stateFolder, "runs", id);
}

/** What the journal of a publication tells; `undefined` where there is none that can be read. */
export async function readRun(stateFolder: string, id: string): Promise<RecordedRun | undefined> {
  const replay = replayRun();
  try {
    await Journal.read(join(runFolder(stateFolder, id), "journal"), (entry) => replay.add(entry));
  } catch {
    return undefined;
  }
  return replay.run();
}

/** All runs whose journals can be read, the latest first. */
export async function listRuns(stateFolder: string): Promise<readonly RecordedRun[]> {
  const runs: RecordedRun[] = [];
  for (const id of await runIds(stateFolder)) {
    const run = await readRun(stateFolder, id);
    if (run) runs.push(run);
  }
  return runs.toSorted((a, b) => b.changedAt - a.changedAt);
}

/** Removes what is old or too many. What another process works on stays. */
export async function pruneRuns(
  stateFolder: string,
  { now, owner }: { readonly now: number; readonly owner: FolderOwner },
): Promise<void> {
  const ids = await runIds(stateFolder);
  const dated = await Promise.all(ids.map(async (id) => ({ id, at: await touchedAt(runFolder(stateFolder, id)) })));
  const newestFirst = dated.toSorted((a, b) => b.at - a.at);
  const old = newestFirst.filter(({ at }, index) => index >= keptRuns || now - at > keptForMs);
  for (const { id } of old) await removeRun(runFolder(stateFolder, id), owner);
}

async function removeRun(folder: string, owner: FolderOwner): Promise<void> {
  const unlock = await lockFolder(folder, owner);
  if (unlock) await removeFolder(folder);
}

async function runIds(stateFolder: string): Promise<readonly string[]> {
  const names = await listFolder(join(stateFolder, "runs"));
  return names.filter((name) => /^[0-9a-f]{16}$/.test(name));
}

async function touchedAt(folder: string): Promise<number> {
  return (await changedAt(join(folder, "journal"))) ?? (await changedAt(folder)) ?? 0;
}
