import { WaybillError } from "../errors.ts";
import {
  uploadLimits,
  type Goal,
  type Live,
  type UploadAnswer,
  type UploadEvent,
  type UploadFacts,
  type UploadLimits,
  type UploadState,
  type UploadStep,
} from "./upload-events.ts";

/** The first state and its command. `chunkBytes` makes the upload go in pieces from the start. */
export function beginUpload(sizeBytes: number, chunkBytes?: number, limits = uploadLimits): UploadStep {
  return open({ epoch: 0, facts: freshFacts(sizeBytes, chunkBytes, limits) });
}

/** The same for a blob that goes whole with the first request, which asks for no session. */
export function postUpload(sizeBytes: number, chunkBytes?: number, limits = uploadLimits): UploadStep {
  const epoch = 1;
  return [
    { at: "posting", epoch, facts: freshFacts(sizeBytes, chunkBytes, limits) },
    { run: "post", epoch },
  ];
}

/** The first state of an upload whose session another run has left open: the server is asked where it stands. */
export function continueUpload(sizeBytes: number, chunkBytes?: number, limits = uploadLimits): UploadStep {
  const facts = freshFacts(sizeBytes, chunkBytes, limits);
  return ask({ epoch: 0, facts: { ...facts, hasSession: true, wasResumed: true } });
}

function freshFacts(sizeBytes: number, chunkBytes: number | undefined, limits: UploadLimits): UploadFacts {
  return {
    sizeBytes,
    limits,
    chunkBytes,
    leastBytes: 0,
    offset: 0,
    furthest: 0,
    hasSession: false,
    wasSent: false,
    wasResumed: false,
    failures: 0,
    restarts: 0,
    saidZero: false,
    triedOne: false,
  };
}

/**
 * The upload's next state. Total: takes every event in every state and never throws. Answers to earlier commands and
 * events after the end change nothing. `committed` is reached through a proof only: a 201 with the digest, or a HEAD.
 */
export function stepUpload(state: UploadState, event: UploadEvent): UploadStep {
  if (state.at === "committed" || state.at === "failed") return [state, undefined];
  if (event.type === "cancel") return cancel(state, event.error);
  if (event.epoch !== state.epoch) return [state, undefined];
  if (event.type === "refused" && state.at !== "releasing") return giveUp(state, event.error);
  switch (state.at) {
    case "opening":
      return afterOpen(state, event);
    case "posting":
      return afterPost(state, event);
    case "sending":
      return afterSend(state, event);
    case "asking":
      return afterAsk(state, event);
    case "verifying":
      return afterVerify(state, event);
    case "waiting":
      return event.type !== "elapsed" ? confused(state, event) : state.next === "ask" ? ask(state) : open(state);
    default:
      return reach(state);
  }
}

function afterOpen(state: Live, event: UploadAnswer): UploadStep {
  const { facts } = state;
  if (event.type === "opened") {
    const fresh = { offset: 0, furthest: 0, wasResumed: false, saidZero: false, triedOne: false };
    return send(withFacts(state, { ...fresh, hasSession: true, leastBytes: event.leastBytes }));
  }
  if (event.type === "present") {
    const outcome = facts.wasSent ? "sent" : event.outcome;
    return leave(withFacts(state, { hasSession: event.holdsSession }), { to: "commit", outcome });
  }
  return confused(state, event);
}

/**
 * A registry that takes no blob in a POST opens a session instead, and should have dropped the bytes; what it made of them is not
 * certain.
 */
function afterPost(state: Live, event: UploadAnswer): UploadStep {
  const sent = withFacts(state, { wasSent: true });
  switch (event.type) {
    case "proved":
      return [{ at: "committed", outcome: "sent" }, undefined];
    case "unproved":
      return verify(sent, "recover", unusable("did not confirm it"));
    case "opened":
      return send(withFacts(state, { hasSession: true, wasResumed: true, leastBytes: event.leastBytes }));
    case "declined":
      return open(state);
    case "broken":
      return event.ambiguous ? verify(sent, "recover", event.error) : recover(state, event.error);
    default:
      return confused(state, event);
  }
}

