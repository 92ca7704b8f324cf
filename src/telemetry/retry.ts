import { pathFacts } from "./derive/place.ts";
import type { EventOf } from "./events.ts";

export type RetryEvent = EventOf<"retry">;

/** Whose request it was. */
export function registryOf({ registry, url }: RetryEvent): string {
  return registry ?? /^https?:\/\/([^/]+)/.exec(url)?.[1] ?? url;
}

/** The repository that a request was for, as targets are told, and the tag where it was for one. */
export function placeOfRetry({
  registry,
  url,
  target,
}: RetryEvent): { readonly target: string; readonly tag?: string } | undefined {
  if (target !== undefined) return { target };
  const { repository, tag } = pathFacts(new URL(url).pathname);
  if (registry === undefined || repository === undefined) return undefined;
  return { target: `${registry}/${repository}`, ...(tag !== undefined && { tag }) };
}

/** Why, in short: which registry it is stands beside it. Foreign text. */
export function causeOf({ why }: RetryEvent): string {
  return why.replace(/^Cannot reach "[^"]*": /, "");
}
