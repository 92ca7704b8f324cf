import { createLanes, type Lanes } from "../async/lanes.ts";
import type { CallOptions } from "../content/store.ts";
import { ioCall } from "../disk/durable.ts";
import { tryLockFile, type LockFile, type SeenLock } from "../disk/lock-file.ts";
import { isAlive as isAliveHere, startOf } from "../disk/process-name.ts";
import { WaybillError } from "../errors.ts";
import type { Files } from "./files.ts";

/** What a layout needs to know about the process that writes it. */
export interface Process {
  readonly pid: number;
  /** The machine's name: only there a process number means something. */
  readonly host: string;
  /** The machine's date, in milliseconds since the epoch: files of other processes are older by it. */
  readonly now: () => number;
  /** Whether there is a process of this number; default: as the machine says. */
  readonly isAlive?: (pid: number) => boolean;
  /** Absent where nobody waits for another process. */
  sleep?(delayMs: number, signal: AbortSignal | undefined): Promise<void>;
}

/** Who writes. One for all layouts of a process: updates of one layout from here wait for each other. */
export interface LayoutOwner extends Process {
  readonly queues: Map<string, Lanes>;
}

/** Makes the one owner of a process. */
export function createLayoutOwner(self: Process): LayoutOwner {
  return { ...self, queues: new Map() };
}

/** The queue of those in this process who want to change what `path` locks; it has one place. */
export function queueFor(path: string, { queues }: LayoutOwner): Lanes {
  const queue = queues.get(path) ?? createLanes({ limit: 1 });
  queues.set(path, queue);
  return queue;
}

/** A lock that is ours until the block is left. */
export interface Lock extends AsyncDisposable {
  /** @throws WaybillError `busy` where somebody took the lock file away. */
  requireHeld(): Promise<void>;
}

/**
 * Locks `path` against other processes. In this one `queueFor` lets in one at a time.
 *
 * The lock is a file that names its holder, made only where there is none. Node has no `flock`, which buildkit uses: it
 * sees our file but not our lock, so with buildkit on the same layout at the same moment one update may be lost, though
 * never torn. A file left by a process of this machine that is gone is taken over; so is one without a holder's name (as
 * buildkit and a crash leave it) after a minute, for an update takes milliseconds.
 *
 * Another process that holds it is waited for, five seconds at most.
 *
 * @throws WaybillError `busy` where it still holds it then; the reason of `signal`.
 */
export async function lock(files: Files, path: string, owner: LayoutOwner, options: CallOptions = {}): Promise<Lock> {
  const held = await lockFile(files, path, owner, options.signal);
  return {
    async requireHeld() {
      if (!(await ioCall(`read "${path}"`, () => held.isHeld()))) throw busy(path);
    },
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

const patienceMs = 5000;
const longestPauseMs = 200;

async function lockFile(
  files: Files,
  path: string,
  owner: LayoutOwner,
  signal: AbortSignal | undefined,
): Promise<LockFile> {
  let waitedMs = 0;
  for (let pauseMs = 5; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const held = await tryLock(files, path, owner);
    if (held) return held;
    if (!owner.sleep || waitedMs >= patienceMs) throw busy(path);
    await owner.sleep(pauseMs, signal);
    waitedMs += pauseMs;
  }
}

async function tryLock(files: Files, path: string, owner: LayoutOwner): Promise<LockFile | undefined> {
  const { pid, host } = owner;
  const start = startOf(pid);
  const name = JSON.stringify({ pid, host, ...(start !== undefined && { start }) });
  const isStale = (seen: SeenLock) => isLeft(seen, owner);
  return ioCall(`lock "${path}"`, () => tryLockFile(path, { name, isStale, mode: 0o644, files }));
}

function busy(path: string): WaybillError {
  const advice = "If nothing is writing this layout, remove the lock file.";
  return new WaybillError("busy", `could not lock ${path}: another process is writing`, { advice });
}

const ownerlessForMs = 60_000;

/** Whether the process that made the file is gone. */
function isLeft({ text, modifiedAt }: SeenLock, { host, now, isAlive = isAliveHere }: LayoutOwner): boolean {
  const holder = readHolder(text);
  if (!holder) return now() - modifiedAt > ownerlessForMs;
  if (holder.host !== host) return false;
  if (!isAlive(holder.pid)) return true;
  // The number may have gone to another process since.
  const start = startOf(holder.pid);
  return start !== undefined && holder.start !== undefined && start !== holder.start;
}

function readHolder(text: string): { pid: number; host: string; start?: string } | undefined {
  try {
    const { pid, host, start } = JSON.parse(text) as Record<string, unknown>;
    if (!Number.isSafeInteger(pid) || (pid as number) <= 0 || typeof host !== "string") return undefined;
    return { pid: pid as number, host, ...(typeof start === "string" && { start }) };
  } catch {
    return undefined;
  }
}
