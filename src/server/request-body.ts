import type { Bytes } from "../content/store.ts";
import { collect } from "../content/collect.ts";
import { openBody } from "../http/body.ts";
import type { HttpRequest } from "../http/send.ts";
import { refusal } from "./refusal.ts";

/** The request's body broke off. Its `cause` is the sender's own error and goes back to the sender, never into an answer. */
export class BrokenBody extends Error {
  override readonly name = "BrokenBody";

  constructor(cause: unknown) {
    super("the request's body broke off", { cause });
  }
}

/**
 * The body as it arrives, and its length in bytes (`NaN` where the sender did not say). Throws `BrokenBody` when the sender fails,
 * and a 413 beyond `maxBytes`: at once where the length is known.
 */
export function streamBody(
  request: HttpRequest,
  maxBytes: number,
): { readonly sizeBytes: number; readonly body: Bytes } {
  const { sizeBytes, body } = openBody(request);
  if (sizeBytes > maxBytes) throw tooLong(maxBytes);
  return { sizeBytes, body: watched(body, maxBytes, request.signal) };
}

/** The whole body. @throws as `streamBody` */
export function wholeBody(request: HttpRequest, maxBytes: number): Promise<Uint8Array> {
  return collect(streamBody(request, maxBytes).body, maxBytes);
}

async function* watched(body: Bytes, maxBytes: number, signal: AbortSignal | undefined): Bytes {
  let seen = 0;
  try {
    for await (const chunk of body) {
      seen += chunk.byteLength;
      if (seen > maxBytes) break;
      // What has come is kept, also where its sender has gone meanwhile.
      yield chunk;
      signal?.throwIfAborted();
    }
  } catch (error) {
    throw new BrokenBody(error);
  }
  if (seen > maxBytes) throw tooLong(maxBytes);
}

function tooLong(maxBytes: number) {
  return refusal(413, "SIZE_INVALID", `Cannot take request: its body is longer than ${maxBytes} bytes`);
}
