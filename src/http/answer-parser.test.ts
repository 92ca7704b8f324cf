import { request } from "node:http";
import { Duplex } from "node:stream";
import {
  array,
  assert,
  asyncProperty,
  constant,
  constantFrom,
  nat,
  oneof,
  property,
  string,
  stringMatching,
  tuple,
  uint8Array,
  type Arbitrary,
} from "fast-check";
import { describe, expect, test } from "vitest";
import { MalformedAnswer } from "./answer-head.ts";
import { AnswerParser } from "./answer-parser.ts";

/** What reading came to. */
interface Read {
  status?: number;
  fields?: Fields;
  body: string;
  /** Whether all of the answer came; `exact` where nothing came beyond it. */
  whole: boolean | "exact";
  keepsAlive?: boolean;
  error?: string;
}

/** Reads `pieces`, after which the connection ends. */
function read(pieces: readonly Buffer[], method = "GET"): Read {
  const result: Read = { body: "", whole: false };
  const parser = new AnswerParser(method, {
    answered({ status, headers, keepsAlive }) {
      const fields = headers.names().flatMap((name) => headers.all(name).map((value) => [name, value] as const));
      Object.assign(result, { status, fields, keepsAlive });
    },
    received: (chunk) => void (result.body += Buffer.from(chunk).toString("latin1")),
    receivedAll: (isExact) => void (result.whole = isExact ? "exact" : true),
  });
  try {
    for (const piece of pieces) parser.take(piece);
    result.whole = parser.finish() && result.whole;
  } catch (error) {
    if (!(error instanceof MalformedAnswer)) throw error;
    result.error = error.code;
  }
  return result;
}

const whole = (text: string, method?: string) => read([Buffer.from(text, "latin1")], method);
const answer = (head: string, body = "") => `HTTP/1.1 200 OK\r\n${head}\r\n${body}`;

