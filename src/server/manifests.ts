import { algorithmOf, digestOf, parseDigest, type Digest } from "../spec/digest.ts";
import { artifactTypeOf, childrenOf, maxManifestBytes, parseManifest, type Manifest } from "../spec/manifest.ts";
import { isForeignLayerType } from "../spec/media-type.ts";
import { isTag } from "../spec/reference.ts";
import type { Answer, AnswerHeaders } from "./answer.ts";
import { sameEtag } from "./blobs.ts";
import type { Change, StoredManifest } from "./catalogue.ts";
import type { Exchange } from "./exchange.ts";
import { refusal } from "./refusal.ts";
import { wholeBody } from "./request-body.ts";

const maxTags = 100;

/** GET and HEAD, by tag or digest: the very bytes that were pushed. */
export async function readManifest(exchange: Exchange, repository: string, reference: string): Promise<Answer> {
  const { storage, request } = exchange;
  const manifest = lookUp(exchange, repository, reference);
  const headers = {
    "content-type": manifest.mediaType,
    "docker-content-digest": manifest.digest,
    etag: `"${manifest.digest}"`,
  };
  if (sameEtag(request.headers?.["if-none-match"], manifest.digest)) return { status: 304, headers };
  const content = await storage.content(manifest.digest);
  if (!content) throw unknownManifest(reference);
  const length = { "content-length": String(manifest.sizeBytes) };
  return { status: 200, headers: { ...headers, ...length }, body: content.open(0, content.sizeBytes) };
}

/** DELETE: a tag alone, or a manifest with all its tags. */
export async function deleteManifest(exchange: Exchange, repository: string, reference: string): Promise<Answer> {
  const { digest } = lookUp(exchange, repository, reference);
  await exchange.storage.record([
    isByDigest(reference)
      ? { kind: "no-manifest", repository, digest }
      : { kind: "no-tag", repository, tag: reference },
  ]);
  return { status: 202, headers: { "docker-content-digest": digest } };
}

/** PUT: keeps the manifest and gives it its tags, all at once or not at all. */
export async function writeManifest(exchange: Exchange, repository: string, reference: string): Promise<Answer> {
  const { request, storage } = exchange;
  const tags = tagsToWrite(exchange, reference);
  const bytes = await wholeBody(request, maxManifestBytes);
  const digest = digestFor(bytes, reference);
  const manifest = understand(bytes, digest, request.headers?.["content-type"]);
  checkChildren(exchange, repository, manifest);
  checkPreconditions(exchange, repository, reference);
  checkImmutable(exchange, repository, tags, digest);
  const changes: Change[] = [{ kind: "manifest", repository, manifest: storedFrom(manifest) }];
  for (const tag of tags) changes.push({ kind: "tag", repository, tag, digest });
  await storage.put(digest, bytes, changes);
  return { status: 201, headers: writtenHeaders(exchange, repository, reference, { manifest, tags }) };
}

function writtenHeaders(
  { settings }: Exchange,
  repository: string,
  reference: string,
  { manifest, tags }: { manifest: Manifest; tags: readonly string[] },
): AnswerHeaders {
  const { digest } = manifest.descriptor;
  const { subject } = manifest.document;
  return {
    location: `/v2/${repository}/manifests/${digest}`,
    "docker-content-digest": digest,
    ...(isByDigest(reference) && tags.length > 0 && { "oci-tag": tags.join(", ") }),
    ...(subject && settings.referrers && { "oci-subject": subject.digest }),
  };
}

/** The tag in the path, or those in the query of a push by digest. Spec: distribution-spec main branch, "Pushing Manifests". */
function tagsToWrite({ query, settings }: Exchange, reference: string): readonly string[] {
  const tags = isByDigest(reference) ? (settings.multiTag ? [...new Set(query.getAll("tag"))] : []) : [reference];
  if (tags.length > maxTags)
    throw refusal(414, "UNSUPPORTED", `Cannot tag manifest: ${tags.length} tags are more than ${maxTags}`);
  if (tags.every(isTag)) return tags;
  throw refusal(400, "MANIFEST_INVALID", "Cannot tag manifest: a tag may hold letters, digits, _ . and -, at most 128");
}

