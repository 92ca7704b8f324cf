import type { PushManifestOptions, Tagged, TaggedOptions } from "../content/store.ts";
import { requireTags } from "../content/needs.ts";
import { hasCode, WaybillError, type ErrorContext } from "../errors.ts";
import { drain } from "../http/body.ts";
import { askedWaitMs } from "../http/retry-after.ts";
import type { HttpHeaders, HttpResponse } from "../http/send.ts";
import { algorithmOf, digestOf, type Digest } from "../spec/digest.ts";
import { maxManifestBytes, type Manifest } from "../spec/manifest.ts";
import { ask, contextOf, nameOfRepository, type Access } from "./access.ts";
import { announcedDigest } from "./announced.ts";
import { resolveManifest, taggedManifest } from "./manifest-names.ts";
import { refuseHtml } from "./web-page.ts";
import { withRepositoryAdvice } from "./missing-repository.ts";
import { errorFrom, readProblem, type Problem } from "./problem.ts";

/** With fewer tags, one request for all saves nothing over finding out. */
const worthProbing = 3;

/** What the registry said about a stored manifest. */
export interface PushedManifest {
  /** Whether the registry lists it among its subject's referrers on its own. Spec: distribution-spec v1.1.1, "Pushing Manifests with Subject". */
  readonly subjectKnown: boolean;
}

/**
 * Stores a manifest by digest where there is no tag, else under each tag in the given order.
 *
 * One tag is one request. Several go in one request, `?tag=a&tag=b`, once the registry was seen to answer `OCI-Tag`. That
 * is looked at where it can pay, with three tags or more: the first is then asked for along with a PUT by digest. Other
 * registries ignore the query, which costs one request per registry and run. Tags that an answer does not name get a PUT
 * of their own.
 *
 * A success other than 201 that names no digest is believed only when the manifest was seen.
 *
 * @throws WaybillError `blob_unknown` with `context.missing`; `tag_immutable`; `digest_mismatch` where the registry stored
 *   something else; `too_large`, `rejected`, `auth_denied`, `quota_exceeded`; `not_a_registry` for a web page. Tags before the failing one are written.
 */
export async function putManifest(
  access: Access,
  manifest: Manifest,
  options: PushManifestOptions = {},
): Promise<PushedManifest> {
  const { tags = [] } = options;
  requireTags(tags);
  requireSize(access, manifest);
  const push = { access, manifest, options, subjectKnown: false };
  if (tags.length === 0) await put(push, manifest.descriptor.digest);
  else await writeTags(push, [...new Set(tags)]);
  return { subjectKnown: push.subjectKnown };
}

interface Push {
  readonly access: Access;
  readonly manifest: Manifest;
  readonly options: PushManifestOptions;
  subjectKnown: boolean;
}

async function writeTags(push: Push, tags: readonly string[]): Promise<void> {
  const { quirks } = push.access;
  let left = tags;
  if (left.length >= worthProbing && quirks.multiTag === "unknown") left = await probeMultiTag(push, left);
  if (quirks.multiTag === "yes" && (left.length > 1 || needsDigest(push))) left = await putAtOnce(push, left);
  for (const tag of left) {
    const { mayRepeat } = await put(push, tag, { tags: [tag] });
    push.options.onTagged?.(tag, { mayRepeat });
  }
}

/** A registry that is given a tag alone names the manifest by sha256, so another algorithm wants the digest in the path. */
function needsDigest({ manifest }: Push): boolean {
  return algorithmOf(manifest.descriptor.digest) !== "sha256";
}

/** Proxies and registries refuse an unknown query with any of these. Where it was something else, the next PUT is told of it. */
const mayBeTheQuery = [
  "rejected",
  "unsupported",
  "auth_required",
  "auth_denied",
  "not_found",
  "too_large",
  "quota_exceeded",
  "precondition_failed",
] as const;

/** Asks for the first tag along with the digest. Answers the tags that are still to be written. */
async function probeMultiTag(push: Push, tags: readonly string[]): Promise<readonly string[]> {
  const { quirks } = push.access;
  const [first = "", ...rest] = tags;
  let how: Tagged = {};
  try {
    const { headers, mayRepeat } = await put(push, push.manifest.descriptor.digest, { query: [first], tags: [first] });
    const isWritten = headers === undefined || tagsIn(headers).has(first);
    quirks.multiTag = isWritten ? "yes" : "no";
    how = { mayRepeat };
  } catch (error) {
    if (!hasCode(error, ...mayBeTheQuery) || error.context.sent !== undefined) throw error;
    quirks.multiTag = "no";
  }
  if (quirks.multiTag === "no") return tags;
  push.options.onTagged?.(first, how);
  return rest;
}

/** Ten at a time: what the specification asks every registry to take. Answers the tags that are still to be written. */
async function putAtOnce(push: Push, tags: readonly string[]): Promise<readonly string[]> {
  const missing: string[] = [];
  for (let at = 0; at < tags.length; at += 10) {
    const some = tags.slice(at, at + 10);
    const { headers, mayRepeat } = await put(push, push.manifest.descriptor.digest, { query: some, tags: some });
    const written = headers ? tagsIn(headers) : new Set(some);
    for (const tag of some) {
      if (written.has(tag)) push.options.onTagged?.(tag, { mayRepeat });
      else missing.push(tag);
    }
  }
  return missing;
}