type Sending = Extract<UploadState, { at: "sending" }>;

function afterSend(before: Sending, event: UploadAnswer): UploadStep {
  const leftInFull = event.type !== "broken" || event.ambiguous;
  const state = before.closing && leftInFull ? withFacts(before, { wasSent: true }) : before;
  switch (event.type) {
    case "accepted":
      return afterChunk(state, event.held);
    case "proved":
      return state.closing ? [{ at: "committed", outcome: "sent" }, undefined] : afterUnproved(state);
    case "unproved":
      return afterUnproved(state);
    case "too-large":
      return smaller(state, event.error);
    case "out-of-range":
      return elsewhere(state, event);
    case "lost":
      return verify(withFacts(state, { hasSession: false }), "recover", event.error);
    case "corrupt":
      return state.facts.wasResumed ? restart(state, event.error) : giveUp(state, event.error);
    case "broken":
      return state.closing && event.ambiguous ? verify(state, "recover", event.error) : recover(state, event.error);
    default:
      return confused(state, event);
  }
}

/** Some registries answer 201 to a PATCH, some 202 to the closing PUT: only a HEAD tells what they mean. */
function afterUnproved(state: Sending): UploadStep {
  if (state.closing) {
    return verify(withFacts(state, { hasSession: false }), "recover", unusable("did not confirm it"));
  }
  return verify(standingAt(state, state.facts.offset + state.length), "go-on", undefined);
}

function afterChunk(state: Sending, held: number | undefined): UploadStep {
  const { facts } = state;
  const end = facts.offset + state.length;
  const offset = Math.min(held ?? end, end);
  if (offset > facts.offset) return send(standingAt(state, offset));
  return recover(withFacts(state, { offset }), unusable("took no byte of a chunk"));
}

/**
 * 413: something on the way limits bodies, and the session behind it saw nothing. Half of what was refused goes next, never
 * less than the least.
 */
function smaller(state: Sending, error: unknown): UploadStep {
  const { limits, leastBytes } = state.facts;
  const half = Math.floor(state.length / 2);
  const chunkBytes = Math.max(limits.minChunkBytes, Math.min(limits.maxChunkBytes, half));
  if (chunkBytes >= state.length || chunkBytes < leastBytes) return giveUp(state, error);
  return send(withFacts(state, { chunkBytes }));
}

function elsewhere(state: Sending, event: { held: number | undefined; error: unknown }): UploadStep {
  const { facts } = state;
  const { held, error } = event;
  const counted = withFacts(state, { failures: facts.failures + 1, wasResumed: true });
  if (counted.facts.failures > facts.limits.maxFailures) return giveUp(state, error);
  if (held !== undefined && held !== facts.offset && held <= facts.sizeBytes) {
    return send(withFacts(counted, { offset: held, saidZero: held === 0 }));
  }
  const mayBeOne = facts.offset === 0 && (held === 0 || facts.saidZero) && !facts.triedOne && facts.sizeBytes > 0;
  if (mayBeOne) return send(withFacts(counted, { offset: 1, triedOne: true }));
  return held === undefined && !facts.saidZero ? ask(counted) : restart(counted, error);
}

function afterAsk(state: Live, event: UploadAnswer): UploadStep {
  const { facts } = state;
  switch (event.type) {
    case "held": {
      const { bytes } = event;
      if (bytes > facts.sizeBytes) return restart(state, unusable("holds more bytes than the blob has"));
      return send(withFacts(standingAt(state, bytes), { saidZero: bytes === 0, wasResumed: true }));
    }
    case "statusless":
    case "broken":
      return restart(state, event.error);
    case "lost":
      return verify(withFacts(state, { hasSession: false }), "recover", event.error);
    default:
      return confused(state, event);
  }
}

