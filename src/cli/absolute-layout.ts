import { resolve } from "node:path";
import { WaybillError } from "../errors.ts";
import { formatReference, parseReference, type Reference } from "../spec/reference.ts";

const scheme = "oci-layout://";

/**
 * `text` with the folder of an `oci-layout://` reference as an absolute path: what is written down of a publish then means the same
 * wherever it is read. Other text is as it was, and so is what cannot be read: whoever uses it says why.
 *
 * @throws WaybillError `invalid_argument` where the folder is relative and the working directory was deleted.
 */
export function withAbsoluteLayout(text: string): string {
  const reference = text.startsWith(scheme) ? parsed(text) : undefined;
  if (reference?.location.kind !== "layout") return text;
  return formatReference({ ...reference, location: { kind: "layout", path: absolute(reference.location.path) } });
}

function parsed(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}

function absolute(path: string): string {
  try {
    return resolve(path);
  } catch (error) {
    const advice = "change to a folder that is there, or name the layout by its absolute path";
    const message = `Cannot find layout "${path}": the working directory is not there any more`;
    throw new WaybillError("invalid_argument", message, { advice }, { cause: error });
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
