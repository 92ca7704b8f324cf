import { expect, test } from "vitest";
import { respond } from "../../test/support/responses.ts";
import { peek, readBody } from "./body.ts";

const get = { method: "GET", url: "https://r.example/x" } as const;

/** An answer in pieces, which tells how many of them were asked for. */
function inPieces(...pieces: readonly string[]) {
  let pulled = 0;
  async function* body() {
    for (const piece of pieces) {
      pulled += 1;
      yield Buffer.from(piece);
    }
  }
  return { response: { ...respond(get, 200), body: body() }, pulled: () => pulled };
}

const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();

test.each([
  [1, "ab"],
  [3, "abcd"],
  [6, "abcdef"],
  [100, "abcdef"],
])("peek reads just beyond %i bytes and leaves the body whole", async (maxBytes, wanted) => {
  const { response, pulled } = inPieces("ab", "cd", "ef");

  const [start, answer] = await peek(response, maxBytes);

  expect(textOf(start)).toBe(wanted);
  expect(pulled()).toBe(wanted.length / 2);
  expect(textOf(await readBody(answer, 100))).toBe("abcdef");
});

test("peek gives an empty beginning of an empty body", async () => {
  const [start, answer] = await peek(inPieces().response, 10);

  expect(start.byteLength).toBe(0);
  expect((await readBody(answer, 100)).byteLength).toBe(0);
});
