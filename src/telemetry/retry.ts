import type { EventOf } from "./events.ts";

export type RetryEvent = EventOf<"retry">;

/** Whose request it was. */
export function registryOf({ registry, url }: RetryEvent): string {
  return registry ?? /^https?:\/\/([^/]+)/.exec(url)?.[1] ?? url;
}

/** Why, in short: which registry it is stands beside it. Foreign text. */
export function causeOf({ why }: RetryEvent): string {
  return why.replace(/^Cannot reach "[^"]*": /, "");
}
