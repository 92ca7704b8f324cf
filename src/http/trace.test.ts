import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { WaybillError } from "../errors.ts";
import type { AttemptEvent } from "../telemetry/attempt.ts";
import type { WaybillEvent } from "../telemetry/events.ts";
import type { MarkName } from "../telemetry/marks.ts";
import { one, readBody } from "./body.ts";
import { headersFrom } from "./headers.ts";
import type { HttpRequest, HttpResponse, Send } from "./send.ts";
import { intercept, Secret } from "./send.ts";
import { originOf, withoutQuery } from "./url.ts";
import { traceAttempts, traceRequests } from "./trace.ts";

const url = "https://user:pw@r.example/v2/?_state=secret";

function answer(headers: Record<string, string> = {}, body = one(new Uint8Array(5))): HttpResponse {
  const dispose = async () => undefined;
  return { status: 200, url, headers: headersFrom(headers), body, protocol: "h2", [Symbol.asyncDispose]: dispose };
}

function traced(send: Send, clock = fakeClock(1000)) {
  const events: WaybillEvent[] = [];
  const report = (event: WaybillEvent) => void events.push(event);
  const attempts = () => events.filter((event): event is AttemptEvent => event.type === "http");
  return { send: traceAttempts({ clock, report })(send), events, attempts, clock, report };
}

