import type { Source } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import type { Report } from "../telemetry/events.ts";
import { formatLocation } from "../spec/reference.ts";

export interface MirrorOptions {
  /** Hears which mirror did not serve, as `debug`. */
  readonly report?: Report;
  readonly now?: () => number;
}

/**
 * `origin`, but content is asked for at `mirrors` first, in order, and at the origin last. A mirror that lacks something or
 * fails is passed over; content is verified wherever it comes from. Referrers are the origin's: mirrors seldom have them.
 */
export function mirrored(origin: Source, mirrors: readonly Source[], options: MirrorOptions = {}): Source {
  const first = <T>(get: (source: Source) => Promise<T>, signal: AbortSignal | undefined) =>
    firstToServe({ mirrors, origin, options, signal }, get);
  return {
    location: origin.location,
    resolve: (name, call) => first((source) => source.resolve(name, call), call?.signal),
    manifest: (target, call) => first((source) => source.manifest(target, call), call?.signal),
    fetch: (target, call) => first((source) => source.fetch(target, call), call?.signal),
    referrers: (subject, call) => origin.referrers(subject, call),
  };
}

interface Choice {
  readonly mirrors: readonly Source[];
  readonly origin: Source;
  readonly options: MirrorOptions;
  readonly signal: AbortSignal | undefined;
}

async function firstToServe<T>(choice: Choice, get: (source: Source) => Promise<T>): Promise<T> {
  const { mirrors, origin, options, signal } = choice;
  for (const mirror of mirrors) {
    try {
      return await get(mirror);
    } catch (error) {
      if (signal?.aborted || !(error instanceof WaybillError) || error.code === "cancelled") throw error;
      const message = `mirror ${formatLocation(mirror.location)} passed over: ${error.message}`;
      options.report?.({ type: "debug", message, at: options.now?.() ?? 0 });
    }
  }
  return get(origin);
}
