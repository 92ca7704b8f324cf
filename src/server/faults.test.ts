import { describe, expect, test } from "vitest";
import { Client, withDigest } from "../../test/conformance/client.ts";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { readBody } from "../http/body.ts";
import { Secret, type Method, type Origin } from "../http/send.ts";
import { digestOf } from "../spec/digest.ts";
import { bearerAuth } from "./bearer-auth.ts";
import type { Fault } from "./fault.ts";
import { faulty, type FaultRule } from "./faults.ts";
import { createMemoryStorage } from "./memory-storage.ts";
import { createRegistry } from "./registry.ts";

const bytes = Buffer.from("hello, world");
const digest = digestOf(bytes);
const path = `/v2/a/blobs/${digest}`;

async function worldWith(...rules: FaultRule[]) {
  const send = createRegistry(createMemoryStorage());
  const honest = new Client(send, "http://registry.example");
  await honest.pushBlob("a", bytes);
  const wrong = faulty(send, rules);
  return { honest, send: wrong, client: new Client(wrong, "http://registry.example") };
}

describe("faulty", () => {
  test("faulty answers a status as often as the rule says, with its headers, then lets requests pass", async () => {
    const { client } = await worldWith({
      times: 2,
      fault: { kind: "status", status: 429, headers: { "retry-after": "7" }, body: "slow" },
    });
    const answers = [await client.ask("GET", path), await client.ask("GET", path), await client.ask("GET", path)];
    expect(answers.map(({ status }) => status)).toEqual([429, 429, 200]);
    expect([answers[0]?.headers.get("retry-after"), answers[0]?.bytes.toString()]).toEqual(["7", "slow"]);
  });

  test.each([
    { kind: "stal", afterBytes: 0 },
    { kind: "lag" },
    {},
    { kind: "delay", delayMs: 1 },
    { kind: "rate-limit", perSecond: 1 },
    { kind: "bandwidth", bytesPerSecond: 1 },
    { kind: "status" },
    { kind: "status", body: "slow" },
    { kind: "headers" },
    { kind: "truncate" },
    { kind: "corrupt", afterBytes: 1 },
    { kind: "cut" },
    { kind: "cut-upload" },
    { kind: "stall", atByte: 1 },
    { kind: "stall-upload" },
  ])("faulty refuses a fault that there is none of, or that lacks a part: %j", (fault) => {
    const send = createRegistry(createMemoryStorage());
    const refused = expect(() => faulty(send, [{ fault: fault as unknown as Fault }]));
    refused.toThrow(TypeError);
    refused.toThrow(/fault/);
  });

  test.each<Fault>([
    { kind: "delay", delayMs: -1, clock: fakeClock() },
    { kind: "delay", delayMs: Number.NaN, clock: fakeClock() },
    { kind: "rate-limit", perSecond: 0, clock: fakeClock() },
    { kind: "rate-limit", perSecond: 1, burst: 0, clock: fakeClock() },
    { kind: "bandwidth", bytesPerSecond: 0, clock: fakeClock() },
  ])("faulty refuses a pace that is none: %j", (fault) => {
    expect(() => faulty(createRegistry(createMemoryStorage()), [{ fault }])).toThrow(RangeError);
  });

  test("faulty harms only what matches, after those it lets pass", async () => {
    const fault = { kind: "status", status: 500 } as const;
    const { client } = await worldWith({ method: ["HEAD"], path: /blobs/, skip: 1, fault });
    const statuses = [];
    for (const method of ["GET", "HEAD", "HEAD", "HEAD"] as const)
      statuses.push((await client.ask(method, path)).status);
    expect(statuses).toEqual([200, 200, 500, 200]);
  });

  test("faulty breaks an answer after so many bytes", async () => {
    const { client } = await worldWith({ fault: { kind: "cut", afterBytes: 5 } });
    await expect(client.ask("GET", path)).rejects.toMatchObject({
      code: "connection_failed",
      context: { sent: "all" },
    });
  });

  test("faulty ends an answer early, or with a wrong bit, without a word", async () => {
    const { client } = await worldWith(
      { fault: { kind: "truncate", afterBytes: 5 } },
      { fault: { kind: "corrupt", atByte: 4 } },
    );
    expect((await client.ask("GET", path)).bytes.toString()).toBe("hello");
    expect((await client.ask("GET", path)).bytes.toString()).toBe("helln, world");
  });

  test("faulty refuses before the registry hears of it, or loses the answer after", async () => {
    const { client, honest } = await worldWith({ fault: { kind: "refuse" } }, { fault: { kind: "lose-answer" } });
    await expect(client.ask("DELETE", path)).rejects.toMatchObject({ context: { sent: "nothing" } });
    expect((await honest.ask("HEAD", path)).status).toBe(200);
    await expect(client.ask("DELETE", path)).rejects.toMatchObject({ context: { sent: "all" } });
    expect((await honest.ask("HEAD", path)).status).toBe(404);
  });

  test("faulty cuts an upload, and the registry keeps what came before", async () => {
    const { client, honest } = await worldWith({ method: "PUT", fault: { kind: "cut-upload", afterBytes: 5 } });
    const location = await honest.openUpload("a");
    await expect(client.ask("PUT", withDigest(location, digest), { body: bytes })).rejects.toMatchObject({
      context: { sent: "some" },
    });
    expect((await honest.ask("GET", location)).headers.get("range")).toBe("0-4");
  });

  test("faulty edits headers and leaves the others", async () => {
    const { client } = await worldWith({
      fault: { kind: "headers", set: { "docker-content-digest": undefined, "x-odd": "1" } },
    });
    const { headers } = await client.ask("GET", path);
    expect([headers.get("Docker-Content-Digest"), headers.get("x-odd"), headers.get("content-length")]).toEqual([
      undefined,
      "1",
      "12",
    ]);
    expect(headers.names()).toContain("x-odd");
    expect(headers.names()).not.toContain("docker-content-digest");
  });

  test("faulty delays on its clock", async () => {
    const clock = fakeClock();
    const { client } = await worldWith({ fault: { kind: "delay", delayMs: 50, clock } });
    let done = false;
    const asked = client.ask("GET", path).finally(() => {
      done = true;
    });
    await clock.advanceSlowly(49, 1);
    expect(done).toBe(false);
    clock.advance(1);
    expect((await asked).status).toBe(200);
  });
});

