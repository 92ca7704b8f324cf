import type { Clock } from "../async/clock.ts";
import type { HttpRequest } from "./send.ts";

/** How long each part of an exchange may take. Milliseconds, and bytes per second. */
export interface Deadlines {
  readonly dnsMs: number;
  readonly connectMs: number;
  readonly tlsMs: number;
  /** From the end of the request to the response's headers. */
  readonly headersMs: number;
  /** The same for a PUT or POST that commits content: a slow commit is legal, and takes longer for more content. */
  readonly commitMs: number;
  readonly commitBytesPerSecond: number;
  /** Without one byte on the socket while we wait for it, in either direction. */
  readonly idleMs: number;
  readonly minBytesPerSecond: number;
  readonly rateWindowMs: number;
}

export const defaultDeadlines: Deadlines = {
  dnsMs: 5000,
  connectMs: 10_000,
  tlsMs: 10_000,
  headersMs: 30_000,
  commitMs: 60_000,
  commitBytesPerSecond: 10_000_000,
  idleMs: 30_000,
  minBytesPerSecond: 1024,
  rateWindowMs: 60_000,
};

export type DeadlineName = "dns" | "connect" | "tls" | "headers" | "idle" | "rate";

/** A deadline that passed: what an attempt ended by. */
export class DeadlineExpired extends Error {
  override readonly name = "DeadlineExpired";
  readonly which: DeadlineName;
  readonly delayMs: number;

  constructor(which: DeadlineName, delayMs: number) {
    super(`${which} deadline passed after ${delayMs} ms`);
    this.which = which;
    this.delayMs = delayMs;
  }
}

/** How long the response's headers may take for `request` with a body of `sizeBytes`. */
export function headersDeadlineMs(request: HttpRequest, sizeBytes: number, deadlines: Deadlines): number {
  const commits = request.operation === "upload-body" && request.method !== "PATCH";
  if (!commits) return deadlines.headersMs;
  return deadlines.commitMs + (sizeBytes / deadlines.commitBytesPerSecond) * 1000;
}

/** What a direction of a socket looks like at one moment. */
export interface Flow {
  /** Bytes since the beginning. */
  readonly bytes: number;
  /** True while we wait for the other side; our own slowness counts for nothing. */
  readonly waiting: boolean;
}

/** Judges a flow from looks at it, one after the other: idle, too slow, or fine. */
export type FlowJudge = (now: number, flow: Flow) => DeadlineExpired | undefined;

/** Begins to judge at `now`. Time counts only between two looks that both saw us waiting. */
export function flowJudge(now: number, deadlines: Deadlines): FlowJudge {
  let last = { now, bytes: 0, waiting: false };
  let idleMs = 0;
  let window = { waitedMs: 0, bytes: 0 };
  return (at, flow) => {
    const moved = flow.bytes - last.bytes;
    const waitedMs = last.waiting && flow.waiting ? at - last.now : 0;
    last = { now: at, bytes: flow.bytes, waiting: flow.waiting };
    idleMs = moved > 0 || !flow.waiting ? 0 : idleMs + waitedMs;
    window = { waitedMs: window.waitedMs + waitedMs, bytes: window.bytes + moved };
    if (idleMs >= deadlines.idleMs) return new DeadlineExpired("idle", deadlines.idleMs);
    if (window.waitedMs < deadlines.rateWindowMs) return undefined;
    const tooSlow = window.bytes < (deadlines.minBytesPerSecond * window.waitedMs) / 1000;
    window = { waitedMs: 0, bytes: 0 };
    return tooSlow ? new DeadlineExpired("rate", deadlines.rateWindowMs) : undefined;
  };
}

/** Calls `look` about once a second until the returned function is called. */
export type LookRegularly = (look: (now: number) => void) => () => void;

/** One timer for all that is looked at; none while that is nothing. */
export function regularLooks(clock: Clock, deadlines: Deadlines): LookRegularly {
  const periodMs = Math.max(1, Math.min(1000, deadlines.idleMs / 2, deadlines.headersMs / 2));
  const looks = new Set<(now: number) => void>();
  let cancel: () => void = () => undefined;
  function tick(): void {
    cancel = clock.after(periodMs, tick);
    for (const look of looks) look(clock.now());
  }
  return (look) => {
    if (looks.size === 0) cancel = clock.after(periodMs, tick);
    looks.add(look);
    return () => {
      if (looks.delete(look) && looks.size === 0) cancel();
    };
  };
}
