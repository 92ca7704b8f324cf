import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import type { Bytes } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { limitBandwidth } from "./bandwidth.ts";
import { collect } from "../content/collect.ts";
import { openBody, readBody } from "./body.ts";
import { headersFrom } from "./headers.ts";
import type { HttpRequest, HttpResponse } from "./send.ts";

const perSecond = 640_000;

async function* bytes(count: number): Bytes {
  for (let left = count; left > 0; left -= 100_000) yield new Uint8Array(Math.min(left, 100_000));
}

/** A registry whose bodies are limited, one that is not, and how much of what was sent has arrived. */
function limited(answerBytes = 0) {
  const clock = fakeClock();
  const begin = clock.now();
  const seen = { sent: 0, largest: 0, disposed: 0 };
  const send = limitBandwidth({ clock, bytesPerSecond: (name) => (name === "slow.example" ? perSecond : undefined) })(
    async (request): Promise<HttpResponse> => {
      for await (const chunk of openBody(request).body) {
        seen.sent += chunk.byteLength;
        seen.largest = Math.max(seen.largest, chunk.byteLength);
      }
      return {
        status: 200,
        url: request.url,
        headers: headersFrom({}),
        body: bytes(answerBytes),
        [Symbol.asyncDispose]: async () => void (seen.disposed += 1),
      };
    },
  );
  return { clock, seen, send, passedMs: () => clock.now() - begin };
}

const get = (registry?: string): HttpRequest => ({
  method: "GET",
  url: "https://cdn.example/x",
  ...(registry && { registry }),
});
const put = (sizeBytes: number): HttpRequest => ({
  ...get("slow.example"),
  method: "PUT",
  body: { sizeBytes, open: () => bytes(sizeBytes) },
});

describe("limitBandwidth", () => {
  test("lets a registry's bodies of both directions have so many bytes a second together, wherever they go", async () => {
    const { clock, send, passedMs } = limited(perSecond);
    let done = 0;
    const finished = () => void (done += 1);
    void send(put(perSecond)).then(finished);
    void send(get("slow.example"))
      .then((response) => readBody(response, 1e9))
      .then(finished);
    // Twice what fits into a second, less a tenth that may pass at once.
    await clock.advanceSlowly(1850, 10);
    expect(done).toBeLessThan(2);
    await clock.advanceSlowly(100, 10);
    expect([done, passedMs(), clock.pending]).toEqual([2, 1950, 0]);
  });

  test("sends in pieces, so that many go on side by side", async () => {
    const { clock, send, seen } = limited();
    void send(put(100_000));
    void send(put(100_000));
    await clock.advanceSlowly(200, 10);
    expect(seen.largest).toBe(10_000);
    expect(seen.sent).toBeGreaterThan(120_000);
    await clock.advanceSlowly(1000, 10);
    expect(seen.sent).toBe(200_000);
  });

  test("slows small bodies down too, and opens a body anew for another attempt", async () => {
    const { clock, send, seen } = limited();
    void send({ ...put(1), body: new Uint8Array(perSecond) });
    await clock.advanceSlowly(500, 10);
    expect(seen.sent).toBeLessThan(perSecond * 0.7);
    await clock.advanceSlowly(500, 10);
    expect(seen.sent).toBe(perSecond);
    const request = put(10);
    let opened: HttpRequest["body"];
    await limitBandwidth({ clock, bytesPerSecond: () => perSecond })(async (seenRequest) => {
      opened = seenRequest.body;
      return send(get());
    })(request);
    if (opened === undefined || opened instanceof Uint8Array)
      throw new TypeError("not a body that can be opened again");
    expect([(await collect(opened.open(), 100)).byteLength, (await collect(opened.open(), 100)).byteLength]).toEqual([
      10, 10,
    ]);
  });

  test("leaves other registries, and requests for nobody in particular, alone", async () => {
    const { clock, send } = limited(10 * perSecond);
    for (const registry of ["fast.example", undefined]) {
      const response = await send(get(registry));
      expect(await readBody(response, 1e9)).toHaveLength(10 * perSecond);
    }
    expect(clock.pending).toBe(0);
  });

  test("keeps nobody waiting who has left, and passes that on", async () => {
    const { clock, send, seen } = limited(10 * perSecond);
    const response = await send(get("slow.example"));
    const chunks = response.body[Symbol.asyncIterator]();
    const reading = (async () => {
      for (;;) if ((await chunks.next()).done) return "ended";
    })().catch((error: unknown) => error);
    await clock.advanceSlowly(100, 10);
    await response[Symbol.asyncDispose]();
    expect(await reading).toMatchObject({ code: "cancelled" });
    expect([seen.disposed, clock.pending]).toEqual([1, 0]);
  });

  test("keeps nobody waiting to send who was told to stop", async () => {
    const { clock, send } = limited();
    const controller = new AbortController();
    const reason = new WaybillError("cancelled", "Cancelled: got SIGINT");
    const sending = send({ ...put(10 * perSecond), signal: controller.signal }).catch((error: unknown) => error);
    await clock.advanceSlowly(200, 10);
    controller.abort(reason);
    expect(await sending).toBe(reason);
    expect(clock.pending).toBe(0);
  });
});
