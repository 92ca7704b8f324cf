import { createGunzip, createInflate, gunzipSync, inflateSync, type Gunzip, type Inflate } from "node:zlib";
import { pipeline, Readable } from "node:stream";
import type { Bytes } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import type { HttpHeaders } from "../http/send.ts";

/** The one content coding of an answer; `undefined` where the bytes are the content itself. */
export function codingOf(headers: HttpHeaders): string | undefined {
  const coding = headers.get("content-encoding")?.trim().toLowerCase();
  return coding === undefined || coding === "" || coding === "identity" ? undefined : coding;
}

/**
 * Undoes `coding`, which a registry applied although we asked for `identity` (Harbor behind a compressing proxy, some mirrors).
 *
 * @throws WaybillError `too_large` as soon as the result is longer than `maxBytes`; `unsupported` for chains and for other
 *   codings than gzip and deflate.
 */
export function decodeBytes(bytes: Uint8Array, coding: string, maxBytes: number): Uint8Array {
  try {
    const options = { maxOutputLength: maxBytes };
    if (isGzip(coding)) return gunzipSync(bytes, options);
    if (coding === "deflate") return inflateSync(bytes, options);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE") throw tooLong(maxBytes);
    throw undecodable(coding, error);
  }
  throw unsupported(coding);
}

/** The same for a stream. Ends the source when its reader leaves. */
export async function* decodeStream(body: Bytes, coding: string, maxBytes: number): Bytes {
  const decoder = decoderFor(coding);
  const source = Readable.from(body, { objectMode: false });
  let failure: unknown;
  pipeline(source, decoder, (error) => (failure = error));
  source.once("error", (error) => (failure ??= error));
  let seen = 0;
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      seen += chunk.byteLength;
      if (seen > maxBytes) throw tooLong(maxBytes);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof WaybillError) throw error;
    throw failure instanceof WaybillError ? failure : undecodable(coding, error);
  }
}

function decoderFor(coding: string): Gunzip | Inflate {
  if (isGzip(coding)) return createGunzip();
  if (coding === "deflate") return createInflate();
  throw unsupported(coding);
}

function isGzip(coding: string): boolean {
  return coding === "gzip" || coding === "x-gzip";
}

function unsupported(coding: string): WaybillError {
  return new WaybillError("unsupported", `Cannot read body: its content encoding is "${coding.slice(0, 40)}"`);
}

function tooLong(maxBytes: number): WaybillError {
  return new WaybillError("too_large", `Cannot read body: once decoded it is longer than ${maxBytes} bytes`);
}

function undecodable(coding: string, cause: unknown): WaybillError {
  return new WaybillError(
    "digest_mismatch",
    `Cannot read body: it is not the ${coding} that it is labelled as`,
    {},
    { cause },
  );
}
