/** Which bytes of some content are meant: from `start` up to, not including, `end`. */
export type ByteRange =
  | { readonly kind: "whole"; readonly start: 0; readonly end: number }
  | { readonly kind: "part"; readonly start: number; readonly end: number }
  | { readonly kind: "unsatisfiable" };

const grammar = /^bytes=([0-9]{0,15})-([0-9]{0,15})$/;

/**
 * Reads a `Range` header. Several ranges, other units and what cannot be read count as no range, as RFC 9110 (section 14.2)
 * allows; a range that ends before it begins is refused like one that lies outside, as the spec's conformance tests expect.
 */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange {
  const whole = { kind: "whole", start: 0, end: sizeBytes } as const;
  const match = header === undefined ? undefined : grammar.exec(header.trim());
  if (!match || header?.trim() === "bytes=-") return whole;
  const [, first = "", last = ""] = match;
  if (first === "") return part(Math.max(sizeBytes - Number(last), 0), sizeBytes, sizeBytes);
  return part(Number(first), last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes), sizeBytes);
}

function part(start: number, end: number, sizeBytes: number): ByteRange {
  return start < end && start < sizeBytes ? { kind: "part", start, end } : { kind: "unsatisfiable" };
}

/** The first byte of a chunk and the one after its last, from `Content-Range`; `undefined` where it says nothing we understand. */
export function parseChunkRange(header: string): { readonly start: number; readonly end: number } | undefined {
  const match = /^(?:bytes[ =])?([0-9]{1,15})-([0-9]{1,15})(?:\/(?:\*|[0-9]{1,15}))?$/.exec(header.trim());
  if (!match) return undefined;
  const [start, end] = [Number(match[1]), Number(match[2]) + 1];
  return start < end ? { start, end } : undefined;
}
