import { pathFacts } from "./derive/place.ts";
import type { EventOf } from "./events.ts";

export type RetryEvent = EventOf<"retry">;

/** Whose request it was. */
export function registryOf({ registry, url }: RetryEvent): string {
  return registry ?? /^https?:\/\/([^/]+)/.exec(url)?.[1] ?? url;
}

/** The repository that a request was for, as targets are told. */
export function targetOfRetry({ registry, url, target }: RetryEvent): string | undefined {
  if (target !== undefined) return target;
  const { repository } = pathFacts(new URL(url).pathname);
  return registry === undefined || repository === undefined ? undefined : `${registry}/${repository}`;
}

/** Why, in short: which registry it is stands beside it. Foreign text. */
export function causeOf({ why }: RetryEvent): string {
  return why.replace(/^Cannot reach "[^"]*": /, "");
}