function tagsIn(headers: HttpHeaders): ReadonlySet<string> {
  return new Set(headers.all("oci-tag").flatMap((value) => value.split(",").map((tag) => tag.trim())));
}

interface PutOptions {
  /** Values of `?tag=`. */
  readonly query?: readonly string[];
  /** The tags that this request writes. */
  readonly tags?: readonly string[];
}

interface PutAnswer extends Required<Tagged> {
  /** `undefined` where the tag could not be written because it names the manifest already. */
  readonly headers: HttpHeaders | undefined;
}

/** One PUT. */
async function put(push: Push, reference: string, { query = [], tags = [] }: PutOptions = {}): Promise<PutAnswer> {
  const { access, manifest, options } = push;
  const search = query.length > 0 ? `?${query.map((tag) => `tag=${tag}`).join("&")}` : "";
  const before = async (limits?: Pick<TaggedOptions, "attempts">) =>
    tags.length > 0 ? options.beforeTagging?.(tags, limits) : undefined;
  await before();
  const response = await ask(access, {
    method: "PUT",
    path: `manifests/${reference}${search}`,
    operation: tags.length > 0 ? "tag" : "manifest",
    rights: "pull,push",
    headers: { "content-type": manifest.descriptor.mediaType },
    body: manifest.bytes,
    beforeRepeat: () => before({ attempts: 1 }),
    signal: options.signal,
    ...(tags.length > 0 && { tags }),
  });
  const { mayBeDone: mayRepeat = false } = response;
  if (response.status < 200 || response.status >= 300) {
    await judgeRefusal(push, response, tags);
    return { headers: undefined, mayRepeat };
  }
  const { status, headers } = response;
  const isProved = status === 201 || announcedDigest(headers) !== undefined;
  if (!isProved) await refuseHtml(access, response, "Cannot push manifest to");
  await drain(response);
  requireStored(access, manifest.descriptor.digest, headers);
  if (!isProved) await requireThere(push, reference, status);
  if (headers.all("oci-tag").length > 0) access.quirks.multiTag = "yes";
  if (headers.get("oci-subject") !== undefined) push.subjectKnown = true;
  return { headers, mayRepeat };
}

/** Returns where the refusal does not matter: a tag that may not move names this very manifest. */
async function judgeRefusal(push: Push, response: HttpResponse, tags: readonly string[]): Promise<void> {
  const { access, manifest, options } = push;
  const wait = askedWaitMs(response, access.clock);
  const problem = await readProblem(response);
  const error = refusal(access, problem, { retryAfterMs: wait, sent: response.mayBeDone ? "all" : undefined });
  if (error.code !== "tag_immutable" || tags.length === 0) throw error;
  for (const tag of tags) {
    const now = await resolveManifest(access, tag, options).catch(() => undefined);
    if (now?.digest !== manifest.descriptor.digest) throw error;
  }
}

/** A 404 for a blob, seen from a manifest's PUT, is a missing child and not a missing repository. */
function refusal(access: Access, problem: Problem, facts: Pick<ErrorContext, "retryAfterMs" | "sent">): WaybillError {
  const codes = problem.codes.map((code) => (code === "BLOB_UNKNOWN" ? "MANIFEST_BLOB_UNKNOWN" : code));
  const options = { doing: "Cannot push manifest to", sends: "manifest", ...facts } as const;
  const error = errorFrom(access, { ...problem, codes }, options);
  if (error.code !== "not_found") return error;
  if (!codes.includes("MANIFEST_BLOB_UNKNOWN")) return withRepositoryAdvice(access, error);
  return new WaybillError("blob_unknown", error.message, { ...error.context, missing: problem.digests });
}

function requireStored(access: Access, digest: Digest, headers: HttpHeaders): void {
  const stored = announcedDigest(headers);
  if (stored === undefined || stored === digest || algorithmOf(stored) !== algorithmOf(digest)) return;
  const message = `Cannot push manifest to "${nameOfRepository(access)}": sent ${digest}, the registry stored ${stored}`;
  throw new WaybillError("digest_mismatch", message, {
    ...contextOf(access),
    subject: digest,
    side: "target",
  });
}

/** A success that the specification does not have for this may be the word of a proxy, which stores nothing. */
async function requireThere({ access, manifest, options }: Push, reference: string, status: number): Promise<void> {
  const { bytes, descriptor } = manifest;
  const seen = (await taggedManifest(access, reference, options))?.digest;
  if (seen !== undefined && digestOf(bytes, algorithmOf(seen)) === seen) return;
  const message = `Cannot push manifest to "${nameOfRepository(access)}": the registry answered ${status} and does not have it as ${reference}`;
  throw new WaybillError("rejected", message, { ...contextOf(access), subject: descriptor.digest, status });
}

function requireSize(access: Access, { bytes, descriptor }: Manifest): void {
  if (bytes.byteLength <= maxManifestBytes) return;
  const message = `Cannot push manifest to "${nameOfRepository(access)}": ${bytes.byteLength} bytes are more than ${maxManifestBytes}`;
  throw new WaybillError("too_large", message, {
    ...contextOf(access),
    subject: descriptor.digest,
  });
}
