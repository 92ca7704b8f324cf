import { hasCode, WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { parseJson } from "../spec/json.ts";
import type { Reader } from "./inspect.ts";

const genericType = "application/vnd.in-toto+json";
const envelopeType = /application\/vnd\.in-toto\..*\+dsse/;
const predicateKey = "in-toto.io/predicate-type";
const spdxType = "https://spdx.dev/Document";
const slsaPrefix = "https://slsa.dev/provenance/";
const maxStatementBytes = 64 * 1024 * 1024;

/** The SBOMs that attest an image, in the order of the attestations. */
export async function readSboms(attestations: readonly Descriptor[], reader: Reader): Promise<readonly unknown[]> {
  const layers = await layersOf(attestations, reader);
  const sboms = layers.flat().filter((layer) => layer.annotations?.[predicateKey] === spdxType);
  return Promise.all(sboms.map((layer) => readPredicate(layer, reader)));
}

/** The provenance of an image in a list, or an empty list: of several attestations the last that has one, its first. */
export async function readProvenance(attestations: readonly Descriptor[], reader: Reader): Promise<readonly unknown[]> {
  const layers = await layersOf(attestations, reader);
  const firsts = layers.flatMap((of) => of.filter(isProvenance).slice(0, 1));
  return Promise.all(firsts.slice(-1).map((layer) => readPredicate(layer, reader)));
}

function isProvenance(layer: Descriptor): boolean {
  return (layer.annotations?.[predicateKey] ?? "").startsWith(slsaPrefix);
}

/** The statements in each attestation manifest. */
async function layersOf(attestations: readonly Descriptor[], reader: Reader): Promise<readonly Descriptor[][]> {
  return Promise.all(
    attestations.map(async (attestation) => {
      const { document } = await referenced(attestation, reader);
      if (document.kind !== "image") return [];
      return document.layers.filter(({ mediaType }) => mediaType === genericType || isInTotoDsse(mediaType));
    }),
  );
}

async function referenced(attestation: Descriptor, reader: Reader) {
  try {
    return await reader.manifest(attestation);
  } catch (error) {
    if (!hasCode(error, "not_found")) throw error;
    throw new WaybillError("not_found", `referenced image ${attestation.digest} not found`, error.context, {
      cause: error,
    });
  }
}

async function readPredicate(layer: Descriptor, reader: Reader): Promise<unknown> {
  const bytes = decodeDsse(await reader.blob(layer, maxStatementBytes), layer.mediaType);
  const statement = parseJson(bytes, { what: "attestation", maxBytes: maxStatementBytes });
  return memberOf(statement, "predicate");
}

/** Whether content of this type is a signed envelope around an in-toto statement. */
export function isInTotoDsse(mediaType: string): boolean {
  return envelopeType.test(mediaType);
}

/**
 * The statement inside an envelope; bytes of another type than an envelope's as they are. Signatures are not checked.
 *
 * @throws WaybillError `invalid_manifest` where the envelope is no JSON object or its payload is not base64.
 */
export function decodeDsse(bytes: Uint8Array, mediaType: string): Uint8Array {
  if (!isInTotoDsse(mediaType)) return bytes;
  const envelope = parseJson(bytes, { what: "attestation envelope", maxBytes: maxStatementBytes * 2 });
  const payload = memberOf(envelope, "payload") ?? "";
  const text = typeof payload === "string" ? payload.replace(/[\r\n]/g, "") : "!";
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) {
    throw new WaybillError("invalid_manifest", "Cannot read attestation envelope: its payload is not base64");
  }
  return Buffer.from(text, "base64");
}

function memberOf(json: unknown, name: string): unknown {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new WaybillError("invalid_manifest", "Cannot read attestation: it is not a JSON object");
  }
  return Object.hasOwn(json, name) ? (json as Record<string, unknown>)[name] : undefined;
}
