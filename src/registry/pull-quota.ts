import type { PullQuota } from "../content/store.ts";
import type { HttpHeaders } from "../http/send.ts";
import type { RegistryAccess } from "./access.ts";

/** Takes down what an answer says of the quota; tells it the first time. */
export function notePullQuota(access: RegistryAccess, headers: HttpHeaders): void {
  const quota = pullQuotaIn(headers);
  if (!quota) return;
  const { quirks, report, host, clock } = access;
  if (!quirks.pullQuota) report({ type: "pull-quota", registry: host, ...quota, at: clock.now() });
  quirks.pullQuota = quota;
}

/**
 * How many more manifests may be read, in the form that Docker Hub tells it: `ratelimit-remaining: 76;w=21600` beside
 * `ratelimit-limit: 100;w=21600`. Without a window the headers are another limit's, such as that of an API; Docker Hub itself
 * leaves the numbers out at times.
 */
export function pullQuotaIn(headers: HttpHeaders): PullQuota | undefined {
  const remaining = countIn(headers.get("ratelimit-remaining"));
  const limit = countIn(headers.get("ratelimit-limit"));
  if (!remaining) return undefined;
  return {
    remaining: remaining.count,
    windowSeconds: remaining.windowSeconds,
    ...(limit && { limit: limit.count }),
  };
}

function countIn(value: string | undefined): { count: number; windowSeconds: number } | undefined {
  const match = /^(\d{1,9});w=(\d{1,9})$/.exec(value?.trim() ?? "");
  return match ? { count: Number(match[1]), windowSeconds: Number(match[2]) } : undefined;
}
