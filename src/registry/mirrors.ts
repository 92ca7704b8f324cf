import type { Clock } from "../async/clock.ts";
import { Controller, follow } from "../async/on-abort.ts";
import type { ReferrersOptions, Source } from "../content/store.ts";
import { hasCode, WaybillError } from "../errors.ts";
import type { Report } from "../telemetry/events.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { formatLocation } from "../spec/reference.ts";

/** Who hears of mirrors that did not serve. */
export interface MirrorOptions {
  /** Hears which mirror did not serve, as `debug`, and that the origin's referrers are unknown, as `warning`. */
  readonly report: Report;
  readonly clock: Clock;
}

/**
 * `origin`, but content is asked for at `mirrors` first, in order, and at the origin last. A mirror that lacks something or
 * fails is passed over; content is verified wherever it comes from.
 *
 * Referrers are asked of all at once, since mirrors seldom have every one. While mirrors have served and the origin has not, it
 * may be out of reach for good: it is asked once, without repetition, and then gone on without, with one warning.
 */
export function mirrored(origin: Source, mirrors: readonly Source[], options?: MirrorOptions): Source {
  const state: State = { mirrors, origin, options, served: new Set(), unreachable: new AbortController() };
  const first = <T>(get: (source: Source) => Promise<T>, signal: AbortSignal | undefined) =>
    firstToServe({ ...state, signal }, get);
  return {
    location: origin.location,
    resolve: (name, call) => first((source) => source.resolve(name, call), call?.signal),
    manifest: (target, call) => first((source) => source.manifest(target, call), call?.signal),
    fetch: (target, call) => first((source) => source.fetch(target, call), call?.signal),
    referrers: (subject, call) => referrersOfAll(state, subject, call),
  };
}

interface State {
  readonly mirrors: readonly Source[];
  readonly origin: Source;
  readonly options: MirrorOptions | undefined;
  /** Those that have answered by now. */
  readonly served: Set<Source>;
  /** Aborted once the origin is not asked for referrers any more. */
  readonly unreachable: AbortController;
}

interface Choice extends State {
  readonly signal: AbortSignal | undefined;
}

async function firstToServe<T>(choice: Choice, get: (source: Source) => Promise<T>): Promise<T> {
  const { mirrors, origin, served } = choice;
  for (const mirror of mirrors) {
    try {
      const got = await get(mirror);
      served.add(mirror);
      return got;
    } catch (error) {
      passOver(choice, mirror, error);
    }
  }
  const got = await get(origin);
  served.add(origin);
  return got;
}

/** Tells why `mirror` does not serve. @throws the error itself where nobody else is to be asked. */
function passOver({ options, signal }: Choice, mirror: Source, error: unknown): void {
  if (signal?.aborted || !(error instanceof WaybillError) || error.code === "cancelled") throw error;
  const message = `mirror ${formatLocation(mirror.location)} passed over: ${error.message}`;
  options?.report({ type: "debug", message, at: options.clock.now() });
}

/** Each referrer once, the origin's first. */
async function referrersOfAll(state: State, subject: Digest, call: ReferrersOptions = {}): Promise<Descriptor[]> {
  const choice = { ...state, signal: call.signal };
  const fromMirror = async (mirror: Source): Promise<readonly Descriptor[]> => {
    try {
      return await mirror.referrers(subject, { ...call, attempts: 1 });
    } catch (error) {
      passOver(choice, mirror, error);
      return [];
    }
  };
  const lists = await Promise.all([originReferrers(state, subject, call), ...state.mirrors.map(fromMirror)]);
  const once = new Map<Digest, Descriptor>();
  for (const one of lists.flat()) if (!once.has(one.digest)) once.set(one.digest, one);
  return [...once.values()];
}

async function originReferrers(state: State, subject: Digest, call: ReferrersOptions): Promise<readonly Descriptor[]> {
  const { mirrors, origin, options, served, unreachable } = state;
  if (unreachable.signal.aborted) return [];
  const isDoubtful = !served.has(origin) && mirrors.some((mirror) => served.has(mirror));
  try {
    const found = await (isDoubtful ? askedOnce(state, subject, call) : origin.referrers(subject, call));
    served.add(origin);
    return found;
  } catch (error) {
    if (!isDoubtful || call.signal?.aborted) throw error;
    if (unreachable.signal.aborted) return [];
    if (!hasCode(error, ...cannotBeAsked)) throw error;
    // Another request has found that it can be reached: this one is worth the usual patience.
    if (served.has(origin)) return origin.referrers(subject, call);
    unreachable.abort();
    const message = `Signatures and other referrers are only those that mirrors list: ${error.message}`;
    options?.report({ type: "warning", message, source: formatLocation(origin.location), at: options.clock.now() });
    return [];
  }
}

/** Without repetition, and no longer than it is worth asking. */
async function askedOnce(
  { origin, unreachable }: State,
  subject: Digest,
  call: ReferrersOptions,
): Promise<readonly Descriptor[]> {
  const ended = new Controller();
  const leave = [call.signal, unreachable.signal].map((signal) => follow(signal, ended));
  try {
    return await origin.referrers(subject, { ...call, signal: ended.signal, attempts: 1 });
  } finally {
    for (const stay of leave) stay();
  }
}

/** Codes that say nothing of the content: the origin is out of reach, or not for us. */
const cannotBeAsked = [
  ...(["connection_failed", "timeout", "tls_failed", "unavailable", "rate_limited"] as const),
  ...(["auth_required", "auth_denied", "realm_untrusted", "not_a_registry"] as const),
];
