import { createGunzip, createInflate, gunzipSync, inflateSync, type Gunzip, type Inflate } from "node:zlib";
import { pipeline, Readable } from "node:stream";
import type { Bytes } from "../content/store.ts";
import { WaybillError, type ErrorContext } from "../errors.ts";
import type { HttpHeaders } from "../http/send.ts";

/** The one content coding of an answer; `undefined` where the bytes are the content itself. */
export function codingOf(headers: HttpHeaders): string | undefined {
  const coding = headers.get("content-encoding")?.trim().toLowerCase();
  return coding === undefined || coding === "" || coding === "identity" ? undefined : coding;
}

/** Encoded content, and whose it is. */
export interface Encoded {
  readonly coding: string;
  /** How long it may be once it is decoded. */
  readonly maxBytes: number;
  /** What errors begin with: `Cannot read blob … from "…"`. */
  readonly doing: string;
  readonly about: ErrorContext;
}

/**
 * Undoes a coding which a registry applied although we asked for `identity` (Harbor behind a compressing proxy, some mirrors).
 *
 * @throws WaybillError `too_large` as soon as the result is longer than `maxBytes`; `unsupported` for chains and for other
 *   codings than gzip and deflate.
 */
export function decodeBytes(bytes: Uint8Array, encoded: Encoded): Uint8Array {
  const { coding, maxBytes } = encoded;
  try {
    const options = { maxOutputLength: maxBytes };
    if (isGzip(coding)) return gunzipSync(bytes, options);
    if (coding === "deflate") return inflateSync(bytes, options);
  } catch (error) {
    if ((error as { code?: unknown }).code === "ERR_BUFFER_TOO_LARGE") throw tooLong(encoded);
    throw undecodable(encoded, error);
  }
  throw unsupported(encoded);
}

/** The same for a stream. Ends the source when its reader leaves. */
export async function* decodeStream(body: Bytes, encoded: Encoded): Bytes {
  const decoder = decoderFor(encoded);
  const source = Readable.from(body, { objectMode: false });
  let failure: unknown;
  pipeline(source, decoder, (error) => (failure = error));
  source.once("error", (error) => (failure ??= error));
  let seen = 0;
  try {
    for await (const chunk of decoder as AsyncIterable<Buffer>) {
      seen += chunk.byteLength;
      if (seen > encoded.maxBytes) throw tooLong(encoded);
      yield chunk;
    }
  } catch (error) {
    if (error instanceof WaybillError) throw error;
    throw failure instanceof WaybillError ? failure : undecodable(encoded, error);
  }
}

function decoderFor(encoded: Encoded): Gunzip | Inflate {
  if (isGzip(encoded.coding)) return createGunzip();
  if (encoded.coding === "deflate") return createInflate();
  throw unsupported(encoded);
}

function isGzip(coding: string): boolean {
  return coding === "gzip" || coding === "x-gzip";
}

function unsupported({ coding, doing, about }: Encoded): WaybillError {
  return new WaybillError("unsupported", `${doing}: its content encoding is "${coding.slice(0, 40)}"`, about);
}

function tooLong({ maxBytes, doing, about }: Encoded): WaybillError {
  return new WaybillError("too_large", `${doing}: once decoded it is longer than ${maxBytes} bytes`, about);
}

function undecodable({ coding, doing, about }: Encoded, cause: unknown): WaybillError {
  return new WaybillError("digest_mismatch", `${doing}: it is not the ${coding} that it is labelled as`, about, {
    cause,
  });
}
