import { one } from "../../src/http/body.ts";
import type { RequestBody } from "../../src/http/send.ts";

/** Every body as one that is opened: what watches bodies on their way needs to know of one kind only. */
export function streamed(body: RequestBody | Uint8Array): RequestBody {
  return body instanceof Uint8Array ? { sizeBytes: body.byteLength, open: () => one(body) } : body;
}
