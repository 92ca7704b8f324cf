/**
 * The offset of the last byte that an upload holds, from a `Range` or `Content-Range` header of whatever shape:
 * `0-1023`, `bytes=0-1023`, `bytes 0-1023/*`. `undefined` where it tells nothing usable (`0--1`, missing, not from zero).
 *
 * `0-0` is one byte by the letter and none for several registries: whoever knows what was sent decides.
 * Spec: distribution-spec v1.1.1, "Pushing a blob in chunks".
 */
export function lastByteOf(header: string | undefined): number | undefined {
  const match =
    /^\s{0,8}(?:bytes\s{0,8}[=: ]?\s{0,8})?(\d{1,16})\s{0,8}-\s{0,8}(\d{1,16})\s{0,8}(?:\/\s{0,8}(?:\*|\d{1,16})\s{0,8})?$/i.exec(
      header ?? "",
    );
  if (!match || Number(match[1]) !== 0) return undefined;
  return safe(match[2]);
}

export interface ContentRange {
  readonly first: number;
  readonly last: number;
  /** `undefined` where the sender does not say. */
  readonly total?: number;
}

/** What part of a blob a 206 holds. `undefined` where the header is missing or makes no sense. Spec: RFC 9110, section 14.4. */
export function contentRangeOf(header: string | undefined): ContentRange | undefined {
  const match = /^\s{0,8}bytes[ =]\s{0,8}(\d{1,16})-(\d{1,16})\/(\*|\d{1,16})\s{0,8}$/i.exec(header ?? "");
  if (!match) return undefined;
  const [first, last, total] = [safe(match[1]), safe(match[2]), safe(match[3])];
  if (first === undefined || last === undefined || last < first) return undefined;
  if (match[3] === "*") return { first, last };
  return total === undefined || last >= total ? undefined : { first, last, total };
}

function safe(digits: string | undefined): number | undefined {
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : undefined;
}
