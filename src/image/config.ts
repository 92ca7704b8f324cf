import { readSmallBlob } from "../content/small-blob.ts";
import type { CallOptions, Source } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { parseJson } from "../spec/json.ts";
import { normalizePlatform, type Platform } from "../spec/platform.ts";

/** A config larger than this is no image's. */
const maxConfigBytes = 8 * 1024 * 1024;

/**
 * The config of an image, as parsed JSON: from its descriptor where that holds it, else from `source`.
 *
 * @throws WaybillError `too_large` above 8 MiB; `invalid_manifest` where it is not JSON; `not_found`, `digest_mismatch`, `size_mismatch`.
 */
export async function readConfig(source: Source, config: Descriptor, options: CallOptions = {}): Promise<unknown> {
  const limits = { maxBytes: maxConfigBytes, what: "image config" };
  return parseJson(await readSmallBlob(source, config, { ...options, ...limits }), limits);
}

/**
 * The platform that an image config tells, normalised. What it does not tell is linux for the system, and empty for the
 * architecture, as in buildx. Versions and features of the system are left out: whoever wants them gives a descriptor.
 *
 * @throws WaybillError `invalid_manifest` where it is not a JSON object.
 */
export function platformOfConfig(config: unknown): Platform {
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new WaybillError("invalid_manifest", "Cannot read image config: it is not a JSON object");
  }
  const text = (key: string): string => {
    const value = (config as Record<string, unknown>)[key];
    return typeof value === "string" && value.length <= 4096 ? value : "";
  };
  return normalizePlatform({ architecture: text("architecture"), os: text("os") || "linux", variant: text("variant") });
}

/** `known` with the architecture (and its variant) and the system filled in from `config` where it lacks them. */
export function completed(known: Platform | undefined, config: Platform): Platform {
  if (!known) return config;
  const takesArchitecture = known.architecture === "";
  const variant = known.variant || (takesArchitecture ? config.variant : undefined);
  return {
    ...known,
    architecture: takesArchitecture ? config.architecture : known.architecture,
    os: known.os || config.os,
    ...(variant && { variant }),
  };
}
