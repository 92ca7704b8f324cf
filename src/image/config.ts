import type { CallOptions, Source } from "../content/store.ts";
import { requireMatch } from "../content/verify.ts";
import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { parseJson } from "../spec/json.ts";
import { normalizePlatform, type Platform } from "../spec/platform.ts";

/** A config larger than this is no image's. */
const maxConfigBytes = 8 * 1024 * 1024;

/**
 * Reads the config blob of an image, whole and verified: from its descriptor where that holds it, else from `source`.
 *
 * @throws WaybillError `too_large` above 8 MiB; `not_found`, `digest_mismatch`, `size_mismatch`.
 */
export async function readConfig(source: Source, config: Descriptor, options: CallOptions = {}): Promise<Uint8Array> {
  if (config.size > maxConfigBytes) {
    const message = `Cannot read image config ${config.digest}: ${config.size} bytes are more than ${maxConfigBytes}`;
    throw new WaybillError("too_large", message, { subject: config.digest });
  }
  return embedded(config) ?? (await fetched(source, config, options));
}

function embedded(config: Descriptor): Uint8Array | undefined {
  if (config.data === undefined) return undefined;
  const bytes = Buffer.from(config.data, "base64");
  requireMatch(config, bytes);
  return bytes;
}

async function fetched(source: Source, config: Descriptor, options: CallOptions): Promise<Uint8Array> {
  await using content = await source.fetch(config, options);
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/**
 * The platform that an image config tells, normalised. What it does not tell is linux for the system, and empty for the
 * architecture, as in buildx. Versions and features of the system are left out: whoever wants them gives a descriptor.
 *
 * @throws WaybillError `invalid_manifest` where it is not a JSON object.
 */
export function platformOfConfig(config: Uint8Array): Platform {
  const raw = parseJson(config, { what: "image config", maxBytes: maxConfigBytes });
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw new WaybillError("invalid_manifest", "Cannot read image config: it is not a JSON object");
  }
  const text = (key: string): string => {
    const value = (raw as Record<string, unknown>)[key];
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