describe("AnswerParser", () => {
  test("reads status, headers and a body of announced length", () => {
    expect(whole("HTTP/1.1 404 \r\nContent-Length:  2 \r\nx: a \t\r\nX: b\r\n\r\nno")).toEqual({
      status: 404,
      fields: [
        ["content-length", "2"],
        ["x", "a"],
        ["x", "b"],
      ],
      body: "no",
      whole: "exact",
      keepsAlive: true,
    });
  });

  test.each([
    [
      "chunks, with extensions and trailers",
      answer("transfer-encoding: Chunked\r\n", "3;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\nx: y\r\n\r\n"),
      "abc0123456789",
    ],
    ["the end of the connection", answer("", "until the end"), "until the end"],
    [
      "informational answers before it",
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n${answer("content-length: 1\r\n", "c")}`,
      "c",
    ],
    ["no reason phrase", "HTTP/1.1 200\r\ncontent-length: 1\r\n\r\nc", "c"],
  ])("understands %s", (_name, text, body) => {
    expect(whole(text)).toMatchObject({ status: 200, body, whole: "exact" });
  });

  test.each([
    ["HEAD", answer("content-length: 5\r\n")],
    ["HEAD", answer("transfer-encoding: chunked\r\n")],
    ["GET", "HTTP/1.1 204 No Content\r\n\r\n"],
    ["GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"],
    ["CONNECT", "HTTP/1.1 200 Connection established\r\n\r\n"],
  ])("knows of answers that have no body: %s %j", (method, text) => {
    expect(whole(text, method)).toMatchObject({ body: "", whole: "exact" });
    expect(whole(`${text}x`, method)).toMatchObject({ body: "", whole: true });
  });

  test.each([
    ["HTTP/1.1", "", true],
    ["HTTP/1.1", "connection: Close\r\n", false],
    ["HTTP/1.1", "connection: x, close\r\n", false],
    ["HTTP/1.0", "", false],
    ["HTTP/1.0", "connection: keep-alive\r\n", true],
  ])("knows whether the connection stays open: %s %j", (version, header, keepsAlive) => {
    expect(whole(`${version} 200 OK\r\n${header}content-length: 0\r\n\r\n`)).toMatchObject({ keepsAlive });
    expect(whole(`${version} 200 OK\r\n${header}\r\n`)).toMatchObject({ keepsAlive: false });
  });

  test.each([
    ["more of it than announced", answer("content-length: 1\r\n", "ab"), true],
    ["less of it than announced", answer("content-length: 3\r\n", "ab"), false],
    ["the last chunk missing", answer("transfer-encoding: chunked\r\n", "2\r\nab\r\n"), false],
    ["a chunk cut off", answer("transfer-encoding: chunked\r\n", "2\r\na"), false],
    ["bare line feeds around a chunk", answer("transfer-encoding: chunked\r\n", "1\na\n0\n\n"), false],
    ["the end of its trailers missing", answer("transfer-encoding: chunked\r\n", "0\r\n"), false],
    ["half a head", "HTTP/1.1 200 OK\r\ncontent", false],
    ["nothing at all", "", false],
  ])("tells a whole answer from one with %s", (_name, text, isWhole) => {
    expect(whole(text).whole).toBe(isWhole);
  });

  test.each([
    "SSH-2.0-OpenSSH_9\r\n",
    "\x15\x03\x01\x00\x02\x02\x16",
    "HTTP/2 200 OK\r\n\r\n",
    "HTTP/1.1 0200 OK\r\n\r\n",
    "HTTP/1.1 099 OK\r\n\r\n",
    "http/1.1 200 OK\r\n\r\n",
    "\r\nHTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.1 200 OK\n\n",
  ])("refuses as not HTTP what begins with %j", (text) => {
    expect(["NOT_HTTP", undefined]).toContain(whole(text).error);
    expect(whole(text)).toMatchObject({ body: "", whole: false });
  });

  test.each([
    "content-length: 1\r\ncontent-length: 1\r\n",
    "content-length: 1, 1\r\n",
    "content-length: +1\r\n",
    "content-length: 0x1\r\n",
    "content-length: \r\n",
    "content-length: 1234567890123456\r\n",
    "content-length: 1\r\ntransfer-encoding: chunked\r\n",
    "transfer-encoding: gzip, chunked\r\n",
    "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n",
    "transfer-encoding: identity\r\n",
    "transfer-encoding: chunked\t\r\n",
    "content-length: 1\t \r\n",
    "content-length : 1\r\n",
    " folded: x\r\n",
    "x: a\r\n b\r\n",
    "no colon\r\n",
    ": no name\r\n",
    "x: a\nb: c\r\n",
    "x: a\rb\r\n",
    "x: a\x00b\r\n",
    "x: a\r\n \x00b\r\n",
  ])("refuses a head that may be understood in two ways: %j", (head) => {
    expect(whole(answer(head, "a"))).toEqual({ body: "", whole: false, error: "MALFORMED_ANSWER" });
  });

  test("refuses a line feed alone at once, without the end of the head", () => {
    const cases = [
      ["HTTP/1.1 200 OK\ncontent-length: 0\n\n", "NOT_HTTP"],
      ["HTTP/1.1 200 OK\r\nx: y\nz: a\r\n", "MALFORMED_ANSWER"],
    ] as const;
    for (const [text, error] of cases) {
      expect(whole(text).error).toBe(error);
      expect(read(text.split("").map((byte) => Buffer.from(byte))).error).toBe(error);
    }
    const split = ["HTTP/1.1 200 OK\r", "\ncontent-length: 0\r\n", "\r\n"].map((text) => Buffer.from(text));
    expect(read(split)).toMatchObject({ status: 200, whole: "exact" });
  });

  test("refuses chunks in HTTP/1.0, and a switch of protocols", () => {
    expect(whole("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n").error).toBe("MALFORMED_ANSWER");
    expect(whole("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n").error).toBe("MALFORMED_ANSWER");
  });

  test.each([
    "x\r\n",
    "1 \r\na\r\n",
    "\r\n",
    "-1\r\n",
    "1\r\nab\r\n",
    "100000000000000\r\n",
    `1;${"x".repeat(2000)}\r\na\r\n`,
    "0\r\nno trailer\r\n\r\n",
  ])("refuses the chunk %j", (chunk) => {
    const { error, whole: isWhole } = whole(answer("transfer-encoding: chunked\r\n", chunk));
    expect([error, isWhole]).toEqual(["MALFORMED_ANSWER", false]);
  });

  test("bounds heads and trailers, in one piece and in many", () => {
    const long = `x: ${"y".repeat(17_000)}\r\n`;
    const many = "x: y\r\n".repeat(3000);
    for (const text of [answer(long), answer(many), answer("transfer-encoding: chunked\r\n", `0\r\n${many}\r\n`)]) {
      expect(whole(text).error).toBe("HEADERS_TOO_LONG");
      expect(read(bytewise(text)).error).toBe("HEADERS_TOO_LONG");
    }
    expect(whole(answer(`x: ${"y".repeat(16_000)}\r\ncontent-length: 1\r\n`, "a")).whole).toBe("exact");
  });
});

function bytewise(text: string): readonly Buffer[] {
  return Array.from(Buffer.from(text, "latin1"), (byte) => Buffer.of(byte));
}

const name = constantFrom(
  "content-length",
  "Transfer-Encoding",
  "connection",
  "keep-alive",
  "location",
  "x",
  "x y",
  "",
);
const value = oneof(
  nat(20).map(String),
  constantFrom("chunked", "Chunked", "gzip", "close", "keep-alive", "0x5", "+1", "1, 1", "\x00", "é"),
  string({ maxLength: 6 }),
);
const lineEnd = oneof({ weight: 30, arbitrary: constant("\r\n") }, constantFrom("\n", "\r", "\r\n ", ""));
const space = oneof({ weight: 8, arbitrary: constant(" ") }, constantFrom("", "\t", "  "));
const header = tuple(name, constantFrom(":", ":", ":", " :", ""), space, value, space, lineEnd).map((parts) =>
  parts.join(""),
);
const version = constantFrom("HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTP/1.1");
const status = oneof(
  { weight: 9, arbitrary: constantFrom("200 OK", "404", "204 ", "304 Not") },
  constantFrom("100 Go on", "99 x", "+20"),
);
const chunk = tuple(
  stringMatching(/^[0-9a-fA-F]{1,2}$/),
  constantFrom("", "", "", ";a", ";a=b", " ", ";"),
  lineEnd,
  string({ maxLength: 20 }),
  lineEnd,
);
const body = oneof(
  string({ maxLength: 30 }),
  array(
    chunk.map((parts) => parts.join("")),
    { maxLength: 3 },
  ).map((parts) => `${parts.join("")}0\r\n\r\n`),
  nat(20).map((length) => `${length.toString(16)}\r\n${"z".repeat(length)}\r\n0\r\n\r\n`),
);
/** Answers that are right, nearly right, and wrong in many ways. */
const nearlyAnswer: Arbitrary<Buffer> = tuple(
  version,
  status,
  lineEnd,
  array(header, { maxLength: 4 }),
  lineEnd,
  body,
).map(([http, code, end, headers, empty, rest]) =>
  Buffer.from(`${http} ${code}${end}${headers.join("")}${empty}${rest}`, "latin1"),
);
const anyMethod = constantFrom("GET", "GET", "HEAD", "PUT");

function cutInto(bytes: Buffer, cuts: readonly number[]): readonly Buffer[] {
  const at = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length].toSorted((left, right) => left - right);
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
}

describe("AnswerParser, whatever comes", () => {
  test("understands the same in one piece and in many", () => {
    assert(
      property(nearlyAnswer, array(nat(200), { maxLength: 8 }), anyMethod, (bytes, cuts, method) => {
        const { whole: first, ...inOne } = read([bytes], method);
        const { whole: second, ...inMany } = read(cutInto(bytes, cuts), method);
        expect(inMany).toEqual(inOne);
        expect(Boolean(second)).toBe(Boolean(first));
      }),
      { numRuns: 2000 },
    );
  });

  test("throws nothing but MalformedAnswer", () => {
    assert(
      property(
        oneof(
          uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
          nearlyAnswer,
        ),
        anyMethod,
        (bytes, method) => {
          read([bytes], method);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("takes nothing that Node's own parser refuses or understands in another way", async () => {
    await assert(
      asyncProperty(nearlyAnswer, anyMethod, async (bytes, method) => {
        const ours = read([bytes], method);
        // What came beyond the answer is not read at all: its connection is closed.
        if (ours.error !== undefined || ours.whole !== "exact") return;
        const { status, fields, body, whole } = ours;
        expect(await readByNode(bytes, method)).toEqual({
          status,
          fields: byName(fields ?? []),
          body,
          whole: Boolean(whole),
        });
      }),
      { numRuns: 2000 },
    );
  });
});

type Fields = readonly (readonly [string, string])[];

function byName(fields: Fields): Fields {
  return fields.toSorted(([left], [right]) => left.localeCompare(right));
}

/** The same bytes as `node:http` reads them. */
function readByNode(bytes: Buffer, method: string): Promise<unknown> {
  return new Promise((resolve) => {
    const connection = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    const client = request({ method, createConnection: () => connection });
    client.on("error", (error) => resolve({ error: error.message }));
    client.on("response", (response) => {
      const names = response.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
      const fields = byName(names.map((name, at) => [name, response.rawHeaders[2 * at + 1] ?? ""]));
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("close", () =>
        resolve({
          status: response.statusCode,
          fields,
          body: Buffer.concat(chunks).toString("latin1"),
          whole: response.complete,
        }),
      );
      response.on("error", () => undefined);
    });
    client.end();
    connection.push(bytes);
    connection.push(null);
  });
}
