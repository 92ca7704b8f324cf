import { describe, expect, test } from "vitest";
import { readBody } from "../http/body.ts";
import type { Method, Send } from "../http/send.ts";
import { digestOf } from "../spec/digest.ts";
import { createMemoryStorage } from "./memory-storage.ts";
import { createRegistry, type RegistryOptions } from "./registry.ts";

const blob = Buffer.from("hello");
const digest = digestOf(blob);

function registryWith(options?: RegistryOptions) {
  const send = createRegistry(createMemoryStorage(), options);
  return { send, ask: asking(send) };
}

function asking(send: Send) {
  return async (method: Method, path: string, more: { body?: Uint8Array; headers?: Record<string, string> } = {}) => {
    const response = await send({ method, url: new URL(path, "http://r.example").href, ...more });
    const body = Buffer.from(await readBody(response, 1e8));
    return { status: response.status, headers: response.headers, body, text: body.toString() };
  };
}

describe("createRegistry", () => {
  test("createRegistry keeps a blob that came in one PUT", async () => {
    const { ask } = registryWith();
    const opened = await ask("POST", "/v2/a/b/blobs/uploads/");
    const closed = await ask("PUT", `${opened.headers.get("location")}?digest=${digest}`, { body: blob });
    const read = await ask("GET", `/v2/a/b/blobs/${digest}`);
    expect([opened.status, closed.status, read.status, read.text]).toEqual([202, 201, 200, "hello"]);
  });
});
