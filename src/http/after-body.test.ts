import { expect, test } from "vitest";
import type { Bytes } from "../content/store.ts";
import { afterBody, type BodyEnd } from "./after-body.ts";
import { headersFrom } from "./headers.ts";

/** An answer of two chunks, with what became of it and of its body. */
function watched(failure?: Error) {
  const seen: { ends: BodyEnd[]; left: boolean; disposed: boolean } = { ends: [], left: false, disposed: false };
  let chunks = 0;
  const body: Bytes = {
    [Symbol.asyncIterator]: () => ({
      async next() {
        if (failure && chunks === 1) throw failure;
        return chunks++ < 2 ? { done: false, value: new Uint8Array(3) } : { done: true, value: undefined };
      },
      async return() {
        seen.left = true;
        return { done: true, value: undefined };
      },
    }),
  };
  const dispose = async () => void (seen.disposed = true);
  const whole = {
    status: 200,
    url: "https://r.example/",
    headers: headersFrom({}),
    body,
    [Symbol.asyncDispose]: dispose,
  };
  const response = afterBody(whole, (end) => seen.ends.push(end));
  return { seen, response, chunks: () => response.body[Symbol.asyncIterator]() };
}

test("a body that is read to its end has ended once, also when it is disposed of then", async () => {
  const { seen, response } = watched();
  for await (const chunk of response.body) expect(chunk.byteLength).toBe(3);
  await response[Symbol.asyncDispose]();
  expect(seen).toEqual({ ends: [{ bytes: 6 }], left: false, disposed: true });
});

test("a body that fails has ended with its error, which its reader gets", async () => {
  const failure = new Error("broken");
  const { seen, chunks } = watched(failure);
  const reader = chunks();
  await reader.next();
  await expect(reader.next()).rejects.toBe(failure);
  expect(seen.ends).toEqual([{ bytes: 3, error: failure }]);
});

test.each([0, 1])("a body that is left after %d chunks is closed, and has ended", async (count) => {
  const { seen, chunks } = watched();
  const reader = chunks();
  for (let at = 0; at < count; at += 1) await reader.next();
  await reader.return?.();
  expect(seen).toEqual({ ends: [{ bytes: 3 * count }], left: true, disposed: false });
});

test("a body that nobody reads has ended when its response is disposed of", async () => {
  const { seen, response } = watched();
  await response[Symbol.asyncDispose]();
  expect(seen).toEqual({ ends: [{ bytes: 0 }], left: false, disposed: true });
});
