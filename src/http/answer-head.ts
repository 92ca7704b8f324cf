import { hasNoBody } from "./body.ts";
import { headersFrom } from "./headers.ts";
import type { HttpHeaders } from "./send.ts";

/** An answer that is not HTTP/1.1 as we accept it. `code` says which words fit (`outcome.ts`). */
export class MalformedAnswer extends Error {
  override readonly name = "MalformedAnswer";
  readonly code: "NOT_HTTP" | "HEADERS_TOO_LONG" | "MALFORMED_ANSWER";

  constructor(code: MalformedAnswer["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** How the end of an answer's body is found. */
export type Framing =
  | { readonly by: "length"; readonly bytes: number }
  | { readonly by: "chunks" }
  | { readonly by: "close" };

/** What stands before an answer's body. */
export interface AnswerHead {
  readonly status: number;
  /** `1.0` or `1.1`. */
  readonly version: string;
  readonly headers: HttpHeaders;
  readonly framing: Framing;
  /** Whether the server leaves the connection open for another request. */
  readonly keepsAlive: boolean;
}

const statusLine = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?(?=\r\n|$)/;
/** From one line's end to the next. A value does not begin with a space, so that it has one way only to be read. */
const fieldLines = /^(?:\r\n[!#$%&'*+.^_`|~\w-]+:[\t ]*(?:[\x21-\x7e\x80-\xff][\t\x20-\x7e\x80-\xff]*)?)*$/;
const framingField = /^(?:content-length|transfer-encoding)$/i;

/**
 * Reads the head of an answer: `text` holds its lines, latin-1, up to the empty one and without it.
 *
 * Takes none of what readers of HTTP have understood in different ways: bare line feeds, lines that go on in the next one,
 * spaces before the colon, two lengths, a length beside chunks, codings other than `chunked`. Nor does Node's own parser.
 *
 * @throws MalformedAnswer
 */
export function parseHead(text: string, method: string): AnswerHead {
  const found = statusLine.exec(text);
  const minor = found?.[1];
  if (!found || minor === undefined)
    throw new MalformedAnswer("NOT_HTTP", "its answer does not begin as HTTP/1.1 does");
  const status = Number(found[2]);
  const isBodiless = hasNoBody(method, status);
  const headers = headersFrom(fieldsOf(text, found[0].length));
  // Looked at also where there is no body: what it says must make sense.
  const framing = framingOf(headers, minor);
  return {
    status,
    version: `1.${minor}`,
    headers,
    framing: isBodiless ? empty : framing,
    keepsAlive: (isBodiless || framing.by !== "close") && keepsAlive(headers, minor),
  };
}

const empty: Framing = { by: "length", bytes: 0 };

/** Names and values, one after the other, from `start` on, where the line before them ends. */
function fieldsOf(text: string, start: number): readonly string[] {
  const lines = text.slice(start);
  if (!fieldLines.test(lines)) throw malformed("a header line that is none");
  const fields: string[] = [];
  for (let at = 0, end = 0; at < lines.length; at = end) {
    const colon = lines.indexOf(":", at);
    end = endOfLine(lines, colon);
    const name = lines.slice(at + 2, colon);
    let from = colon + 1;
    while (isBlank(lines.charCodeAt(from))) from += 1;
    const value = lines.slice(from, end);
    // With a tab behind them, Node's parser takes neither a length nor `chunked` for what it is.
    if (value.includes("\t") && framingField.test(name)) throw malformed(`a tab in its ${name}`);
    fields.push(name, trimmedEnd(value));
  }
  return fields;
}

function endOfLine(lines: string, from: number): number {
  const end = lines.indexOf("\r\n", from);
  return end < 0 ? lines.length : end;
}

/** In steps from the end: a pattern would look at every run of spaces anew. */
function trimmedEnd(value: string): string {
  let end = value.length;
  while (isBlank(value.charCodeAt(end - 1))) end -= 1;
  return value.slice(0, end);
}

/** A space or a tab. */
function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function framingOf(headers: HttpHeaders, minor: string): Framing {
  const codings = headers.all("transfer-encoding");
  const lengths = headers.all("content-length");
  if (codings.length > 0) return chunksOnly(codings, lengths, minor);
  if (lengths.length === 0) return { by: "close" };
  const [length = ""] = lengths;
  if (lengths.length > 1 || !/^\d{1,15}$/.test(length)) throw malformed("a content-length that is none");
  return { by: "length", bytes: Number(length) };
}

function chunksOnly(codings: readonly string[], lengths: readonly string[], minor: string): Framing {
  const isPlain = codings.length === 1 && codings[0]?.toLowerCase() === "chunked";
  if (!isPlain || minor === "0") throw malformed("a transfer-encoding that we do not speak");
  if (lengths.length > 0) throw malformed("both a content-length and a transfer-encoding");
  return { by: "chunks" };
}

function keepsAlive(headers: HttpHeaders, minor: string): boolean {
  const connection = headers.get("connection");
  if (connection === undefined) return minor === "1";
  const words = connection.toLowerCase().split(/[\t ,]+/);
  if (words.includes("close")) return false;
  return minor === "1" || words.includes("keep-alive");
}

function malformed(what: string): MalformedAnswer {
  return new MalformedAnswer("MALFORMED_ANSWER", `its answer has ${what}`);
}
