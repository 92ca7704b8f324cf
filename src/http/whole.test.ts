import { expect, test } from "vitest";
import { respond } from "../../test/support/responses.ts";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { WaybillError } from "../errors.ts";
import { readBody } from "./body.ts";
import { retry } from "./retry.ts";
import { intercept, type HttpRequest, type Operation, type Send } from "./send.ts";
import { wholeAnswers } from "./whole.ts";

const get = (operation: Operation): HttpRequest => ({ method: "GET", url: "https://r.example/x", operation });

/** Breaks in the body `breaks` times, then answers in full. */
function breaking(breaks: number): { send: Send; trips: () => number } {
  let trips = 0;
  const send: Send = async (request) => {
    const isBroken = ++trips <= breaks;
    async function* body() {
      yield Buffer.from("ab");
      if (isBroken) throw new WaybillError("connection_failed", "Cannot reach r.example: it broke", { sent: "all" });
      yield Buffer.from("cd");
    }
    return { ...respond(request, 200), body: body() };
  };
  return { send, trips: () => trips };
}

test("wholeAnswers lets retry repeat a request whose answer broke in its body", async () => {
  const clock = fakeClock();
  const { send, trips } = breaking(1);
  const wire = intercept(send, retry({ clock, random: () => 0, report: () => undefined }), wholeAnswers());
  const answer = wire(get("manifest"));
  while (trips() < 2) {
    await new Promise((resolve) => setImmediate(resolve));
    clock.next();
  }
  expect(Buffer.from(await readBody(await answer, 100)).toString()).toBe("abcd");
});

test("wholeAnswers leaves blobs to flow", async () => {
  const { send } = breaking(1);
  const response = await intercept(send, wholeAnswers())(get("blob"));
  await expect(readBody(response, 100)).rejects.toMatchObject({ code: "connection_failed" });
});

test("wholeAnswers passes on what is longer than any answer may be, for its reader to refuse", async () => {
  const chunk = new Uint8Array(1024 * 1024);
  let pulled = 0;
  async function* body() {
    for (; pulled < 8; pulled++) yield chunk;
  }
  const send: Send = async (request) => ({ ...respond(request, 200), body: body() });
  const response = await intercept(send, wholeAnswers())(get("list"));
  expect(pulled).toBeLessThan(6);
  expect((await readBody(response, 1e9)).byteLength).toBe(8 * 1024 * 1024);
});