function digestFor(bytes: Uint8Array, reference: string): Digest {
  if (!isByDigest(reference)) return digestOf(bytes);
  const wanted = parseDigest(reference);
  const seen = digestOf(bytes, algorithmOf(wanted));
  if (seen === wanted) return wanted;
  throw refusal(400, "DIGEST_INVALID", `Cannot accept manifest: its digest is ${seen}`, {
    details: [{ digest: wanted }],
  });
}

function understand(bytes: Uint8Array, digest: Digest, mediaType: string | undefined): Manifest {
  return parseManifest(bytes, { digest, ...(mediaType !== undefined && { mediaType }) });
}

/** The subject may be missing: it may come later. Spec: distribution-spec v1.1.1, "Push". */
function checkChildren({ storage, settings }: Exchange, repository: string, { document }: Manifest): void {
  const { catalogue } = storage;
  if (document.kind === "index" && settings.childManifests === "optional") return;
  const needed = childrenOf(document).filter((child) => !(isForeignLayerType(child.mediaType) && child.urls));
  const isHere = (digest: Digest) =>
    catalogue.blob(repository, digest) !== undefined ||
    (document.kind === "index" && catalogue.manifest(repository, digest) !== undefined);
  const missing = [...new Set(needed.map(({ digest }) => digest))].filter((digest) => !isHere(digest));
  if (missing.length === 0) return;
  const details = missing.map((digest) => ({ digest }));
  throw refusal(404, "MANIFEST_BLOB_UNKNOWN", "Cannot accept manifest: this repository lacks content that it names", {
    details,
  });
}

/** `If-Match` and `If-None-Match` on a tag: a way to move it only from where one knows it to be. */
function checkPreconditions({ request, storage }: Exchange, repository: string, reference: string): void {
  const current = isByDigest(reference)
    ? storage.catalogue.manifest(repository, parseDigest(reference))?.digest
    : storage.catalogue.tagged(repository, reference);
  const { "if-match": match, "if-none-match": noneMatch } = request.headers ?? {};
  const isWanted = match === undefined || (current !== undefined && sameEtag(match, current));
  const isUnwanted = current !== undefined && sameEtag(noneMatch, current);
  if (isWanted && !isUnwanted) return;
  const headers = { etag: current && `"${current}"` };
  throw refusal(412, "PRECONDITION_FAILED", "Cannot write manifest: the name stands for something else now", {
    headers,
  });
}

function checkImmutable(
  { storage, settings }: Exchange,
  repository: string,
  tags: readonly string[],
  digest: Digest,
): void {
  if (!settings.immutableTags) return;
  for (const tag of tags) {
    const current = storage.catalogue.tagged(repository, tag);
    if (current === undefined || current === digest) continue;
    const message = `Cannot move tag "${tag}": the tag already exists and is immutable`;
    throw refusal(409, "TAG_INVALID", message, { details: [{ tag, digest: current }] });
  }
}

function storedFrom({ descriptor, document }: Manifest): StoredManifest {
  const { digest, mediaType, size } = descriptor;
  const base = { digest, mediaType, sizeBytes: size };
  const { subject, annotations } = document;
  if (!subject) return base;
  const artifactType = artifactTypeOf(document);
  return {
    ...base,
    subject: subject.digest,
    ...(artifactType && { artifactType }),
    ...(annotations && { annotations }),
  };
}

function lookUp({ storage }: Exchange, repository: string, reference: string): StoredManifest {
  const isDigest = isByDigest(reference);
  if (!isDigest && !isTag(reference))
    throw refusal(400, "MANIFEST_INVALID", "Cannot read manifest: this is neither a tag nor a digest");
  const digest = isDigest ? parseDigest(reference) : storage.catalogue.tagged(repository, reference);
  const manifest = digest && storage.catalogue.manifest(repository, digest);
  if (manifest) return manifest;
  if (!storage.catalogue.tags(repository))
    throw refusal(404, "NAME_UNKNOWN", "Cannot find repository: nobody has written to it");
  throw unknownManifest(reference);
}

/** Whether a path names a manifest by its digest, well written or not: no tag has a colon. */
function isByDigest(reference: string): boolean {
  return reference.includes(":");
}

function unknownManifest(reference: string) {
  return refusal(404, "MANIFEST_UNKNOWN", "Cannot find manifest: this repository does not hold it", {
    details: [{ reference }],
  });
}
