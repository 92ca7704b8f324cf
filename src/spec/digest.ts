import { createHash, type Hash } from "node:crypto";
import { WaybillError } from "../errors.ts";

/** A content address such as `sha256:9f2c…`. Only `parseDigest` and the hashing functions here make one. Spec: image-spec v1.1.1, "Digests". */
export type Digest = string & { readonly brand: "Digest" };

/** The hashes that content is named by: those that are registered. Spec: image-spec v1.1.1, "Registered algorithms". */
export type DigestAlgorithm = "sha256" | "sha512";

const grammar = /^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/;

/**
 * Reads a digest of a registered algorithm in its one canonical spelling.
 *
 * @throws WaybillError `invalid_digest` for anything else: other algorithms, upper case, a wrong length.
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new WaybillError(
    "invalid_digest",
    `Cannot read digest "${text.slice(0, 140)}": expected sha256 or sha512 in lower-case hex`,
  );
}

/** Whether `text` is what `parseDigest` takes. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === "string" && text.length <= 135 && grammar.test(text);
}

/** The algorithm that a digest names. */
export function algorithmOf(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha256:") ? "sha256" : "sha512";
}

/** A digest without its algorithm: the name of a blob's file in an OCI layout. */
export function hexOf(digest: Digest): string {
  return digest.slice(7);
}

/** The digest of `bytes`; of a stream it is `parseDigest` of `sha256:` and what a hash of Node's gives as hex. */
export function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm = "sha256"): Digest {
  return digestFrom(createHash(algorithm).update(bytes), algorithm);
}

/** Finishes `hash`, which must have been made for `algorithm`. */
export function digestFrom(hash: Hash, algorithm: DigestAlgorithm): Digest {
  return `${algorithm}:${hash.digest("hex")}` as Digest;
}

/** An unfinished hash for content that is to match `digest`. */
export function hashFor(digest: Digest): Hash {
  return createHash(algorithmOf(digest));
}

/** `9f2c4e…` → `sha256:9f2c…41be`: short enough for a table, long enough to tell two apart. */
export function shortDigest(digest: string): string {
  const hex = digest.slice(digest.indexOf(":") + 1);
  return hex.length <= 12 ? digest : `${digest.slice(0, digest.indexOf(":") + 5)}…${hex.slice(-4)}`;
}
