import type { Source } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { createReader } from "../image/inspect.ts";
import { renderTemplate } from "../image/inspect-template.ts";
import { inspectText } from "../image/inspect-text.ts";
import { parseTemplate } from "../template/template.ts";
import { nameOf, parseReference, type Location } from "../spec/reference.ts";

/** Which image to show, and how. `format` and `raw` exclude each other. */
export interface InspectRequest {
  /** As the user typed it; templates see it as `.Name`. */
  readonly reference: string;
  /** A template of Go's `text/template`. Default: the text layout. */
  readonly format?: string;
  /** The manifest's exact bytes instead of a text. */
  readonly raw?: boolean;
}

/** What `inspect` needs of a context: no more than to read. */
export interface InspectContext {
  open(location: Location): Promise<Source>;
  readonly signal?: AbortSignal;
}

/**
 * Shows an image: as text by default, through a template, or as the raw bytes of its manifest. The manifest takes one
 * request; a template costs what it asks for beyond that. Bytes and the result of a template end as they end, without a
 * newline; what a template prints has not passed `display`.
 *
 * @throws WaybillError `invalid_argument`, `invalid_reference`, and `invalid_template` for a template that cannot be parsed, before
 *   anything is asked; `invalid_template` for one that fails on the image, `not_found`, `invalid_manifest`, what the source throws.
 */
export async function inspect(request: InspectRequest, context: InspectContext): Promise<string | Uint8Array> {
  const { reference: name, format = "", raw = false } = request;
  if (format !== "" && raw) throw new WaybillError("invalid_argument", "format and raw cannot be used together");
  const reference = parseReference(name);
  const template = format === "" ? undefined : parseTemplate(format);
  const { signal } = context;
  const source = await context.open(reference.location);
  const root = await source.manifest(nameOf(reference), { signal });
  if (raw) return root.bytes;
  if (!template || template.isOnly(".Manifest")) return inspectText(reference, root);
  return renderTemplate(template, { name, root, reader: createReader(source, root, { signal }) });
}
