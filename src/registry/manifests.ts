import type { CallOptions, KnownOptions, TaggedOptions } from "../content/store.ts";
import { hasCode, inContext, WaybillError } from "../errors.ts";
import { drain, readBody } from "../http/body.ts";
import type { HttpHeaders, HttpResponse } from "../http/send.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { algorithmOf, digestOf, isDigest, type Digest } from "../spec/digest.ts";
import { maxManifestBytes, parseManifest, type Manifest, type ManifestOptions } from "../spec/manifest.ts";
import { essence, isManifestType, manifestAccept } from "../spec/media-type.ts";
import { isTag } from "../spec/reference.ts";
import { ask, askToDelete, contextOf, nameOfRepository, type Access } from "./access.ts";
import { codingOf, decodeBytes } from "./content-encoding.ts";
import { noteKind } from "./kinds.ts";
import { problemOf } from "./problem.ts";
import { notePullQuota } from "./pull-quota.ts";

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
async function rawManifest(
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

type Limits = Pick<TaggedOptions, "signal" | "attempts">;

async function requestManifest(
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
function settleContent(
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

/** `Docker-Content-Digest` where it is present and a digest. Not all registries send it, and some send other things. */
export function announcedDigest(headers: HttpHeaders): Digest | undefined {
  const value = headers.get("docker-content-digest")?.trim();
  return isDigest(value) ? value : undefined;
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
 * Closes the answer and throws where it is a web page: a login page or a captive portal answers 200 to everything.
 *
 * @throws WaybillError `not_a_registry`
 */
export async function refuseHtml(access: Access, response: HttpResponse, doing = "Cannot read from"): Promise<void> {
  if (essence(response.headers.get("content-type") ?? "") !== "text/html") return;
  await response[Symbol.asyncDispose]();
  const message = `${doing} "${nameOfRepository(access)}": the answer is a web page`;
  const advice = `Check that ${access.host} is a registry, and that no login page or proxy stands before it`;
  throw new WaybillError("not_a_registry", message, { ...contextOf(access), advice });
}

/**
 * What `name` stands for. One HEAD; a GET where HEAD is not allowed, or lacks digest, type or size, or is refused: only a
 * GET's answer says why.
 *
 * @throws WaybillError `not_found`, `auth_denied` and what `getManifest` throws.
 */
export async function resolveManifest(access: Access, name: string, options: CallOptions = {}): Promise<Descriptor> {
  const told = await describedByHead(access, name, options);
  if (told && isManifestType(told.mediaType)) return told;
  const { mediaType, digest, size } = (await getManifest(access, name, options)).descriptor;
  return { mediaType, digest, size };
}

/** What one HEAD tells of `name`; `undefined` where it is not allowed, or does not tell all. */
async function describedByHead(access: Access, name: string, options: Limits): Promise<Descriptor | undefined> {
  const response = await requestManifest(access, "HEAD", requireName(name), options);
  const { status, headers } = response;
  if (![200, 403, 405, 501].includes(status)) {
    throw await problemOf(access, response, `Cannot find ${shown(name)} in`);
  }
  await drain(response);
  return status === 200 ? describedBy(headers, name) : undefined;
}

/** The descriptor in a HEAD's headers, where they are complete and speak of the content itself. */
function describedBy(headers: HttpHeaders, name: string): Descriptor | undefined {
  const digest = announcedDigest(headers);
  const mediaType = essence(headers.get("content-type") ?? "");
  const size = sizeIn(headers);
  const isPage = mediaType === "" || mediaType === "text/html";
  if (!digest || size === undefined || size === 0 || isPage || codingOf(headers)) return undefined;
  return isDigest(name) && name !== digest ? undefined : { mediaType, digest, size };
}

/** `Content-Length` as a number, where it is one. */
export function sizeIn(headers: HttpHeaders): number | undefined {
  const value = headers.get("content-length");
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}

/**
 * What a tag names now; `undefined` where it names nothing, and where the registry does not say: some answer 403 for what
 * does not exist, and the write that follows tells the difference.
 *
 * It need not be a manifest that is understood here, to be replaced by one: its media type is as the registry has it, and so is its digest.
 *
 * @throws WaybillError `auth_denied` where it does not say and the caller must know.
 */
export async function taggedManifest(
  access: Access,
  tag: string,
  options: TaggedOptions = {},
): Promise<Descriptor | undefined> {
  const find = async () => (await describedByHead(access, tag, options)) ?? describedByGet(access, tag, options);
  return find().catch((error: unknown) => absence(error, options));
}

/** The descriptor of whatever a GET answers with. The announced digest counts, also where the bytes have another. */
async function describedByGet(access: Access, name: string, options: Limits): Promise<Descriptor> {
  const { raw, headers } = await rawManifest(access, name, options);
  const mediaType = essence(headers.get("content-type") ?? "application/octet-stream");
  try {
    const { bytes, digest } = settleContent(access, raw, { headers, name, pinned: undefined });
    return { mediaType, digest, size: bytes.byteLength };
  } catch (error) {
    const digest = announcedDigest(headers);
    if (digest === undefined || !hasCode(error, "digest_mismatch")) throw error;
    return { mediaType, digest, size: raw.byteLength };
  }
}

/** @throws `error` where it does not mean that there is nothing */
function absence(error: unknown, { mustKnow }: KnownOptions): undefined {
  if (hasCode(error, "not_found") || (hasCode(error, "auth_denied") && !mustKnow)) return undefined;
  throw error;
}

/** Whether a manifest is there, by its digest. @throws WaybillError `auth_denied` where the caller must know and is not told */
export async function hasManifest(access: Access, digest: Digest, options: KnownOptions = {}): Promise<boolean> {
  const found = await resolveManifest(access, digest, options).catch((error: unknown) => absence(error, options));
  return found?.digest === digest;
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
function requireName(name: string): string {
  if (isDigest(name) || isTag(name)) return name;
  throw new WaybillError("invalid_reference", `Cannot use "${name.slice(0, 140)}": expected a tag or a digest`);
}

function shown(name: string): string {
  return isDigest(name) ? name : `"${name}"`;
}
