import { WaybillError } from "../errors.ts";
import { isDigest } from "../spec/digest.ts";
import { formatReference, parseReference, type Reference } from "../spec/reference.ts";
import type { Named } from "./named.ts";

/**
 * Reads `REFERENCE=DIGEST` and `REFERENCE=absent`: what a tag must name before it may be moved, by the tag's full name.
 *
 * @throws WaybillError `invalid_argument` where one has another form, or speaks of a tag that is none of `targets`;
 *   `invalid_reference`.
 */
export function parseExpectations(texts: readonly string[], targets: readonly Reference[]): ReadonlyMap<string, Named> {
  const names = new Set(targets.map(nameOfTag));
  return new Map(
    texts.map((text) => {
      const at = text.lastIndexOf("=");
      const wanted = text.slice(at + 1);
      if (at < 1 || (wanted !== "absent" && !isDigest(wanted)))
        throw invalid(text, "expected REFERENCE=DIGEST or REFERENCE=absent");
      const name = nameOfTag(parseReference(text.slice(0, at)));
      if (!names.has(name)) throw invalid(text, `${name} is none of the tags to write`);
      return [name, wanted];
    }),
  );
}

function nameOfTag({ location, tag }: Reference): string {
  return formatReference({ location, ...(tag !== undefined && { tag }) });
}

function invalid(text: string, why: string): WaybillError {
  return new WaybillError("invalid_argument", `invalid expectation "${text.slice(0, 300)}": ${why}`);
}