describe("faulty, by what a request is about", () => {
  const teapot = { kind: "status", status: 418 } as const;
  const statusOf = async (client: Client, method: Method, at: string) => (await client.ask(method, at)).status;

  test("faulty knows routes and repositories, whatever words a name contains", async () => {
    const rule = { route: "blob", repository: "blobs/manifests", times: 9, fault: teapot } as const;
    const { client } = await worldWith(rule);
    expect(await statusOf(client, "GET", `/v2/blobs/manifests/blobs/${digest}`)).toBe(418);
    expect(await statusOf(client, "GET", `/v2/blobs/manifests/manifests/1`)).toBe(404);
    expect(await statusOf(client, "POST", `/v2/blobs/manifests/blobs/uploads/`)).toBe(202);
    expect(await statusOf(client, "GET", path)).toBe(200);
  });

  test("faulty takes several routes, an expression for the repository, and no path that is none", async () => {
    const { client } = await worldWith({
      route: ["ping", "token", "uploads"],
      times: 9,
      fault: teapot,
    });
    expect(await statusOf(client, "GET", "/v2/")).toBe(418);
    expect(await statusOf(client, "GET", "/token?service=x")).toBe(418);
    expect(await statusOf(client, "POST", "/v2/a/blobs/uploads/")).toBe(418);
    expect(await statusOf(client, "GET", "/elsewhere")).toBe(404);
    const named = await worldWith({ repository: /^team\//, times: 9, fault: teapot });
    expect(await statusOf(named.client, "GET", "/v2/team/app/tags/list")).toBe(418);
    expect(await statusOf(named.client, "GET", path)).toBe(200);
    expect(await statusOf(named.client, "GET", "/v2/")).toBe(200);
  });
});

describe("faulty, falling silent", () => {
  test("faulty stops an answer after so many bytes, until its reader leaves", async () => {
    const { send } = await worldWith({ fault: { kind: "stall", afterBytes: 5 } });
    const response = await send({ method: "GET", url: `http://registry.example${path}` });
    const chunks = response.body[Symbol.asyncIterator]();
    expect(Buffer.from((await chunks.next()).value as Uint8Array).toString()).toBe("hello");
    const more = chunks.next().catch((error: unknown) => error);
    await response[Symbol.asyncDispose]();
    expect(await more).toMatchObject({ code: "cancelled" });
  });

  test("faulty stops an answer until the request is cancelled", async () => {
    const { send } = await worldWith({ fault: { kind: "stall", afterBytes: 0 } });
    const { signal, abort } = aborting();
    const response = await send({ method: "GET", url: `http://registry.example${path}`, signal });
    const more = response.body[Symbol.asyncIterator]().next();
    abort();
    await expect(more).rejects.toThrow("enough");
  });

  test("faulty stops taking an upload, and the registry keeps what came before", async () => {
    const { send, honest } = await worldWith({ method: "PUT", fault: { kind: "stall-upload", afterBytes: 5 } });
    const location = await honest.openUpload("a");
    const { signal, abort } = aborting();
    const url = new URL(withDigest(location, digest), "http://registry.example").href;
    const sending = send({ method: "PUT", url, body: bytes, signal });
    await new Promise((resolve) => setImmediate(resolve));
    abort();
    await expect(sending).rejects.toThrow("enough");
    expect((await honest.ask("GET", location)).headers.get("range")).toBe("0-4");
  });

  function aborting() {
    const controller = new AbortController();
    return { signal: controller.signal, abort: () => controller.abort(new Error("enough")) };
  }
});

describe("faulty, forgetting", () => {
  test("faulty loses an upload session, which the registry itself then knows nothing of", async () => {
    const { client, honest } = await worldWith({ method: "PATCH", fault: { kind: "lose-session" } });
    const location = await honest.openUpload("a");
    const lost = await client.ask("PATCH", location, { body: bytes });
    expect([lost.status, lost.json]).toMatchObject([404, { errors: [{ code: "BLOB_UPLOAD_UNKNOWN" }] }]);
    expect((await honest.ask("GET", location)).status).toBe(404);
  });

  test("faulty shows what was written to so many reads late", async () => {
    const { client } = await worldWith({ method: "PUT", route: "upload", fault: { kind: "lag", reads: 2 } });
    const written = await client.pushBlob("a", Buffer.from("late"));
    const statuses = [];
    for (const method of ["HEAD", "GET", "HEAD", "GET"] as const)
      statuses.push((await client.ask(method, `/v2/a/blobs/${written}`)).status);
    expect(statuses).toEqual([404, 404, 200, 200]);
  });

  test("faulty shows a tag as it was until the time is over", async () => {
    const clock = fakeClock();
    const rule = { method: "PUT", path: "/manifests/1", skip: 1, fault: { kind: "lag", lagMs: 500, clock } } as const;
    const { client } = await worldWith(rule);
    const [old, young] = [await client.image("a", { annotations: { age: "old" } }), await client.image("a")];
    await client.pushManifest("a", "1", old);
    expect((await client.pushManifest("a", "1", young)).status).toBe(201);
    const seen = async () => (await client.ask("GET", "/v2/a/manifests/1")).headers.get("docker-content-digest");
    const before = [await seen(), await seen()];
    clock.advance(500);
    expect([...before, await seen()]).toEqual([digestOf(old.bytes), digestOf(old.bytes), digestOf(young.bytes)]);
  });

  test("faulty hides no blob that was there before, and nothing that was refused", async () => {
    const { client } = await worldWith({ method: "PUT", times: 2, fault: { kind: "lag", reads: 9 } });
    await client.pushBlob("a", bytes);
    expect((await client.ask("HEAD", path)).status).toBe(200);
    const image = await client.image("b");
    await client.ask("PUT", "/v2/a/manifests/1", { body: image.bytes, headers: { "content-type": "text/plain" } });
    expect((await client.ask("GET", "/v2/a/manifests/1")).status).toBe(404);
  });

  test("faulty makes a token void for good, and takes new ones", async () => {
    const clock = fakeClock();
    const passwords = { check: async (name: string, password: string) => name === "u" && password === "pw" };
    const auth = bearerAuth(passwords, { clock, key: Buffer.alloc(32, 1) });
    const send = faulty(createRegistry(createMemoryStorage(), { auth, clock }), [{ fault: { kind: "expire-token" } }]);
    const origin = "http://registry.example" as Origin;
    const bearer = (token: string) => ({ origin, value: new Secret(`Bearer ${token}`) });
    const tokenAt = async (later: number) => {
      clock.advance(later);
      const value = new Secret(`Basic ${Buffer.from("u:pw").toString("base64")}`);
      const url = `${origin}/token?service=waybill&scope=repository:a:pull`;
      const response = await honest({ method: "GET", url, authorization: { origin, value } });
      return (JSON.parse(Buffer.from(await readBody(response, 9999)).toString()) as { token: string }).token;
    };
    const honest = createRegistry(createMemoryStorage(), { auth, clock });
    const [first, second] = [await tokenAt(0), await tokenAt(2000)];
    const ask = async (token: string) => {
      const response = await send({ method: "GET", url: `${origin}/v2/a/tags/list`, authorization: bearer(token) });
      return [response.status, response.headers.get("www-authenticate")?.includes("invalid_token") ?? false];
    };
    expect([await ask(first), await ask(first), await ask(second)]).toEqual([
      [401, true],
      [401, true],
      [404, false],
    ]);
  });
});

describe("faulty, limiting", () => {
  test("faulty lets a burst through and then so many a second, and tells the others when to come back", async () => {
    const clock = fakeClock();
    const fault = { kind: "rate-limit", perSecond: 2, burst: 3, clock } as const;
    const { client } = await worldWith({ times: Number.POSITIVE_INFINITY, fault });
    const statuses = async (count: number) => {
      const seen = [];
      for (let one = 0; one < count; one++) seen.push((await client.ask("GET", path)).status);
      return seen;
    };
    expect(await statuses(5)).toEqual([200, 200, 200, 429, 429]);
    clock.advance(500);
    expect(await statuses(2)).toEqual([200, 429]);
    const refused = await client.ask("GET", path);
    expect([refused.headers.get("retry-after"), refused.json]).toMatchObject([
      "1",
      { errors: [{ code: "TOOMANYREQUESTS" }] },
    ]);
  });

  test.each([
    ["none", undefined],
    [{ seconds: 30 }, "30"],
  ] as const)("faulty says what the rule says of when to come back: %j", async (retryAfter, header) => {
    const fault = { kind: "rate-limit", perSecond: 1, retryAfter, clock: fakeClock() } as const;
    const { client } = await worldWith({ times: 2, fault });
    await client.ask("GET", path);
    expect((await client.ask("GET", path)).headers.get("retry-after")).toBe(header);
  });

  test("faulty narrows bodies of both directions together", async () => {
    const clock = fakeClock();
    const fault = { kind: "bandwidth", bytesPerSecond: 10, clock } as const;
    const { client, honest } = await worldWith({ times: Number.POSITIVE_INFINITY, fault });
    const location = await honest.openUpload("a");
    let done = 0;
    const begin = clock.now();
    const finished = () => void (done = clock.now() - begin);
    void client.ask("GET", path).then(finished);
    void client.ask("PATCH", location, { body: bytes }).then(finished);
    await clock.advanceSlowly(3000, 100);
    // 24 bytes, of which one may pass at once.
    expect([done, clock.pending]).toEqual([2300, 0]);
  });
});
