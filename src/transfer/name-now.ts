import type { Clock } from "../async/clock.ts";
import { lagPatience } from "../async/lag-patience.ts";
import type { Store, TaggedOptions, Target } from "../content/store.ts";
import { hasCode } from "../errors.ts";
import type { Location } from "../spec/reference.ts";
import { afterwards, apartMs, type AfterwardsOptions } from "./afterwards.ts";
import type { Named } from "./named.ts";

/** What a tag names now. @throws WaybillError `auth_denied` where the store does not say */
export async function knownName(store: Target, tag: string, call: TaggedOptions): Promise<Named> {
  return (await store.tagged(tag, { ...call, mustKnow: true }))?.digest ?? "absent";
}

/**
 * The same; `undefined` where the store does not say: some registries answer 403 for what is not there and for
 * what may not be read, so that neither can be concluded from it.
 */
export async function nameNow(store: Target, tag: string, call: TaggedOptions): Promise<Named | undefined> {
  try {
    return await knownName(store, tag, call);
  } catch (error) {
    if (hasCode(error, "auth_denied")) return undefined;
    throw error;
  }
}

/** So long a tag may seem to name nothing until that is believed. */
const vanishedMs = 3000;

/**
 * The same of a tag that is known to name something. Where it seems to name nothing, it is asked for again for a few seconds: that
 * may be a copy of the registry that lags behind, or a stray 404.
 */
export async function nameAgain(
  store: Target,
  tag: string,
  { clock, ...call }: TaggedOptions & { readonly clock: Clock },
): Promise<Named | undefined> {
  const patience = lagPatience(clock, clock.now() + vanishedMs);
  for (;;) {
    const now = await nameNow(store, tag, call);
    if (now !== "absent" || !(await patience.wait(call.signal))) return now;
  }
}

/** A tag, where it is, and how its target is asked although the run has failed. */
export interface AskingAfterwards extends AfterwardsOptions {
  readonly at: Location;
  readonly open: (location: Location) => Promise<Store>;
}

/**
 * What a tag names after something about it has failed; `undefined` where nobody can tell. Asks again with growing waits, for ten
 * seconds or until the run is over, as long as it `mayChange`: default, once. Where that fails, what was seen last counts. Never
 * rejects.
 */
export async function nameAfterwards(
  tag: string,
  { at, open, ...options }: AskingAfterwards,
  mayChange: (now: Named | undefined) => boolean = () => false,
): Promise<Named | undefined> {
  const { clock, signal: run } = options;
  const patience = lagPatience(clock, clock.now() + apartMs);
  let now: Named | undefined;
  try {
    const store = await open(at);
    do now = await afterwards(options, at, (signal) => nameNow(store, tag, { signal }));
    while (mayChange(now) && (await patience.wait(run)));
  } catch {
    // What was seen before is all that is known.
  }
  return now;
}
