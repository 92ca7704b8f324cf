import { hash, randomBytes } from "node:crypto";

/** The span of somebody else that the whole run is part of. */
export interface RemoteParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly sampled: boolean;
  /** Other vendors' words about the trace, which are handed on. */
  readonly state?: string;
}

/** The trace that a run is, or is part of. */
export interface TraceIdentity {
  readonly traceId: string;
  /** Tells runs apart that are part of one trace. */
  readonly run: string;
  readonly parent?: RemoteParent;
}

// Versions after 00 may go on behind the flags.
const header = /^(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const mostState = 512;

/**
 * Reads `TRACEPARENT` and `TRACESTATE`; `undefined` where there is none that can be used. Never throws.
 * Spec: W3C Trace Context, Level 1, "traceparent Header"; OpenTelemetry, "Environment Variables as Context Propagation Carriers".
 */
export function remoteParent(env: Readonly<Record<string, string | undefined>>): RemoteParent | undefined {
  const [, version, traceId = "", spanId = "", flags = "", rest] = header.exec(env["TRACEPARENT"]?.trim() ?? "") ?? [];
  const isUsable = /[^0]/.test(traceId) && /[^0]/.test(spanId) && (version !== "00" || rest === undefined);
  if (!isUsable) return undefined;
  const state = env["TRACESTATE"]?.trim() ?? "";
  const isState = /^[\x20-\x7e]+$/.test(state) && state.length <= mostState;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1, ...(isState && { state }) };
}

/** The trace of a run: its parent's, or one of its own. */
export function traceIdentity(parent?: RemoteParent): TraceIdentity {
  const run = randomBytes(8).toString("hex");
  return parent ? { traceId: parent.traceId, run, parent } : { traceId: randomBytes(16).toString("hex"), run };
}

/** The span id of a task or an attempt: the same wherever it is asked for, so that nobody has to keep a table of them. */
export function spanIdOf({ run }: Pick<TraceIdentity, "run">, id: string): string {
  const digits = hash("sha256", `${run} ${id}`);
  // All zeros is no span id.
  return digits.slice(0, 16).replace(/^0{16}$/, digits.slice(16, 32));
}

/** The header that makes somebody else's spans part of the trace. */
export function traceParent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? "01" : "00"}`;
}
