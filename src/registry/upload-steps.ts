// What an upload goes on to: each state with the command that it waits for.
import { WaybillError } from "../errors.ts";
import type {
  Failure,
  Goal,
  Live,
  Otherwise,
  UploadAnswer,
  UploadFacts,
  UploadState,
  UploadStep,
} from "./upload-events.ts";

/**
 * After a failure that may pass: waits, and asks where the session stands where that is worth it, else opens another. Gives up
 * after as many failures as the limits allow.
 */
export function recover(state: Live, failure: Failure): UploadStep {
  const { hasSession, offset, sizeBytes, limits } = state.facts;
  const isWorthResuming = offset > 0 || sizeBytes > limits.resumeAboveBytes;
  return hasSession && isWorthResuming
    ? failed(state, failure, (counted) => wait(counted, "ask", failure.error))
    : reopen(state, failure);
}

/** After a failure that may pass: opens another session, and waits before. Gives up after as many failures as the limits allow. */
export function reopen(state: Live, failure: Failure): UploadStep {
  return failed(state, failure, (counted) => leave(counted, { to: "reopen", error: failure.error }));
}

function failed(state: Live, { error, isRepeated = false }: Failure, goOn: (counted: Live) => UploadStep): UploadStep {
  const { failures, limits } = state.facts;
  if (failures >= limits.maxFailures) return giveUp(state, error);
  return goOn(withFacts(state, { failures: failures + (isRepeated ? limits.repeatedCounts : 1) }));
}

/** Gives a bad session up and begins anew in another, as often as the limits allow; else gives up. */
export function restart(state: Live, error: unknown): UploadStep {
  const { facts } = state;
  if (facts.restarts >= facts.limits.maxRestarts) return giveUp(state, error);
  return leave(withFacts(state, { restarts: facts.restarts + 1, furthest: 0 }), { to: "reopen", error });
}

/** Fails with `error`, after giving up the open session. */
export function giveUp(state: Live, error: unknown): UploadStep {
  return leave(state, { to: "fail", error });
}

/** Fails with `error`. Where the session is being given up already, what for stays, unless that was to open another. */
export function cancel(state: Exclude<UploadState, { at: "committed" | "failed" }>, error: unknown): UploadStep {
  if (state.at !== "releasing") return giveUp(state, error);
  return state.goal.to === "reopen" ? [{ ...state, goal: { to: "fail", error } }, undefined] : [state, undefined];
}

/** What is found wrong here. It names neither the blob nor where that was to go. */
export class Unusable extends WaybillError {}

/** An answer that nothing can be made of, though another time it may: "the registry" and `seen` make a sentence. */
export function unusable(seen: string): WaybillError {
  return new Unusable("unavailable", `Cannot push blob: the registry ${seen}`);
}

/** An answer that does not belong to its question is a mistake of ours; the upload ends cleanly all the same. */
export function confused(state: Live, event: UploadAnswer): UploadStep {
  return giveUp(state, new TypeError(`Unexpected upload event "${event.type}"`));
}

/** Goes on to `goal`, after giving up the open session. */
export function leave(state: Live, goal: Goal): UploadStep {
  if (!state.facts.hasSession) return reach({ ...live(state), goal });
  const epoch = state.epoch + 1;
  return [
    { at: "releasing", epoch, facts: state.facts, goal },
    { run: "release", epoch },
  ];
}

/** Arrives at the goal: nothing is open any more. */
export function reach(state: Live & { readonly goal: Goal }): UploadStep {
  const { goal } = state;
  if (goal.to === "commit") return [{ at: "committed", outcome: goal.outcome }, undefined];
  if (goal.to === "fail") return [{ at: "failed", error: goal.error }, undefined];
  return wait(withFacts(state, { hasSession: false, offset: 0 }), "open", goal.error);
}

/** Opens a session, or finds that the blob is there. */
export function open(state: Live): UploadStep {
  return next(state, "opening", "open");
}

/** Sends the whole blob without a session. */
export function post(state: Live): UploadStep {
  return next(state, "posting", "post");
}

/** Asks how many bytes the session holds. */
export function ask(state: Live): UploadStep {
  return next(state, "asking", "ask");
}

function next(state: Live, at: "opening" | "posting" | "asking", run: "open" | "post" | "ask"): UploadStep {
  const epoch = state.epoch + 1;
  return [
    { at, epoch, facts: state.facts },
    { run, epoch },
  ];
}

/** Looks whether the blob is there after all. If not, the upload goes on as told; `error` is why. */
export function verify(state: Live, otherwise: Otherwise, error: unknown): UploadStep {
  const epoch = state.epoch + 1;
  return [
    { at: "verifying", epoch, facts: state.facts, otherwise, error },
    { run: "verify", epoch },
  ];
}

function wait(state: Live, next: "open" | "ask", error: unknown): UploadStep {
  const epoch = state.epoch + 1;
  const { facts } = state;
  const attempt = Math.max(1, facts.failures + facts.restarts);
  return [
    { at: "waiting", epoch, facts, next },
    { run: "wait", epoch, attempt, error },
  ];
}

/** The next piece; the last one goes with the closing request. */
export function send(state: Live): UploadStep {
  const epoch = state.epoch + 1;
  const { sizeBytes, offset, chunkBytes, leastBytes } = state.facts;
  const most = chunkBytes === undefined ? Number.POSITIVE_INFINITY : Math.max(chunkBytes, leastBytes);
  const length = Math.min(sizeBytes - offset, most);
  const closing = offset + length === sizeBytes;
  return [
    { at: "sending", epoch, facts: state.facts, length, closing },
    { run: "send", epoch, offset, length, closing },
  ];
}

function live({ epoch, facts }: Live): Live {
  return { epoch, facts };
}

/** The server holds `offset` bytes. Patience is renewed by bytes that it never held before. */
export function standingAt<T extends Live>(state: T, offset: number): T {
  const { furthest, failures } = state.facts;
  return withFacts(state, {
    offset,
    furthest: Math.max(furthest, offset),
    failures: offset > furthest ? 0 : failures,
  });
}

/** The same state with some facts changed. */
export function withFacts<T extends Live>(state: T, facts: Partial<UploadFacts>): T {
  return { ...state, facts: { ...state.facts, ...facts } };
}
