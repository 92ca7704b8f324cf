import type { CallOptions, Content, FetchOptions, KnownOptions } from "../content/store.ts";
import { requireOffset } from "../content/verify.ts";
import { drain } from "../http/body.ts";
import { contentRangeOf } from "../http/range.ts";
import type { HttpResponse, RequestHistory } from "../http/send.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { essence } from "../spec/media-type.ts";
import { ask, askToDelete, originElsewhere, type Access } from "./access.ts";
import { blobBody, type OpenAt } from "./blob-body.ts";
import { codingOf } from "./content-encoding.ts";
import { sizeIn } from "./announced.ts";
import { refuseHtml } from "./web-page.ts";
import { problemOf } from "./problem.ts";

/**
 * Whether a blob is there with the right size. `undefined` where the registry does not say: some answer 403 for what does
 * not exist, some do not take HEAD.
 *
 * @throws WaybillError `auth_required`, `unavailable` and the like; `auth_denied`, `unsupported` where the caller must know and is not told.
 */
export async function hasBlob(
  access: Access,
  blob: Pick<Descriptor, "digest" | "size">,
  { signal, mustKnow }: KnownOptions = {},
): Promise<boolean | undefined> {
  const response = await ask(access, {
    method: "HEAD",
    path: `blobs/${blob.digest}`,
    operation: "manifest",
    headers: { "accept-encoding": "identity" },
    signal,
  });
  const { status, headers } = response;
  if (status === 404) return settled(response, false);
  if (mustKnow !== true && [403, 405, 501].includes(status)) return settled(response, undefined);
  if (status !== 200) throw await problemOf(access, response, `Cannot find blob ${blob.digest} in`);
  if (essence(headers.get("content-type") ?? "") === "text/html") return settled(response, undefined);
  const size = codingOf(headers) ? undefined : sizeIn(headers);
  return settled(response, size === undefined || size === blob.size);
}

async function settled<T>(response: HttpResponse, value: T): Promise<T> {
  await drain(response);
  return value;
}

/**
 * A blob as a stream, from `offset` on. A connection that breaks is replaced by another that goes on behind the last byte
 * handed out. Resolves once the registry has begun to answer.
 *
 * @throws WaybillError `not_found`, `auth_denied`; the body throws `digest_mismatch`, `size_mismatch`. RangeError for an offset that is none.
 * Spec: distribution-spec v1.1.1, "Pulling blobs".
 */
export async function fetchBlob(access: Access, blob: Descriptor, options: FetchOptions = {}): Promise<Content> {
  const { offset = 0, signal = access.signal } = options;
  requireOffset(offset, blob.size);
  const history = { sent: 0 };
  const openAt: OpenAt = (from) => requestBlob(access, blob, { from, history, signal });
  const first = await openAt(offset);
  const body = blobBody(blob, { access, openAt, first, offset, signal });
  return { descriptor: blob, body, [Symbol.asyncDispose]: () => body[Symbol.asyncDispose]() };
}

interface BlobRequest {
  readonly from: number;
  readonly history: RequestHistory;
  readonly signal?: AbortSignal;
}

/** Asks for a blob from a byte on; for all of it where the registry does not give it so. */
async function requestBlob(access: Access, blob: Descriptor, wanted: BlobRequest): Promise<HttpResponse> {
  const { from } = wanted;
  const response = await askForBlob(access, blob, wanted);
  if (from > 0 && refusesRange(response, from)) {
    await response[Symbol.asyncDispose]();
    return requestBlob(access, blob, { ...wanted, from: 0 });
  }
  if (response.status !== 200 && response.status !== 206) {
    throw await problemOf(access, response, `Cannot read blob ${blob.digest} from`);
  }
  if (essence(blob.mediaType) !== "text/html") await refuseHtml(access, response);
  return response;
}

/** Asks anew, once, where storage refuses the signed address that it was asked at: that may have expired. */
async function askForBlob(
  access: Access,
  blob: Descriptor,
  { from, history, signal }: BlobRequest,
): Promise<HttpResponse> {
  const request = {
    method: "GET",
    path: `blobs/${blob.digest}`,
    operation: "blob",
    history,
    headers: {
      "accept-encoding": "identity",
      ...(from > 0 && from < blob.size && { range: `bytes=${from}-` }),
    },
    signal,
  } as const;
  const response = await ask(access, request);
  if (response.status !== 403 || originElsewhere(access, response) === undefined) return response;
  await response[Symbol.asyncDispose]();
  return ask(access, request);
}

function refusesRange({ status, headers }: HttpResponse, from: number): boolean {
  return status === 416 || (status === 206 && (contentRangeOf(headers.get("content-range"))?.first ?? from) !== from);
}

/**
 * Deletes a blob. What is not there counts as deleted.
 *
 * @throws WaybillError `unsupported` where the registry does not delete.
 * Spec: distribution-spec v1.1.1, "Deleting Blobs".
 */
export async function deleteBlob(access: Access, digest: Digest, { signal }: CallOptions = {}): Promise<void> {
  const response = await askToDelete(access, `blobs/${digest}`, signal);
  if (response.status < 300 || response.status === 404) return drain(response);
  throw await problemOf(access, response, `Cannot delete blob ${digest} in`);
}
