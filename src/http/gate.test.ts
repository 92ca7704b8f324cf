import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { silent } from "../telemetry/events.ts";
import { one, readBody } from "./body.ts";
import type { OriginLimit } from "./gate.ts";
import { headersFrom } from "./headers.ts";
import type { HttpRequest, HttpResponse, Method, Operation } from "./send.ts";
import { throttle } from "./throttle.ts";

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A registry with a user's limit that answers when told to, in order. */
function limited(limit: OriginLimit) {
  const clock = fakeClock();
  const waiting: { readonly what: string; readonly answer: () => void }[] = [];
  const limitOf = (origin: string) => (origin === "https://limited.example" ? limit : undefined);
  const send = throttle({ clock, random: () => 0, report: silent, limitOf }).interceptor(
    (request) =>
      new Promise((resolve) => {
        const response: HttpResponse = {
          status: 200,
          url: request.url,
          headers: headersFrom({}),
          body: one(new Uint8Array(1)),
          [Symbol.asyncDispose]: async () => undefined,
        };
        waiting.push({ what: request.operation ?? "", answer: () => resolve(response) });
      }),
  );
  const ask = (operation: Operation, method: Method = "GET", host = "limited.example") => {
    const request: HttpRequest = { method, operation, url: `https://${host}/` };
    return send(request);
  };
  return { clock, waiting, ask };
}

describe("a user's limit for an origin", () => {
  test("counts every request until its answer has been read", async () => {
    const { waiting, ask } = limited({ concurrency: 3 });
    const first = ask("upload-open", "POST");
    for (const operation of ["upload-body", "manifest", "token", "list"] as const) void ask(operation, "PUT");
    await turn();
    expect(waiting).toHaveLength(3);
    waiting[0]?.answer();
    const response = await first;
    await turn();
    expect(waiting).toHaveLength(3);
    await readBody(response, 10);
    await turn();
    expect(waiting).toHaveLength(4);
  });

  test("counts blobs that are read apart, also until they have been read: an upload to the same place may wait for one", async () => {
    const { waiting, ask } = limited({ concurrency: 2 });
    for (let upload = 0; upload < 3; upload++) void ask("upload-body", "PUT");
    const blobs = [ask("blob"), ask("blob"), ask("blob")];
    await turn();
    expect(waiting.map(({ what }) => what)).toEqual(["upload-body", "upload-body", "blob", "blob"]);
    waiting[2]?.answer();
    const response = await blobs[0];
    await turn();
    expect(waiting).toHaveLength(4);
    if (response) await readBody(response, 10);
    await turn();
    expect(waiting.map(({ what }) => what)).toEqual(["upload-body", "upload-body", "blob", "blob", "blob"]);
  });

  test("lets manifests, tags and tokens go before what has waited longer", async () => {
    const { waiting, ask } = limited({ concurrency: 1 });
    const first = ask("upload-body", "PUT");
    void ask("upload-open", "POST");
    void ask("tag", "PUT");
    await turn();
    waiting[0]?.answer();
    await readBody(await first, 10);
    await turn();
    expect(waiting.map(({ what }) => what)).toEqual(["upload-body", "tag"]);
  });

  test("gives the place back to a HEAD that has no body to read, and to whoever fails", async () => {
    const { waiting, ask } = limited({ concurrency: 1 });
    void ask("tag", "HEAD");
    void ask("tag", "HEAD");
    await turn();
    waiting[0]?.answer();
    await turn();
    expect(waiting).toHaveLength(2);
  });

  test("spaces requests evenly, urgent ones first", async () => {
    const { clock, waiting, ask } = limited({ requestsPerSecond: 4 });
    for (let upload = 0; upload < 3; upload++) void ask("upload-open", "POST");
    void ask("manifest");
    const seen: number[] = [];
    for (let quarter = 0; quarter < 5; quarter++) {
      await turn();
      seen.push(waiting.length);
      await clock.advanceSlowly(250, 50);
    }
    expect(seen).toEqual([1, 2, 3, 4, 4]);
    expect(waiting.map(({ what }) => what)).toEqual(["upload-open", "manifest", "upload-open", "upload-open"]);
    expect(clock.pending).toBe(0);
  });

  test("is nobody else's", async () => {
    const { waiting, ask } = limited({ concurrency: 1, requestsPerSecond: 1 });
    for (let blob = 0; blob < 20; blob++) void ask("manifest", "GET", "other.example");
    await turn();
    expect(waiting).toHaveLength(20);
  });
});
