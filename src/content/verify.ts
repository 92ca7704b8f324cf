import type { Hash } from "node:crypto";
import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { algorithmOf, digestFrom, digestOf, hashFor, type Digest } from "../spec/digest.ts";
import { parseManifest, type Manifest, type ManifestOptions } from "../spec/manifest.ts";
import { essence } from "../spec/media-type.ts";
import type { Bytes } from "./store.ts";

/** Passes `body` through; throws `size_mismatch` at the first chunk too many, which is not handed out, or at an early end. */
export async function* exactly(sizeBytes: number, body: Bytes): Bytes {
  let seen = 0;
  for await (const chunk of body) {
    seen += chunk.byteLength;
    if (seen > sizeBytes) break;
    yield chunk;
  }
  if (seen !== sizeBytes) throw wrongSize("body", sizeBytes, seen);
}

/**
 * Passes `body` through and checks it against `descriptor` in the same pass. The chunk that completes the size is handed
 * out only once `body` has ended and its hash is right, so a reader that counts bytes never completes wrong content.
 * A `body` that goes on where another stopped comes with the hash of what was `before` it, which is used up.
 *
 * @throws WaybillError `size_mismatch` where it ends early or goes on too long; `digest_mismatch` where the hash differs.
 */
export async function* verified(
  descriptor: Pick<Descriptor, "digest" | "size">,
  body: Bytes,
  before?: { readonly hash: Hash; readonly sizeBytes: number },
): Bytes {
  const { digest, size } = descriptor;
  const hash = before?.hash ?? hashFor(digest);
  let seen = before?.sizeBytes ?? 0;
  let last: Uint8Array | undefined;
  for await (const chunk of body) {
    if (chunk.byteLength === 0) continue;
    seen += chunk.byteLength;
    if (seen > size) break;
    hash.update(chunk);
    if (seen < size) yield chunk;
    else last = chunk;
  }
  if (seen !== size) throw wrongSize(digest, size, seen);
  requireDigest(digest, digestFrom(hash, algorithmOf(digest)));
  if (last) yield last;
}

/** @throws WaybillError `size_mismatch`, `digest_mismatch` where `bytes` are not what `descriptor` says. */
export function requireMatch(descriptor: Pick<Descriptor, "digest" | "size">, bytes: Uint8Array): void {
  const { digest, size } = descriptor;
  if (bytes.byteLength !== size) throw wrongSize(digest, size, bytes.byteLength);
  requireDigest(digest, digestOf(bytes, algorithmOf(digest)));
}

/**
 * Understands manifest bytes that somebody handed out for `expected`, after checking that they are that.
 *
 * @throws WaybillError `size_mismatch`, `digest_mismatch`; `invalid_manifest`, `too_large` as `parseManifest` does.
 */
export function verifiedManifest(
  bytes: Uint8Array,
  expected: Pick<Descriptor, "digest" | "size" | "mediaType">,
  limits: Pick<ManifestOptions, "maxDescriptors"> = {},
): Manifest {
  requireMatch(expected, bytes);
  return parseManifest(bytes, { ...limits, digest: expected.digest, mediaType: essence(expected.mediaType) });
}

/** @throws RangeError where content of so many bytes has no place `offset`; its end is one. */
export function requireOffset(offset: number, sizeBytes: number): void {
  if (Number.isSafeInteger(offset) && offset >= 0 && offset <= sizeBytes) return;
  throw new RangeError(`Cannot read from byte ${offset} of ${sizeBytes}`);
}

/** @throws WaybillError `digest_mismatch` where `got` is not `wanted`. */
export function requireDigest(wanted: Digest, got: Digest): void {
  if (got === wanted) return;
  throw new WaybillError("digest_mismatch", `Cannot accept content: expected ${wanted}, got ${got}`, {
    subject: wanted,
  });
}

function wrongSize(what: string, wanted: number, got: number): WaybillError {
  const seen = got > wanted ? "more" : `${got}`;
  return new WaybillError("size_mismatch", `Cannot accept ${what}: expected ${wanted} bytes, got ${seen}`, {
    subject: what,
  });
}
