import { parseDigest, type Digest } from "../spec/digest.ts";
import type { Answer } from "./answer.ts";
import type { Exchange } from "./exchange.ts";
import { parseRange } from "./range.ts";
import { refusal } from "./refusal.ts";

/** GET and HEAD of a blob, whole or a range of it. */
export async function readBlob(exchange: Exchange, repository: string, name: string): Promise<Answer> {
  const { storage, request } = exchange;
  const digest = parseDigest(name);
  const sizeBytes = storage.catalogue.blob(repository, digest);
  const content = sizeBytes === undefined ? undefined : await storage.content(digest);
  if (sizeBytes === undefined || !content) throw unknownBlob(digest);
  const headers = {
    "content-type": "application/octet-stream",
    "content-disposition": "attachment",
    "docker-content-digest": digest,
    "accept-ranges": "bytes",
    etag: `"${digest}"`,
  };
  if (sameEtag(request.headers?.["if-none-match"], digest)) return { status: 304, headers };
  // Ranges are for GET alone. Spec: RFC 9110, 14.2.
  const range = parseRange(request.method === "GET" ? request.headers?.["range"] : undefined, sizeBytes);
  if (range.kind === "unsatisfiable") {
    const told = { headers: { "content-range": `bytes */${sizeBytes}` } };
    throw refusal(416, "SIZE_INVALID", `Cannot read blob: it has ${sizeBytes} bytes and the range lies outside`, told);
  }
  const { start, end } = range;
  const body = content.open(start, end);
  const length = { "content-length": String(end - start) };
  if (range.kind === "whole") return { status: 200, headers: { ...headers, ...length }, body };
  return {
    status: 206,
    headers: { ...headers, ...length, "content-range": `bytes ${start}-${end - 1}/${sizeBytes}` },
    body,
  };
}

export async function deleteBlob({ storage }: Exchange, repository: string, name: string): Promise<Answer> {
  const digest = parseDigest(name);
  if (storage.catalogue.blob(repository, digest) === undefined) throw unknownBlob(digest);
  await storage.record([{ kind: "no-blob", repository, digest }]);
  return { status: 202, headers: { "docker-content-digest": digest } };
}

/** Whether `If-Match` or `If-None-Match` names `digest`; `*` names whatever there is. */
export function sameEtag(header: string | undefined, digest: Digest): boolean {
  if (header?.trim() === "*") return true;
  return header !== undefined && header.split(",").some((tag) => tag.trim().replace(/^W\//, "") === `"${digest}"`);
}

function unknownBlob(digest: Digest) {
  return refusal(404, "BLOB_UNKNOWN", "Cannot find blob: this repository does not hold it", { details: [{ digest }] });
}
