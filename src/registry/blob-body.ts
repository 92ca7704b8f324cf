import type { Hash } from "node:crypto";
import { backoffMs } from "../async/backoff.ts";
import { sleep } from "../async/clock.ts";
import type { Bytes } from "../content/store.ts";
import { isRetryable, WaybillError } from "../errors.ts";
import { contentRangeOf } from "../http/range.ts";
import type { HttpResponse } from "../http/send.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { algorithmOf, digestFrom, hashFor } from "../spec/digest.ts";
import { contextOf, nameOfRepository, type Access } from "./access.ts";
import { codingOf, decodeStream } from "./content-encoding.ts";
import { sizeIn } from "./manifests.ts";

const maxFailures = 5;

/** Asks for the blob from a byte on; answers 200 or 206. */
export type OpenAt = (offset: number) => Promise<HttpResponse>;

export interface BlobBodyOptions {
  readonly access: Access;
  readonly openAt: OpenAt;
  /** The answer to `openAt(offset)`. */
  readonly first: HttpResponse;
  readonly offset: number;
  readonly signal?: AbortSignal;
}

/** How far a body has been handed out. */
interface Progress {
  at: number;
  /** Of everything before `at`; absent for a body that began in the middle. */
  hash: Hash | undefined;
}

/**
 * The bytes of `blob` from `offset` on. A break is mended by a request for the rest, with growing waits, as long as every
 * fifth try brings a byte. The last chunk is handed out after the whole was verified.
 *
 * @throws WaybillError `digest_mismatch`, `size_mismatch`; the last error where the connection cannot be mended.
 */
export async function* blobBody(blob: Descriptor, options: BlobBodyOptions): Bytes {
  const { offset } = options;
  const progress: Progress = { at: offset, hash: offset === 0 ? hashFor(blob.digest) : undefined };
  let response: HttpResponse | undefined = options.first;
  let last: Uint8Array | undefined;
  for (let failures = 0; ;) {
    try {
      response ??= await options.openAt(progress.at);
      for await (const chunk of rest(blob, { response, progress, access: options.access })) {
        failures = 0;
        if (progress.at < blob.size) yield chunk;
        else last = chunk;
      }
      break;
    } catch (error) {
      const isComplete = progress.at === blob.size && blob.size > 0;
      if (isRetryable(error) && isComplete) break;
      if (!isRetryable(error) || ++failures >= maxFailures) throw error;
      await response?.[Symbol.asyncDispose]();
      response = undefined;
      await pause(failures, options);
    }
  }
  requireDigest(blob, progress, options.access);
  if (last) yield last;
}

async function pause(failures: number, { access, signal }: BlobBodyOptions): Promise<void> {
  await sleep(access.clock, backoffMs(failures, access.random), signal);
}

interface Rest {
  readonly response: HttpResponse;
  readonly progress: Progress;
  readonly access: Access;
}

/** What `response` brings beyond what was handed out; moves `progress` on. Ends with the blob, or throws. */
async function* rest(blob: Descriptor, { response, progress, access }: Rest): Bytes {
  await using _ = response;
  const skip = skipped(blob, { response, progress, access });
  for await (const chunk of skip(contentOf(blob, response))) {
    if (chunk.byteLength === 0) continue;
    if (progress.at + chunk.byteLength > blob.size) throw wrongSize(blob, "more", access);
    progress.at += chunk.byteLength;
    progress.hash?.update(chunk);
    yield chunk;
  }
  if (progress.at < blob.size) throw endedEarly(blob, progress.at, access);
}

/** A body that is labelled as encoded although it was asked for plain: its length tells whether the label is true. */
function contentOf(blob: Descriptor, response: HttpResponse): Bytes {
  const coding = codingOf(response.headers);
  const isRaw = coding === undefined || response.status === 206 || sizeIn(response.headers) === blob.size;
  return isRaw ? response.body : decodeStream(response.body, coding, blob.size);
}

/** How to get from the first byte of the answer to the first that is still wanted. */
function skipped(blob: Descriptor, { response, progress, access }: Rest): (body: Bytes) => Bytes {
  const { at } = progress;
  if (response.status === 206) {
    const start = contentRangeOf(response.headers.get("content-range"))?.first;
    if (start !== undefined && start !== at) {
      const message = `Cannot read blob ${blob.digest} from "${nameOfRepository(access)}": asked for bytes from ${at}, got them from ${start}`;
      throw new WaybillError("range_invalid", message, about(blob, access));
    }
    return (body) => body;
  }
  return at === 0 ? (body) => body : (body) => afterPrefix(blob, body, { response, progress, access });
}

/** The registry sent everything again: the beginning must be what was handed out, and is left out. */
async function* afterPrefix(blob: Descriptor, body: Bytes, { progress, access }: Rest): Bytes {
  const again = progress.hash && hashFor(blob.digest);
  const before = progress.hash?.copy().digest("hex");
  const from = progress.at;
  let seen = 0;
  let isSame = false;
  for await (const chunk of body) {
    const prefix = chunk.subarray(0, Math.max(0, from - seen));
    again?.update(prefix);
    seen += chunk.byteLength;
    if (seen < from || prefix.byteLength === chunk.byteLength) continue;
    isSame ||= again === undefined || again.digest("hex") === before;
    if (!isSame) throw changed(blob, access);
    yield chunk.subarray(prefix.byteLength);
  }
}

function requireDigest(blob: Descriptor, { hash }: Progress, access: Access): void {
  if (!hash) return;
  const seen = digestFrom(hash, algorithmOf(blob.digest));
  if (seen === blob.digest) return;
  const message = `Cannot accept blob from "${nameOfRepository(access)}": expected ${blob.digest}, got ${seen}`;
  throw new WaybillError("digest_mismatch", message, about(blob, access));
}

function changed(blob: Descriptor, access: Access): WaybillError {
  const message = `Cannot accept blob ${blob.digest} from "${nameOfRepository(access)}": it changed while it was read`;
  return new WaybillError("digest_mismatch", message, about(blob, access));
}

function wrongSize(blob: Descriptor, got: string, access: Access): WaybillError {
  const message = `Cannot accept blob ${blob.digest} from "${nameOfRepository(access)}": expected ${blob.size} bytes, got ${got}`;
  return new WaybillError("size_mismatch", message, about(blob, access));
}

function endedEarly(blob: Descriptor, at: number, access: Access): WaybillError {
  const message = `Cannot read blob ${blob.digest} from "${nameOfRepository(access)}": the body ended after ${at} of ${blob.size} bytes`;
  return new WaybillError("connection_failed", message, about(blob, access));
}

function about(blob: Descriptor, access: Access) {
  return { ...contextOf(access), subject: blob.digest };
}