describe("traceAttempts", () => {
  test("tells one event when the body has ended, without query, user and password", async () => {
    const clock = fakeClock(1000);
    const slow = async (request: HttpRequest) => {
      request.onProgress?.(7);
      request.marks?.add("connection");
      clock.advance(25);
      return answer({ "x-request-id": "id-1" });
    };
    const { send, events } = traced(slow, clock);

    const response = await send({
      method: "PUT",
      url,
      body: new Uint8Array(7),
      attempt: 3,
      task: "t",
      registry: "r.example",
      operation: "ping",
    });
    expect(events).toEqual([]);
    clock.advance(5);
    await readBody(response, 100);

    expect(events).toEqual([
      {
        type: "http",
        id: "a1",
        task: "t",
        resend: 0,
        method: "PUT",
        url: "https://r.example/v2/",
        registry: "r.example",
        operation: "ping",
        status: 200,
        attempt: 3,
        inFlight: 1,
        startedAt: 1000,
        durationMs: 30,
        sentBytes: 7,
        receivedBytes: 5,
        requestId: "id-1",
        protocol: "h2",
        marks: [{ name: "connection", at: 1000 }],
      },
    ]);
  });

  test("tells no signature in the path of an address that a registry led to", async () => {
    const { send, attempts } = traced(async () => answer());
    const signed = `https://cdn.example/${"s".repeat(40)}/data`;
    await readBody(await send({ method: "GET", url: signed, ledBy: originOf("https://r.example") }), 100);
    expect(attempts()).toMatchObject([{ url: "https://cdn.example/ssssssss…/data" }]);
  });

  test("tells a failure by its code and passes it on", async () => {
    const failure = new WaybillError("timeout", "Cannot finish");
    const { send, attempts } = traced(() => Promise.reject(failure));
    await expect(send({ method: "GET", url })).rejects.toBe(failure);
    expect(attempts()).toMatchObject([{ error: "timeout", attempt: 1, receivedBytes: 0 }]);
  });

  test("tells status and failure when the body breaks, and how much had come", async () => {
    const broken = (async function* () {
      yield new Uint8Array(3);
      throw new WaybillError("connection_failed", "Cannot reach");
    })();
    const { send, attempts } = traced(async () => answer({}, broken));
    await expect(readBody(await send({ method: "GET", url }), 100)).rejects.toThrow("Cannot reach");
    expect(attempts()).toMatchObject([{ status: 200, error: "connection_failed", receivedBytes: 3 }]);
  });

  test("tells one event when the response is disposed of, also more than once", async () => {
    const { send, attempts } = traced(async () => answer());
    const response = await send({ method: "GET", url });
    for (let round = 0; round < 2; round += 1) await response[Symbol.asyncDispose]();
    expect(attempts()).toMatchObject([{ status: 200, receivedBytes: 0 }]);
    expect(attempts()[0]).not.toHaveProperty("error");
  });

  test("ends with its head where there is no body and its end was seen, and not before", async () => {
    const seen = (marks: readonly MarkName[], method: HttpRequest["method"], headers = {}) => {
      const { send, attempts } = traced(async (request) => {
        for (const name of marks) request.marks?.add(name);
        return answer(headers);
      });
      return send({ method, url }).then(() => attempts().length);
    };
    const marks: readonly MarkName[] = ["first-byte", "last-byte"];
    expect(await seen(marks, "HEAD", { "content-length": "5" })).toBe(1);
    expect(await seen(marks, "POST", { "content-length": "0" })).toBe(1);
    expect(await seen(marks, "GET", { "content-length": "5" })).toBe(0);
    expect(await seen(["first-byte"], "HEAD")).toBe(0);
  });

  test("lasts to its last byte, not to whoever hears of it", async () => {
    const clock = fakeClock(1000);
    const { send, attempts } = traced(async (request) => {
      clock.advance(20);
      request.marks?.add("last-byte");
      clock.advance(5);
      return answer();
    }, clock);
    await send({ method: "HEAD", url });
    expect(attempts()).toMatchObject([{ durationMs: 20, marks: [{ name: "last-byte", at: 1020 }] }]);
  });

  test("names the request as the registry does, by the usual one of several names", async () => {
    const named = async (headers: Record<string, string>) => {
      const { send, attempts } = traced(async () => answer(headers));
      await readBody(await send({ method: "GET", url }), 100);
      return attempts()[0]?.requestId;
    };
    expect(await named({ "cf-ray": "ray", "X-Amz-Request-Id": "amz", "x-request-id-2": "no" })).toBe("amz");
    expect(await named({ "CF-Ray": "r".repeat(300) })).toBe("r".repeat(200));
    expect(await named({ etag: "none" })).toBeUndefined();
  });

  test("keeps a credential that the server has copied into the request's name to itself", async () => {
    const token = "token-".repeat(40);
    const pair = Buffer.from("user:pass word").toString("base64");
    const named = async (sent: string, id: string) => {
      const { send, attempts } = traced(async () => answer({ "x-request-id": id }));
      const authorization = { origin: originOf(url), value: new Secret(sent) };
      await readBody(await send({ method: "GET", url, authorization }), 100);
      return attempts()[0]?.requestId;
    };
    expect(await named(`Bearer ${token}`, `for Bearer ${token}`)).toBe("for Bearer [redacted]");
    expect(await named(`Basic ${pair}`, `Basic ${pair}, user:pass word, pass%20word`)).toBe(
      "Basic [redacted], [redacted], [redacted]",
    );
    expect(await named(`Basic ${Buffer.from("user:1").toString("base64")}`, "id-123")).toBe("id-123");
  });

  test("says which attempt of the same request came before, and how often the request was sent", async () => {
    const { send, attempts, report, clock } = traced(async () => answer());
    const twice: Send = async (request) => {
      await readBody(await send({ ...request, attempt: 1 }), 100);
      return send({ ...request, attempt: 2 });
    };
    const whole = intercept(twice, traceRequests());
    for (let round = 0; round < 2; round += 1) await readBody(await whole({ method: "GET", url }), 100);
    const told = attempts().map(({ id, after, resend }) => [id, after, resend]);
    expect(told).toEqual([
      ["a1", undefined, 0],
      ["a2", "a1", 1],
      ["a3", undefined, 0],
      ["a4", "a3", 1],
    ]);
    expect([typeof report, clock.pending]).toEqual(["function", 0]);
  });

  test("counts how many attempts the origin has at the same time", async () => {
    const { send, attempts } = traced(async () => answer());
    const open = await Promise.all([send({ method: "GET", url }), send({ method: "GET", url })]);
    await send({ method: "GET", url: "https://other.example/" }).then((response) => readBody(response, 100));
    for (const response of open) await readBody(response, 100);
    await send({ method: "GET", url }).then((response) => readBody(response, 100));
    expect(attempts().map(({ inFlight }) => inFlight)).toEqual([1, 1, 2, 1]);
  });

  test("adds headers to an attempt by its id, and none where a registry's word has led us", async () => {
    const seen: (string | undefined)[] = [];
    const send = traceAttempts({
      clock: fakeClock(),
      report: () => undefined,
      headersFor: (id) => ({ traceparent: `of ${id}` }),
    })(async ({ headers }) => {
      seen.push(headers?.["traceparent"]);
      return answer();
    });
    await readBody(await send({ method: "GET", url }), 100);
    await readBody(await send({ method: "GET", url, ledBy: originOf("https://r.example") }), 100);
    expect(seen).toEqual(["of a1", undefined]);
  });

  test("sends an attempt without more headers where asking for them fails, and counts that", async () => {
    const events: WaybillEvent[] = [];
    const headersFor = () => {
      throw new Error("a provider that was shut down");
    };
    const report = (event: WaybillEvent) => void events.push(event);
    const send = traceAttempts({ clock: fakeClock(1000), report, headersFor })(async () => answer());

    await readBody(await send({ method: "GET", url }), 100);

    const drop = { type: "telemetry-drop", what: "headers of an attempt", count: 1, at: 1000 };
    expect(events).toMatchObject([drop, { type: "http", status: 200, inFlight: 1 }]);
  });

  test("counts marks that come after the end, or without end", async () => {
    let late: HttpRequest["marks"];
    const { send, events } = traced(async (request) => {
      late = request.marks;
      for (let at = 0; at < 42; at += 1) request.marks?.add("continue");
      return answer();
    });
    await readBody(await send({ method: "GET", url }), 100);
    late?.add("last-byte");
    const drops = events.flatMap((event) => (event.type === "telemetry-drop" ? [event.what] : []));
    expect(drops).toEqual(["overflow mark", "overflow mark", "late mark"]);
  });

  test("lets no failure of its listener reach the request", async () => {
    const report = () => {
      throw new Error("listener");
    };
    const send = traceAttempts({ clock: fakeClock(), report })(async () => answer());
    expect(await readBody(await send({ method: "GET", url }), 100)).toHaveLength(5);
  });
});

test("withoutQuery keeps a path as it is sent, and nothing that may be secret", () => {
  expect(withoutQuery("https://r.example/v2/a/../~b?x=1#y")).toBe("https://r.example/v2/a/../~b");
  expect(withoutQuery("https://u:p@R.example:443/a b?x")).toBe("https://r.example/a%20b");
});
