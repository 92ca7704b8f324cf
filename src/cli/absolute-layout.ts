import { resolve } from "node:path";
import { formatReference, parseReference } from "../spec/reference.ts";

const scheme = "oci-layout://";

/**
 * `text` with the folder of an `oci-layout://` reference as an absolute path: what is written down of a publish then means the same
 * wherever it is read. Other text is as it was, and so is what cannot be read: whoever uses it says why.
 */
export function withAbsoluteLayout(text: string): string {
  if (!text.startsWith(scheme)) return text;
  try {
    const reference = parseReference(text);
    const { location } = reference;
    if (location.kind !== "layout") return text;
    return formatReference({ ...reference, location: { kind: "layout", path: resolve(location.path) } });
  } catch {
    return text;
  }
}

/** The same for `REFERENCE=DIGEST`. */
export function withAbsoluteTag(expectation: string): string {
  const at = expectation.lastIndexOf("=");
  return at < 0 ? expectation : withAbsoluteLayout(expectation.slice(0, at)) + expectation.slice(at);
}

/** The same for a file that holds one source; only a reference is written anew. */
export function withAbsoluteSource(content: Uint8Array): Uint8Array {
  const text = Buffer.from(content).toString("utf8");
  if (!text.startsWith(scheme)) return content;
  return Buffer.from(withAbsoluteLayout(text.replace(/\r?\n$/, "")));
}
