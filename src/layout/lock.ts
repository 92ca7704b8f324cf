import { createLanes, type Lanes } from "../async/lanes.ts";
import type { CallOptions } from "../content/store.ts";
import { WaybillError, hasCode } from "../errors.ts";
import { guarded, openPlain, readWhole, unless, type Files } from "./files.ts";

/** What a layout needs to know about the process that writes it. */
export interface Process {
  readonly pid: number;
  /** The machine's name: only there a process number means something. */
  readonly host: string;
  /** Milliseconds since the epoch. */
  now(): number;
  isAlive(pid: number): boolean;
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

/** A lock that is ours until the block is left. */
export interface Lock extends AsyncDisposable {
  /** @throws WaybillError `busy` where somebody took the lock file away. */
  requireHeld(): Promise<void>;
}

/**
 * Locks `path` against other processes, and queues behind whoever holds it in this one.
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
  const queue = owner.queues.get(path) ?? createLanes({ limit: 1 });
  owner.queues.set(path, queue);
  const release = await queue.acquire(options.signal ? { signal: options.signal } : {});
  try {
    const held = await lockFile(files, path, owner, options.signal);
    return {
      requireHeld: () => held.requireHeld(),
      async [Symbol.asyncDispose]() {
        try {
          await held[Symbol.asyncDispose]();
        } finally {
          release();
        }
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

const patienceMs = 5000;
const longestPauseMs = 200;

async function lockFile(
  files: Files,
  path: string,
  owner: LayoutOwner,
  signal: AbortSignal | undefined,
): Promise<Lock> {
  const until = owner.now() + patienceMs;
  for (let pauseMs = 5; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    const held = await tryLock(files, path, owner);
    if (held) return held;
    if (!owner.sleep || owner.now() >= until) throw busy(path);
    await owner.sleep(pauseMs, signal);
  }
}

const attempts = 3;

async function tryLock(files: Files, path: string, owner: LayoutOwner): Promise<Lock | undefined> {
  const { pid, host } = owner;
  const start = await startOf(files, pid);
  const mine = JSON.stringify({ pid, host, ...(start !== undefined && { start }) });
  for (let attempt = 0; attempt < attempts; attempt++) {
    if (await create(files, path, mine)) return heldLock(files, path, mine);
    if (!(await takeAway(files, path, owner))) break;
  }
  return undefined;
}

async function create(files: Files, path: string, text: string): Promise<boolean> {
  const handle = await guarded("lock", path, () => unless(["EEXIST"], () => files.open(path, "wx", 0o644)));
  if (!handle) return false;
  await using open = handle;
  try {
    await guarded("lock", path, () => open.writeFile(text));
    return true;
  } catch (error) {
    await files.unlink(path).catch(() => undefined);
    throw error;
  }
}

function heldLock(files: Files, path: string, mine: string): Lock {
  const isHeld = async () => (await look(files, path))?.text === mine;
  return {
    async requireHeld() {
      if (!(await isHeld())) throw busy(path);
    },
    async [Symbol.asyncDispose]() {
      if (await isHeld().catch(() => false)) await files.unlink(path).catch(() => undefined);
    },
  };
}

function busy(path: string): WaybillError {
  const advice = "If nothing is writing this layout, remove the lock file.";
  return new WaybillError("busy", `could not lock ${path}: another process is writing`, { advice });
}

interface Seen {
  readonly text: string;
  readonly modifiedAt: number;
}

async function look(files: Files, path: string): Promise<Seen | undefined> {
  try {
    const file = await openPlain(files, path);
    if (!file) return undefined;
    const { modifiedAt } = file;
    return { text: Buffer.from(await readWhole(file, 4096)).toString("utf8"), modifiedAt };
  } catch (error) {
    if (hasCode(error, "invalid_layout", "too_large", "size_mismatch")) return undefined;
    throw error;
  }
}

/** Removes a lock file whose holder is gone. It is moved aside first, so that of two who try only one succeeds. */
async function takeAway(files: Files, path: string, owner: LayoutOwner): Promise<boolean> {
  const seen = await look(files, path);
  if (!seen || !(await isStale(files, seen, owner))) return false;
  const aside = `${path}.${owner.pid}.stale`;
  const moved = await unless(["ENOENT"], async () => (await files.rename(path, aside), true));
  if (!moved) return true;
  const taken = await look(files, aside);
  // Somebody else was quicker and this is already their lock: give it back.
  if (taken?.text !== seen.text) await files.link(aside, path).catch(() => undefined);
  await files.unlink(aside).catch(() => undefined);
  return taken?.text === seen.text;
}

const ownerlessForMs = 60_000;

async function isStale(files: Files, { text, modifiedAt }: Seen, owner: LayoutOwner): Promise<boolean> {
  const holder = readHolder(text);
  if (!holder) return owner.now() - modifiedAt > ownerlessForMs;
  if (holder.host !== owner.host) return false;
  if (!owner.isAlive(holder.pid)) return true;
  // The number may have gone to another process since.
  const start = await startOf(files, holder.pid);
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

/** When a process began, in the kernel's own count; only Linux tells. */
async function startOf(files: Files, pid: number): Promise<string | undefined> {
  try {
    await using handle = await files.open(`/proc/${pid}/stat`, "r");
    const text = await handle.readFile("utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ")[19];
  } catch {
    return undefined;
  }
}