function afterVerify(state: Extract<UploadState, { at: "verifying" }>, event: UploadAnswer): UploadStep {
  if (event.type === "present") return leave(state, { to: "commit", outcome: arrivedBy(state.facts) });
  const failed = event.type === "absent" || event.type === "broken";
  if (!failed) return confused(state, event);
  return state.otherwise === "go-on" ? send(state) : recover(state, state.error);
}

/** A blob that is there although nothing of it was sent here was there before. */
function arrivedBy({ wasSent, furthest }: UploadFacts): "sent" | "existed" {
  return wasSent || furthest > 0 ? "sent" : "existed";
}

function recover(state: Live, error: unknown): UploadStep {
  const { facts } = state;
  if (facts.failures >= facts.limits.maxFailures) return giveUp(state, error);
  const isWorthResuming = facts.offset > 0 || facts.sizeBytes > facts.limits.resumeAboveBytes;
  if (!facts.hasSession || !isWorthResuming) return restart(state, error);
  return wait(withFacts(state, { failures: facts.failures + 1 }), "ask", error);
}

function restart(state: Live, error: unknown): UploadStep {
  const { facts } = state;
  if (facts.restarts >= facts.limits.maxRestarts) return giveUp(state, error);
  return leave(withFacts(state, { restarts: facts.restarts + 1 }), { to: "reopen", error });
}

function giveUp(state: Live, error: unknown): UploadStep {
  return leave(state, { to: "fail", error });
}

function cancel(state: Exclude<UploadState, { at: "committed" | "failed" }>, error: unknown): UploadStep {
  if (state.at !== "releasing") return giveUp(state, error);
  return state.goal.to === "reopen" ? [{ ...state, goal: { to: "fail", error } }, undefined] : [state, undefined];
}

function unusable(seen: string): WaybillError {
  return new WaybillError("unavailable", `Cannot push blob: the registry ${seen}`);
}

/** An answer that does not belong to its question is a mistake of ours; the upload ends cleanly all the same. */
function confused(state: Live, event: UploadAnswer): UploadStep {
  return giveUp(state, new TypeError(`Unexpected upload event "${event.type}"`));
}

/** Goes on to `goal`, after giving up the open session. */
function leave(state: Live, goal: Goal): UploadStep {
  if (!state.facts.hasSession) return reach({ ...live(state), goal });
  const epoch = state.epoch + 1;
  return [
    { at: "releasing", epoch, facts: state.facts, goal },
    { run: "release", epoch },
  ];
}

function reach(state: Live & { readonly goal: Goal }): UploadStep {
  const { goal } = state;
  if (goal.to === "commit") return [{ at: "committed", outcome: goal.outcome }, undefined];
  if (goal.to === "fail") return [{ at: "failed", error: goal.error }, undefined];
  return wait(withFacts(state, { hasSession: false, offset: 0 }), "open", goal.error);
}

function open(state: Live): UploadStep {
  const epoch = state.epoch + 1;
  return [
    { at: "opening", epoch, facts: state.facts },
    { run: "open", epoch },
  ];
}

function ask(state: Live): UploadStep {
  const epoch = state.epoch + 1;
  return [
    { at: "asking", epoch, facts: state.facts },
    { run: "ask", epoch },
  ];
}

function verify(state: Live, otherwise: "go-on" | "recover", error: unknown): UploadStep {
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
function send(state: Live): UploadStep {
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
function standingAt<T extends Live>(state: T, offset: number): T {
  const { furthest, failures } = state.facts;
  return withFacts(state, {
    offset,
    furthest: Math.max(furthest, offset),
    failures: offset > furthest ? 0 : failures,
  });
}

function withFacts<T extends Live>(state: T, facts: Partial<UploadFacts>): T {
  return { ...state, facts: { ...state.facts, ...facts } };
}
