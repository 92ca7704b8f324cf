import { WaybillError } from "../errors.ts";
import type { OriginLimit } from "../http/gate.ts";
import type { Origin } from "../http/send.ts";
import { hostOf } from "../http/url.ts";
import { isHost, normalizeHost } from "../spec/reference.ts";

/** The most that a run may ask of one registry. What is absent is not limited but by what the registry bears. */
export interface RegistryLimit extends OriginLimit {
  /** `host[:port]` as users write it, such as `docker.io`. */
  readonly registry: string;
  /** Both directions together, wherever the registry leads us. */
  readonly bytesPerSecond?: number;
}

export interface RegistryLimits {
  /** What is allowed towards the registry's own origin: its requests. */
  readonly limitOf: (origin: Origin) => OriginLimit | undefined;
  /** What is allowed on behalf of a registry: its bytes, from its storage too. */
  readonly bytesPerSecond: (registry: string) => number | undefined;
  /** Whether bytes are limited anywhere. */
  readonly hasBandwidth: boolean;
  /** How slow a blob may be for no other reason than these limits; `undefined` where none is about bytes. */
  readonly leastBlobRate: number | undefined;
}

/** So many bodies may share what one registry is allowed: 64 each way. */
const mostBodies = 128;

/** Finds the limits of registries whose API is at `baseUrl`. @throws WaybillError `invalid_argument` */
export function registryLimits(
  limits: readonly RegistryLimit[],
  { baseUrl }: { readonly baseUrl: (host: string) => string },
): RegistryLimits {
  const byName = new Map<string, RegistryLimit>();
  const byHost = new Map<string, RegistryLimit>();
  for (const limit of limits) {
    const name = nameOf(limit);
    if (byName.has(name)) throw refused(limit, `"${name}" has a limit already`);
    requireCounts(limit);
    byName.set(name, limit);
    byHost.set(new URL(baseUrl(name)).host, limit);
  }
  const rates = limits.flatMap(({ bytesPerSecond }) => bytesPerSecond ?? []);
  return {
    limitOf: (origin) => byHost.get(hostOf(origin)),
    bytesPerSecond: (registry) => byName.get(registry)?.bytesPerSecond,
    hasBandwidth: rates.length > 0,
    leastBlobRate: rates.length > 0 ? Math.min(...rates) / mostBodies : undefined,
  };
}

function nameOf(limit: RegistryLimit): string {
  const { registry } = limit;
  if (isHost(registry)) return normalizeHost(registry);
  throw refused(limit, "the registry is not host[:port]");
}

/** Slower than this, a registry would take us for gone. */
export const leastBytesPerSecond = 64 * 1024;

function requireCounts(limit: RegistryLimit): void {
  const { concurrency, requestsPerSecond, bytesPerSecond } = limit;
  for (const count of [concurrency, requestsPerSecond]) {
    const isCount = count === undefined || (Number.isSafeInteger(count) && count >= 1);
    if (!isCount) throw refused(limit, "concurrency and requests per second are whole numbers above 0");
  }
  if (bytesPerSecond !== undefined && !(bytesPerSecond >= leastBytesPerSecond))
    throw refused(limit, "a bandwidth below 64 KiB/s moves nothing in time");
}

function refused({ registry }: RegistryLimit, why: string): WaybillError {
  return new WaybillError("invalid_argument", `Cannot limit "${registry.slice(0, 100)}": ${why}`);
}
