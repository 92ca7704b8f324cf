import { algorithmOf, parseDigest, type Digest, type DigestAlgorithm } from "../spec/digest.ts";
import type { Answer } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { parseChunkRange } from "./range.ts";
import { refusal } from "./refusal.ts";
import { BrokenBody, streamBody } from "./request-body.ts";
import { mountSource } from "./route.ts";
import type { Session } from "./sessions.ts";

/** POST: a mount, a whole blob, or a new session. */
export async function openUpload(exchange: Exchange, repository: string): Promise<Answer> {
  const { query, settings, sessions, principal } = exchange;
  const mount = query.get("mount");
  if (mount !== null && settings.mounts) {
    const mounted = await mountBlob(exchange, repository, parseDigest(mount));
    if (mounted) return mounted;
  }
  const digest = mount === null && settings.singlePost ? query.get("digest") : null;
  const algorithm = algorithmFor(digest, query.get("digest-algorithm"));
  if (digest === null) return opened(exchange, repository, await sessions.start(repository, principal, algorithm));
  const wanted = parseDigest(digest);
  const session = await sessions.start(repository, principal, algorithm);
  try {
    return await closeWith(exchange, session, wanted);
  } finally {
    // The client never learned of this session: whatever it holds is of use to nobody.
    sessions.close(session);
    await session.draft.discard();
  }
}

function algorithmFor(digest: string | null, named: string | null): DigestAlgorithm {
  if (digest !== null) return algorithmOf(parseDigest(digest));
  if (named === null || named === "sha256" || named === "sha512") return named ?? "sha256";
  throw refusal(400, "DIGEST_INVALID", "Cannot open upload: digest algorithms are sha256 and sha512");
}

function opened({ settings }: Exchange, repository: string, session: Session): Answer {
  const minimum =
    settings.chunkMinLength === undefined ? {} : { "oci-chunk-min-length": String(settings.chunkMinLength) };
  return { status: 202, headers: { ...progress(repository, session), ...minimum } };
}

/** The blob, where it is to be had; `undefined` means: send it. Without `from` every repository that the client may read counts. */
async function mountBlob(exchange: Exchange, repository: string, digest: Digest): Promise<Answer | undefined> {
  const { storage, query } = exchange;
  const { catalogue } = storage;
  const from = mountSource(query);
  const holders = from === undefined ? [...catalogue.holders(digest)] : [from];
  for (const holder of holders) {
    if (from === undefined && !(await exchange.may({ type: "repository", name: holder, action: "pull" }))) continue;
    // Looked up after the wait: the blob may have gone in the meantime.
    const sizeBytes = catalogue.blob(holder, digest);
    if (sizeBytes === undefined) continue;
    const isHere = catalogue.blob(repository, digest) !== undefined;
    if (!isHere) await storage.record([{ kind: "blob", repository, digest, sizeBytes }]);
    return created(repository, digest);
  }
  return undefined;
}

/** PATCH: more bytes. A session that it cannot go on with stays as it is. */
export async function appendUpload(exchange: Exchange, repository: string, id: string): Promise<Answer> {
  const session = await exchange.sessions.find(id, repository, exchange.principal);
  await write(exchange, session);
  await session.draft.sync();
  return { status: 202, headers: progress(repository, session) };
}

/** PUT: the last bytes, where there are any, and the end of the session. */
export async function closeUpload(exchange: Exchange, repository: string, id: string): Promise<Answer> {
  const wanted = parseDigest(exchange.query.get("digest") ?? "");
  const session = await exchange.sessions.find(id, repository, exchange.principal);
  return closeWith(exchange, session, wanted);
}

/** GET: how far it has come. */
export async function uploadStatus(exchange: Exchange, repository: string, id: string): Promise<Answer> {
  const session = await exchange.sessions.find(id, repository, exchange.principal);
  if (!session.busy) await session.draft.sync();
  return { status: 204, headers: progress(repository, session) };
}

/** DELETE: nobody wants it any more. */
export async function cancelUpload(exchange: Exchange, repository: string, id: string): Promise<Answer> {
  const session = await exchange.sessions.find(id, repository, exchange.principal);
  exchange.sessions.close(session);
  await session.draft.discard();
  return { status: 204 };
}

async function closeWith(exchange: Exchange, session: Session, digest: Digest): Promise<Answer> {
  const { sessions, storage } = exchange;
  const { draft } = session;
  const { repository } = draft.info;
  await write(exchange, session);
  session.busy = true;
  try {
    await storage.commit(draft, digest, [{ kind: "blob", repository, digest, sizeBytes: draft.sizeBytes }]);
  } finally {
    sessions.close(session);
  }
  return created(repository, digest);
}

/** Appends the request's body. What came of a body that breaks off is kept: the client asks where to go on. */
async function write(exchange: Exchange, session: Session): Promise<void> {
  const { request } = exchange;
  const { draft } = session;
  const { body, sizeBytes } = streamBody(request, exchange.settings.maxRequestBytes);
  if (session.busy) {
    const headers = { ...progress(draft.info.repository, session), "retry-after": "1" };
    throw refusal(503, "UNAVAILABLE", "Cannot write to upload: another request is writing to it", { headers });
  }
  const contentRange = request.headers?.["content-range"];
  const end = contentRange === undefined ? undefined : endOf(session, contentRange, sizeBytes);
  session.busy = true;
  try {
    await draft.append(body);
  } catch (error) {
    // What came of the body is worth keeping, and a failure to keep it is worth less than the error at hand.
    await draft.sync().catch(() => undefined);
    if (!(error instanceof BrokenBody)) await exchange.sessions.requireOpen(session);
    throw error;
  } finally {
    session.busy = false;
  }
  await exchange.sessions.requireOpen(session);
  if (end !== undefined && draft.sizeBytes !== end) throw otherSize(session, "Content-Range and body differ");
}

/** Where the chunk ends, by its `Content-Range`, which must go on where the upload stands. */
function endOf(session: Session, header: string, sizeBytes: number): number {
  const { draft } = session;
  const headers = progress(draft.info.repository, session);
  const range = parseChunkRange(header);
  if (!range)
    throw refusal(400, "BLOB_UPLOAD_INVALID", "Cannot read Content-Range: expected first-last, both inclusive", {
      headers,
    });
  if (range.start !== draft.sizeBytes) {
    const seen = `the upload has ${draft.sizeBytes} bytes and the chunk begins at ${range.start}`;
    throw refusal(416, "BLOB_UPLOAD_INVALID", `Cannot append chunk: ${seen}`, { headers });
  }
  // A body of unknown length has no number to compare until it is here.
  if (!Number.isNaN(sizeBytes) && sizeBytes !== range.end - range.start)
    throw otherSize(session, "Content-Range and Content-Length differ");
  return range.end;
}

function otherSize(session: Session, why: string) {
  const headers = progress(session.draft.info.repository, session);
  return refusal(400, "SIZE_INVALID", `Cannot append chunk: ${why}`, { headers });
}

/** Where the upload lives and what it has. An empty one says `0-0`, as distribution does: the spec has no way to say none. */
function progress(repository: string, { draft }: Session): Record<string, string> {
  return {
    location: `/v2/${repository}/blobs/uploads/${draft.info.id}`,
    range: `0-${Math.max(draft.sizeBytes - 1, 0)}`,
    "docker-upload-uuid": draft.info.id,
  };
}

function created(repository: string, digest: Digest): Answer {
  return { status: 201, headers: { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest } };
}
