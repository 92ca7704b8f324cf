import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import type { WaybillEvent } from "../telemetry/events.ts";
import { nothing } from "./body.ts";
import { headersFrom } from "./headers.ts";
import { createRecorder } from "./record.ts";
import type { Send } from "./send.ts";
import { reportWarnings, warningText } from "./warnings.ts";

const url = "https://user:pw@r.example/v2/?_state=secret";

const answer =
  (headers: Record<string, string | string[]> = {}): Send =>
  async (request) => ({
    status: 200,
    url: request.url,
    headers: headersFrom(headers),
    body: nothing,
    protocol: "http/1.1",
    [Symbol.asyncDispose]: async () => undefined,
  });

describe("reportWarnings", () => {
  test("tells each text of a host once, and twenty in all", async () => {
    const events: WaybillEvent[] = [];
    const warning = [
      '299 - "first"',
      '299 - "first"',
      '199 - "other"',
      ...Array.from({ length: 40 }, (_, at) => `299 - "number ${at}"`),
    ];
    const send = reportWarnings({ clock: fakeClock(), report: (event) => events.push(event) })(answer({ warning }));
    await send({ method: "GET", url });
    await send({ method: "GET", url });
    expect(events).toHaveLength(20);
    expect(events[0]).toMatchObject({ type: "warning", message: "first", source: "r.example" });
  });

  test("warningText reads what it can and never throws", () => {
    expect(warningText('299 - "say \\"hi\\""')).toBe('say "hi"');
    expect(warningText('299 - ""')).toBeUndefined();
    fc.assert(fc.property(fc.string(), (text) => void warningText(`299 - ${text}`)));
  });
});

test("createRecorder counts the longest chain of requests that waited for each other", async () => {
  const recorder = createRecorder();
  const send = recorder.interceptor(answer());
  await Promise.all([
    send({ method: "GET", url: "https://r.example/a" }),
    send({ method: "HEAD", url: "https://r.example/b?c" }),
  ]);
  await send({ method: "GET", url: "https://r.example/d" });
  expect(recorder.trips).toBe(2);
  expect(recorder.seen()).toEqual(["/a", "/b?c", "/d"]);
  expect(recorder.seen("GET")).toEqual(["/a", "/d"]);
});
