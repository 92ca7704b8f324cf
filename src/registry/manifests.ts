import type { CallOptions, TaggedOptions } from "../content/store.ts";
import { hasCode, inContext, WaybillError } from "../errors.ts";
import { drain, readBody } from "../http/body.ts";
import type { HttpHeaders, HttpResponse } from "../http/send.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { algorithmOf, digestOf, isDigest, type Digest } from "../spec/digest.ts";
import { maxManifestBytes, parseManifest, type Manifest, type ManifestOptions } from "../spec/manifest.ts";
import { essence, isManifestType, manifestAccept } from "../spec/media-type.ts";
import { isTag } from "../spec/reference.ts";
import { ask, askToDelete, contextOf, nameOfRepository, type Access } from "./access.ts";
import { announcedDigest } from "./announced.ts";
import { codingOf, decodeBytes } from "./content-encoding.ts";
import { noteKind } from "./kinds.ts";
import { problemOf } from "./problem.ts";
import { notePullQuota } from "./pull-quota.ts";
import { refuseHtml } from "./web-page.ts";

const readHeaders = { accept: manifestAccept.join(", "), "accept-encoding": "identity" };

/**
 * A manifest by tag, digest or descriptor, in one trip. The digest is computed from the bytes and must be the one asked for
 * and the one announced.
 *
 * @throws WaybillError `not_found`, `digest_mismatch`, `size_mismatch`, `too_large`, `invalid_manifest`, `not_a_registry`.
 */
export async function getManifest(
  access: Access,
  target: Descriptor | string,
  options: CallOptions = {},
): Promise<Manifest> {
  const { manifest } = await readManifest(access, target, options);
  return manifest;
}

/** The manifest and the entity tag of the answer, for whoever wants to replace just this version. */
export async function readManifest(
  access: Access,
  target: Descriptor | string,
  options: CallOptions = {},
): Promise<{ manifest: Manifest; etag?: string }> {
  const name = typeof target === "string" ? requireName(target) : target.digest;
  const { raw, headers } = await rawManifest(access, name, options);
  const pinned = typeof target === "string" ? undefined : target;
  const { bytes, digest } = settleContent(access, raw, { headers, name, pinned });
  const manifest = parsed(access, name, { ...claims(access, headers, pinned), bytes, digest });
  requireSameType(access, manifest, pinned);
  const etag = headers.get("etag");
  return { manifest, ...(etag !== undefined && { etag }) };
}

/** The bytes as they came, whatever they are. */
export async function rawManifest(
  access: Access,
  name: string,
  options: Limits,
): Promise<{ readonly raw: Uint8Array; readonly headers: HttpHeaders }> {
  const response = await requestManifest(access, "GET", name, options);
  if (response.status !== 200) throw await problemOf(access, response, `Cannot read manifest ${shown(name)} in`);
  await refuseHtml(access, response);
  return { raw: await wholeBody(access, name, response), headers: response.headers };
}

async function wholeBody(access: Access, name: string, response: HttpResponse): Promise<Uint8Array> {
  try {
    return await readBody(response, maxManifestBytes);
  } catch (error) {
    // What breaks on the way names who it was by itself.
    throw hasCode(error, "too_large") ? refused(access, name, error) : error;
  }
}

/** How often, and how long, a manifest is asked for. */
export type Limits = Pick<TaggedOptions, "signal" | "attempts">;

/** One request for what `name` stands for. The answer is the caller's to judge. */
export async function requestManifest(
  access: Access,
  method: "GET" | "HEAD",
  name: string,
  { signal, attempts }: Limits,
): Promise<HttpResponse> {
  const operation = method === "HEAD" && isTag(name) ? "tag" : "manifest";
  const request = { method, path: `manifests/${name}`, operation, headers: readHeaders } as const;
  const response = await ask(access, { ...request, signal, ...(attempts !== undefined && { attempts }) });
  notePullQuota(access, response.headers);
  noteKind(access, response);
  return response;
}

function claims(access: Access, headers: HttpHeaders, pinned: Descriptor | undefined) {
  const inHeader = essence(headers.get("content-type") ?? "");
  const mediaType = isManifestType(inHeader) ? inHeader : (pinned?.mediaType ?? inHeader);
  return { mediaType, ...(access.maxDescriptors !== undefined && { maxDescriptors: access.maxDescriptors }) };
}

/** The manifest. What it is refused for names the repository that it came from. */
function parsed(
  access: Access,
  name: string,
  { bytes, ...options }: ManifestOptions & Pick<Manifest, "bytes">,
): Manifest {
  try {
    return parseManifest(bytes, options);
  } catch (error) {
    throw refused(access, name, error);
  }
}

