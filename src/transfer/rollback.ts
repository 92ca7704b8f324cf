import type { Clock } from "../async/clock.ts";
import type { CallOptions, Store } from "../content/store.ts";
import type { Digest } from "../spec/digest.ts";
import type { Location } from "../spec/reference.ts";
import { afterwards } from "./afterwards.ts";
import { toPush } from "./closure.ts";

/** A tag that a publish has moved, or may have. */
export interface Move {
  readonly tag: string;
  /** What it named before. */
  readonly before: Digest | "absent";
  /** What it was made to name. */
  readonly ours: Digest;
}

/**
 * What taking a move back came to: it names again what it named before; it was new and names the new content still; somebody
 * else has moved it on, and it is theirs. `kept`: it could not be put back, for `error`.
 */
export type Undone =
  | { readonly tag: string; readonly state: "rolled-back" | "left-behind" | "failed" }
  | { readonly tag: string; readonly state: "kept"; readonly error: unknown };

export interface UndoOptions {
  readonly open: (location: Location) => Promise<Store>;
  readonly clock: Clock;
}

/** Puts the tags of one target back, one after another, where they are still ours. New tags stay. Never rejects. */
export async function undo(at: Location, moves: readonly Move[], options: UndoOptions): Promise<readonly Undone[]> {
  const undone: Undone[] = [];
  for (const move of moves) undone.push(await undoOne(at, move, options));
  return undone;
}

async function undoOne(at: Location, move: Move, { open, clock }: UndoOptions): Promise<Undone> {
  const { tag, before } = move;
  if (before === "absent") return { tag, state: "left-behind" };
  try {
    const putBack = async (signal: AbortSignal) => restore(await open(at), { ...move, before }, { signal });
    return { tag, state: await afterwards(clock, at, putBack) };
  } catch (error) {
    return { tag, state: "kept", error };
  }
}

async function restore(
  store: Store,
  { tag, before, ours }: Move & { readonly before: Digest },
  call: CallOptions,
): Promise<"rolled-back" | "failed"> {
  const now = (await store.tagged(tag, call))?.digest;
  // Somebody else's move is not ours to undo.
  if (now !== ours) return now === before ? "rolled-back" : "failed";
  const old = await store.manifest(before, call);
  await store.pushManifest(toPush(old), { ...call, tags: [tag] });
  return "rolled-back";
}
