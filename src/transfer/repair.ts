import type { Clock } from "../async/clock.ts";
import { lagPatience } from "../async/lag-patience.ts";
import { hasCode, WaybillError } from "../errors.ts";
import type { Digest } from "../spec/digest.ts";

/** Most times that content is brought again because its registry says that it lacks it. */
const mostRounds = 3;

export interface Repair {
  /** What the manifest needs directly. */
  readonly children: readonly Digest[];
  /** Whether this run has brought `digest` to the target, and had that acknowledged. */
  readonly isBrought: (digest: Digest) => boolean;
  /** Brings content again, whatever the target says of its presence. */
  readonly bringAgain: (digests: readonly Digest[]) => Promise<void>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Pushes a manifest by `push`. Where the registry says that content is missing: what this run has brought is there and not shown
 * yet, so that asking again in a while, for half a minute, is enough; what was found there at first has gone in the
 * meantime and is brought again, three times at most, each with as much time to show.
 *
 * @throws what `push` throws; when nothing helps, `unavailable` where the registry has acknowledged all that it says it lacks, else
 *   `blob_unknown`.
 */
export async function pushRepairing(push: () => Promise<void>, repair: Repair): Promise<void> {
  const { children, isBrought, bringAgain, clock, signal } = repair;
  let patience = lagPatience(clock);
  for (let round = 0; ;) {
    try {
      return await push();
    } catch (error) {
      if (!hasCode(error, "blob_unknown")) throw error;
      const named = children.filter((digest) => error.context.missing?.includes(digest));
      const missing = named.length > 0 ? named : children;
      if (missing.every(isBrought) && (await patience.wait(signal))) continue;
      if (round++ === mostRounds) throw named.length > 0 && named.every(isBrought) ? neverShown(error, named) : error;
      await bringAgain(missing);
      patience = lagPatience(clock);
    }
  }
}

/** Nobody's mistake but the registry's, which may have put itself right by the next time. */
function neverShown(error: WaybillError, digests: readonly Digest[]): WaybillError {
  const what = digests.length === 1 ? digests[0] : `${digests.length} blobs or manifests`;
  const message = `${error.message}; it has acknowledged ${what} ${mostRounds + 1} times`;
  const advice = "the registry does not show what it has taken: run the command again later, or ask whoever runs it";
  return new WaybillError("unavailable", message, { ...error.context, advice }, { cause: error });
}