function refused(access: Access, name: string, error: unknown): unknown {
  const prefix = `Cannot accept manifest ${shown(name)} from "${nameOfRepository(access)}": `;
  return inContext(error, about(access, name), prefix);
}

/** The bytes that the digests speak of: the raw ones, or what they decode to where the answer is labelled as encoded. */
export function settleContent(
  access: Access,
  raw: Uint8Array,
  answer: { readonly headers: HttpHeaders; readonly name: string; readonly pinned: Descriptor | undefined },
): { bytes: Uint8Array; digest: Digest } {
  const { headers, name, pinned } = answer;
  const announced = announcedDigest(headers);
  const wanted = isDigest(name) ? name : announced;
  const coding = codingOf(headers);
  const isRaw = coding === undefined || (wanted !== undefined && digestOf(raw, algorithmOf(wanted)) === wanted);
  const bytes = isRaw ? raw : decoded(access, name, { raw, coding });
  for (const expected of [wanted, announced]) if (expected) requireDigest(access, bytes, expected);
  if (pinned !== undefined && pinned.size !== bytes.byteLength) throw wrongSize(access, pinned, bytes.byteLength);
  return { bytes, digest: wanted ?? digestOf(bytes) };
}

function decoded(
  access: Access,
  name: string,
  { raw, coding }: { readonly raw: Uint8Array; readonly coding: string },
): Uint8Array {
  const doing = `Cannot read manifest ${shown(name)} from "${nameOfRepository(access)}"`;
  return decodeBytes(raw, { coding, maxBytes: maxManifestBytes, doing, about: about(access, name) });
}

function requireDigest(access: Access, bytes: Uint8Array, expected: Digest): void {
  const seen = digestOf(bytes, algorithmOf(expected));
  if (seen === expected) return;
  const message = `Cannot accept manifest from "${nameOfRepository(access)}": expected ${expected}, got ${seen}`;
  throw new WaybillError("digest_mismatch", message, about(access, expected));
}

function wrongSize(access: Access, wanted: Descriptor, got: number): WaybillError {
  const message = `Cannot accept manifest ${shown(wanted.digest)} from "${nameOfRepository(access)}": expected ${wanted.size} bytes, got ${got}`;
  return new WaybillError("size_mismatch", message, about(access, wanted.digest));
}

function about(access: Access, subject: string) {
  return { ...contextOf(access), subject };
}

function requireSameType(access: Access, manifest: Manifest, pinned: Descriptor | undefined): void {
  if (pinned === undefined || !isManifestType(essence(pinned.mediaType))) return;
  const { mediaType } = manifest.descriptor;
  if (essence(pinned.mediaType) === mediaType) return;
  const message = `Cannot accept manifest ${shown(pinned.digest)} from "${nameOfRepository(access)}": its descriptor names another media type than ${mediaType}`;
  throw new WaybillError("invalid_manifest", message, about(access, pinned.digest));
}

/**
 * Deletes a manifest by digest, or a tag. What is not there counts as deleted.
 *
 * @throws WaybillError `unsupported` where the registry does not delete.
 * Spec: distribution-spec v1.1.1, "Deleting manifests", "Deleting tags".
 */
export async function deleteManifest(access: Access, name: string, { signal }: CallOptions = {}): Promise<void> {
  const response = await askToDelete(access, `manifests/${requireName(name)}`, signal);
  if (response.status >= 300 && response.status !== 404) {
    const error = await problemOf(access, response, `Cannot delete ${shown(name)} in`);
    throw response.status === 400 && isTag(name) ? tagsStay(error) : error;
  }
  await drain(response);
}

/**
 * Deletes a tag, and never a manifest with all its tags.
 *
 * @throws WaybillError `invalid_reference` for a digest; what `deleteManifest` throws.
 */
export async function deleteTag(access: Access, tag: string, options?: CallOptions): Promise<void> {
  if (isDigest(tag)) throw new WaybillError("invalid_reference", `Cannot delete tag "${tag}": it is a digest`);
  return deleteManifest(access, tag, options);
}

/** 400 says that tags cannot be deleted, whatever the code beside it: 2.8 has `DIGEST_INVALID` there. */
function tagsStay(error: WaybillError): WaybillError {
  const advice = "This registry deletes no tags, only manifests by digest, with all their tags";
  return new WaybillError("unsupported", error.message, { ...error.context, advice }, { cause: error });
}

/** @throws WaybillError `invalid_reference` for what could not stand in a URL's path. */
export function requireName(name: string): string {
  if (isDigest(name) || isTag(name)) return name;
  throw new WaybillError("invalid_reference", `Cannot use "${name.slice(0, 140)}": expected a tag or a digest`);
}

/** A tag or digest, for sentences. */
export function shown(name: string): string {
  return isDigest(name) ? name : `"${name}"`;
}
