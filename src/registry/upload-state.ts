import {
  uploadLimits,
  type Live,
  type UploadAnswer,
  type UploadEvent,
  type UploadFacts,
  type UploadLimits,
  type UploadState,
  type UploadStep,
} from "./upload-events.ts";
import {
  ask,
  cancel,
  confused,
  giveUp,
  leave,
  open,
  post,
  reach,
  recover,
  reopen,
  restart,
  send,
  standingAt,
  unusable,
  verify,
  withFacts,
} from "./upload-steps.ts";

/** The first state and its command. `chunkBytes` makes the upload go in pieces from the start. */
export function beginUpload(sizeBytes: number, chunkBytes?: number, limits = uploadLimits): UploadStep {
  return open({ epoch: 0, facts: freshFacts(sizeBytes, chunkBytes, limits) });
}

/** The same for a blob that goes whole with the first request, which asks for no session. */
export function postUpload(sizeBytes: number, chunkBytes?: number, limits = uploadLimits): UploadStep {
  return post({ epoch: 0, facts: freshFacts(sizeBytes, chunkBytes, limits) });
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
    const fresh = { offset: 0, wasResumed: false, saidZero: false, triedOne: false };
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
      return verify(sent, "restart", unusable("did not confirm it"));
    case "opened":
      return send(withFacts(state, { hasSession: true, wasResumed: true, leastBytes: event.leastBytes }));
    case "declined":
      return open(state);
    case "broken":
      return event.ambiguous ? verify(sent, "recover", event.error) : recover(state, event);
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
      return verify(withFacts(state, { hasSession: false }), "restart", event.error);
    case "corrupt":
      return state.facts.wasResumed ? restart(state, event.error) : giveUp(state, event.error);
    case "broken":
      return state.closing && event.ambiguous ? verify(state, "recover", event.error) : recover(state, event);
    default:
      return confused(state, event);
  }
}

/** Some registries answer 201 to a PATCH, some 202 to the closing PUT: only a HEAD tells what they mean. */
function afterUnproved(state: Sending): UploadStep {
  if (state.closing) {
    return verify(withFacts(state, { hasSession: false }), "restart", unusable("did not confirm it"));
  }
  return verify(standingAt(state, state.facts.offset + state.length), "go-on", undefined);
}

function afterChunk(state: Sending, held: number | undefined): UploadStep {
  const { facts } = state;
  const end = facts.offset + state.length;
  const offset = Math.min(held ?? end, end);
  if (offset > facts.offset) return send(standingAt(state, offset));
  const error = unusable("took no byte of a chunk");
  // Some registries say 0-0 after each chunk, whatever they hold.
  if (held === 0 && !facts.saidZero) return askAtOnce(state, error);
  return recover(withFacts(state, { offset }), { error });
}

function askAtOnce(state: Sending, error: unknown): UploadStep {
  const { failures, limits } = state.facts;
  if (failures >= limits.maxFailures) return giveUp(state, error);
  return ask(withFacts(state, { failures: failures + 1 }));
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
      return restart(state, event.error);
    case "broken":
      return reopen(state, event);
    case "lost":
      return verify(withFacts(state, { hasSession: false }), "restart", event.error);
    default:
      return confused(state, event);
  }
}

function afterVerify(state: Extract<UploadState, { at: "verifying" }>, event: UploadAnswer): UploadStep {
  if (event.type === "present") return leave(state, { to: "commit", outcome: arrivedBy(state.facts) });
  const failed = event.type === "absent" || event.type === "broken";
  if (!failed) return confused(state, event);
  switch (state.otherwise) {
    case "go-on":
      return send(state);
    case "recover":
      return recover(state, state);
    default:
      return restart(state, state.error);
  }
}

/** A blob that is there although nothing of it was sent here was there before. */
function arrivedBy({ wasSent, furthest }: UploadFacts): "sent" | "existed" {
  return wasSent || furthest > 0 ? "sent" : "existed";
}
