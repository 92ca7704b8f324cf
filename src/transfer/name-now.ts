import type { CallOptions, Target } from "../content/store.ts";
import { hasCode } from "../errors.ts";
import type { Named } from "./named.ts";

/** What a tag names now. @throws WaybillError `auth_denied` where the store does not say */
export async function knownName(store: Target, tag: string, call: CallOptions): Promise<Named> {
  return (await store.tagged(tag, { ...call, mustKnow: true }))?.digest ?? "absent";
}

/**
 * The same; `undefined` where the store does not say: some registries answer 403 for what is not there and for
 * what may not be read, so that neither can be concluded from it.
 */
export async function nameNow(store: Target, tag: string, call: CallOptions): Promise<Named | undefined> {
  try {
    return await knownName(store, tag, call);
  } catch (error) {
    if (hasCode(error, "auth_denied")) return undefined;
    throw error;
  }
}
