import type { WaybillError } from "../errors.ts";
import { leastBytesPerSecond, type RegistryLimit } from "../registry/limits.ts";
import { isHost, normalizeHost } from "../spec/reference.ts";
import { sizeBytes } from "./units.ts";
import { usage } from "./usage.ts";

/**
 * Reads `--limit`: `registry=HOST` and at least one of the other parts, each once, in any order.
 *
 * @throws WaybillError `invalid_argument` that shows the form and says which part is wrong.
 */
export function parseLimit(value: string): RegistryLimit {
  const parts = partsOf(value);
  const host = parts.get("registry") ?? "";
  if (!isHost(host)) throw refused(value, "registry is a host, such as docker.io or registry.corp.example:5000");
  if (parts.size === 1) throw refused(value, "nothing is limited");
  const concurrency = count(value, parts, "concurrency");
  const requestsPerSecond = count(value, parts, "rps");
  const bytesPerSecond = size(value, parts);
  return {
    registry: normalizeHost(host),
    ...(concurrency !== undefined && { concurrency }),
    ...(requestsPerSecond !== undefined && { requestsPerSecond }),
    ...(bytesPerSecond !== undefined && { bytesPerSecond }),
  };
}

const known: ReadonlySet<string> = new Set(["registry", "concurrency", "rps", "bandwidth"]);

function partsOf(value: string): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  for (const part of value.split(",")) {
    const [name = "", ...rest] = part.split("=");
    if (!known.has(name)) throw refused(value, `there is no part "${part}"`);
    if (parts.has(name)) throw refused(value, `${name} is there twice`);
    parts.set(name, rest.join("="));
  }
  return parts;
}

function count(value: string, parts: ReadonlyMap<string, string>, name: "concurrency" | "rps"): number | undefined {
  const text = parts.get(name);
  if (text === undefined) return undefined;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw refused(value, `${name} is a whole number above 0`);
  return Number(text);
}

function size(value: string, parts: ReadonlyMap<string, string>): number | undefined {
  const text = parts.get("bandwidth");
  if (text === undefined) return undefined;
  const bytes = sizeBytes(text) ?? 0;
  if (bytes < leastBytesPerSecond) throw refused(value, "bandwidth is a size for each second, at least 64KiB");
  return bytes;
}

function refused(value: string, why: string): WaybillError {
  return usage("--limit", value, `registry=HOST,concurrency=8,rps=10,bandwidth=20MiB: ${why}`);
}
