import { WaybillError } from "../errors.ts";
import { parseHosts } from "./host-list.ts";

/** What can be wrong with an option although its type fits, or where a program has no types. */
interface WireOptions {
  readonly chunkSizeBytes?: number;
  readonly attempts?: number;
  readonly maxRetryAfterMs?: number;
  readonly maxDescriptors?: number;
  readonly http2?: string;
  readonly allowPrivate?: readonly string[];
  readonly trustRealms?: readonly string[];
}

/** @throws WaybillError `invalid_argument` for an option that could not be followed. */
export function requireWireOptions(options: WireOptions): void {
  requireChunkSize(options.chunkSizeBytes);
  requireAtLeast(1, "attempts", options.attempts);
  requireAtLeast(0, "maxRetryAfterMs", options.maxRetryAfterMs);
  requireAtLeast(1, "maxDescriptors", options.maxDescriptors);
  requireMode(options.http2);
  parseHosts("--allow-private", options.allowPrivate ?? []);
  parseHosts("--trust-realm", options.trustRealms ?? []);
}

/** Where one byte stands is told as `0-0`, which is what some registries answer for none at all: such pieces go nowhere. */
const leastBytes = 2;

function requireChunkSize(chunkSizeBytes = leastBytes): void {
  if (Number.isSafeInteger(chunkSizeBytes) && chunkSizeBytes >= leastBytes) return;
  const message = `Cannot send chunks of ${chunkSizeBytes} bytes: chunkSizeBytes is a whole number from ${leastBytes} on`;
  throw new WaybillError("invalid_argument", message);
}

function requireAtLeast(least: number, name: string, value = least): void {
  if (value >= least) return;
  throw new WaybillError("invalid_argument", `Cannot use ${name} ${value}: it is a number from ${least} on`);
}

function requireMode(http2 = "off"): void {
  if (["auto", "on", "off"].includes(http2)) return;
  throw new WaybillError("invalid_argument", `Cannot use http2 "${http2.slice(0, 100)}": it is auto, on or off`);
}
