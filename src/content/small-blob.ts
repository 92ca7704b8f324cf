import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { collect } from "./collect.ts";
import type { CallOptions, Source } from "./store.ts";
import { requireMatch } from "./verify.ts";

export interface SmallBlobOptions extends CallOptions {
  readonly maxBytes: number;
  /** What it is, for the error; default "blob". */
  readonly what?: string;
}

/**
 * A blob whole and verified: from its descriptor where that holds it, else from `source`.
 *
 * @throws WaybillError `too_large` above `maxBytes`, before anything is asked for; `not_found`, `digest_mismatch`, `size_mismatch`.
 */
export async function readSmallBlob(
  source: Source,
  blob: Descriptor,
  { maxBytes, what = "blob", ...call }: SmallBlobOptions,
): Promise<Uint8Array> {
  const { digest, size, data } = blob;
  if (size > maxBytes) {
    const message = `Cannot read ${what} ${digest}: ${size} bytes are more than ${maxBytes}`;
    throw new WaybillError("too_large", message, { subject: digest });
  }
  if (data !== undefined) {
    const bytes = Buffer.from(data, "base64");
    requireMatch(blob, bytes);
    return bytes;
  }
  await using content = await source.fetch(blob, call);
  return await collect(content.body, maxBytes);
}
