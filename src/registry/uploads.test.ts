import { afterEach, describe, expect, test } from "vitest";
import { client, type Client, type ClientOptions } from "../../test/support/client.ts";
import { respond } from "../../test/support/responses.ts";
import { blobOf, bodyOf, checkedBody, readBlob } from "../../test/support/samples.ts";
import type { Bytes, PushBlobOptions, Replayable } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { openBody } from "../http/body.ts";
import type { Send } from "../http/send.ts";
import { digestOf } from "../spec/digest.ts";
import { faulty, type FaultRule } from "../server/faults.ts";
import { createMemoryStorage } from "../server/memory-storage.ts";
import { createRegistry } from "../server/registry.ts";

const MiB = 1024 * 1024;
const small = Buffer.from("a small blob");
/** Too large to go whole in a POST, too small to be asked for alongside. */
const medium = Buffer.alloc(300 * 1024, "medium ");
const large = Buffer.alloc(2 * MiB, "large ");
const huge = Buffer.alloc(65 * MiB, "huge ");

/** Uploads carry ids; what stays is the kind of request. */
function kinds(requests: readonly string[]): string[] {
  return requests.map((line) => {
    const [method, target = ""] = line.split(" ");
    if (!target.includes("/uploads/")) return `${method} blob`;
    if (method !== "POST") return `${method} upload`;
    if (target.includes("?digest=")) return "POST blob";
    const from = /[?&]from=([^&]*)/.exec(target)?.[1];
    return from === undefined ? "POST" : `POST mount ${decodeURIComponent(from)}`;
  });
}

const used = new Set<Client>();

afterEach(() => {
  for (const { unread, clock } of used) expect({ unread, timers: clock.pending }).toEqual({ unread: [], timers: 0 });
  used.clear();
});

function push(to: Client, bytes: Uint8Array, options: PushBlobOptions & { body?: Replayable } = {}) {
  const { body = bodyOf(bytes), ...rest } = options;
  used.add(to);
  return to.settle(to.repository.pushBlob(blobOf(bytes), body, rest));
}

const location = (repository: string, host = "registry.example") => ({ kind: "registry", host, repository }) as const;

describe("pushBlob trips", () => {
  test("pushBlob sends an absent blob in two requests", async () => {
    const to = client();
    expect(await push(to, small)).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST mount app", "PUT upload"]);
    expect(digestOf(await readBlob(to.repository, blobOf(small)))).toBe(digestOf(small));
  });

  test("pushBlob finds a present blob in one request and opens no body", async () => {
    const to = client();
    await push(to, medium);
    to.forget();
    const body = () => expect.fail("the body was opened");
    expect(await push(to, medium, { body })).toBe("existed");
    expect(kinds(to.requests)).toEqual(["POST mount app"]);
  });

  test("pushBlob mounts from another repository in one request and asks to read it", async () => {
    const to = client();
    await to.registry.repository("other").pushBlob(blobOf(small), bodyOf(small));
    to.forget();
    const mountFrom = [location("x", "elsewhere.example"), location("other")];
    expect(await push(to, small, { mountFrom })).toBe("mounted");
    expect(kinds(to.requests)).toEqual(["POST mount other"]);
    expect(to.asked[0]?.scopes).toEqual(["repository:app:pull,push", "repository:other:pull"]);
  });

  test("pushBlob mounts nothing between repositories of different principals", async () => {
    const to = client({ mayMount: async () => false });
    await to.registry.repository("other").pushBlob(blobOf(small), bodyOf(small));
    to.forget();
    expect(await push(to, small, { mountFrom: [location("other")] })).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST mount app", "PUT upload"]);
  });

  test("pushBlob asks for a large blob by HEAD alongside until a mount from itself was honoured", async () => {
    const to = client();
    await push(to, large);
    expect(kinds(to.requests)).toEqual(["HEAD blob", "POST mount app", "PUT upload"].sort(byArrival(to)));
    to.forget();
    await push(to, large);
    to.forget();
    expect(await push(to, large)).toBe("existed");
    expect(kinds(to.requests)).toEqual(["POST mount app"]);
  });

  test("pushBlob never sends a large blob again to a registry that declines mounts, and cancels the session", async () => {
    const to = client({ server: { mounts: false } });
    await push(to, large);
    for (let round = 0; round < 2; round++) {
      to.forget();
      expect(await push(to, large)).toBe("existed");
      expect(kinds(to.requests).sort()).toEqual(["DELETE upload", "HEAD blob", "POST mount app"]);
    }
  });

  test("pushBlob looks before it sends a large blob that could not be mounted from elsewhere", async () => {
    const to = client();
    await push(to, large);
    await push(to, large);
    to.forget();
    expect(await push(to, large, { mountFrom: [location("without")] })).toBe("existed");
    expect(kinds(to.requests)).toEqual(["POST mount without", "HEAD blob", "DELETE upload"]);
  });

  test.each([200, 400, 403, 404, 405, 422, 500, 502])(
    "pushBlob opens a plain upload when a mount is answered with %i",
    async (status) => {
      const faults: FaultRule[] = [
        { method: "POST", path: "mount=", fault: { kind: "status", status }, times: Infinity },
      ];
      const to = client({ faults });
      expect(await push(to, medium)).toBe("sent");
      expect(kinds(to.requests)).toEqual(["POST mount app", "POST", "PUT upload"]);
      to.forget();
      expect(await push(to, medium)).toBe("existed");
      expect(kinds(to.requests).filter((kind) => kind.startsWith("PUT"))).toEqual([]);
    },
  );

  test.each([401, 429, 503])("pushBlob ends with %i for a mount, which is not about the mount", async (status) => {
    const to = client({ faults: [{ method: "POST", path: "mount=", fault: { kind: "status", status } }] });
    await expect(push(to, medium)).rejects.toMatchObject({ context: { status } });
    expect(kinds(to.requests)).toEqual(["POST mount app"]);
  });

  test("pushBlob opens a plain upload where no token is to be had for a mount", async () => {
    const registry = createRegistry(createMemoryStorage());
    const to = client({
      send: async (request) => {
        if ((request.scopes ?? []).length < 2) return registry(request);
        throw new WaybillError("auth_denied", "Cannot get a token", { sent: "nothing", status: 403 });
      },
    });
    expect(await push(to, small, { mountFrom: [location("other")] })).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST mount other", "POST", "PUT upload"]);
  });

  test("pushBlob trusts no presence when told so", async () => {
    const to = client();
    await push(to, small);
    to.forget();
    expect(await push(to, small, { distrustPresence: true })).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST", "PUT upload"]);
  });

  test("pushBlob sends one digest once for all who ask at the same time", async () => {
    const to = client();
    const outcomes = await Promise.all([push(to, small), push(to, small), push(to, small)]);
    expect(outcomes.sort()).toEqual(["existed", "existed", "sent"]);
    expect(kinds(to.requests)).toEqual(["POST mount app", "PUT upload"]);
  });

  test("pushBlob sends a digest for the next who asked where the first has given up", async () => {
    const to = client();
    const leaving = new AbortController();
    const reason = new WaybillError("cancelled", "Cannot go on: interrupted");
    async function* given(): Bytes {
      yield large.subarray(0, MiB);
      leaving.abort(reason);
      throw reason;
    }
    const [left, stayed] = await Promise.allSettled([
      push(to, large, { body: given, signal: leaving.signal }),
      push(to, large),
    ]);
    expect(left).toMatchObject({ reason });
    expect(stayed).toMatchObject({ value: "sent" });
    expect(digestOf(await readBlob(to.repository, blobOf(large)))).toBe(digestOf(large));
  });

  test("pushBlob sends an empty blob with an empty body", async () => {
    const to = client();
    expect(await push(to, Buffer.alloc(0))).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST mount app", "PUT upload"]);
  });

  test("pushBlob sends a sha512 blob under its own digest", async () => {
    const to = client();
    const blob = { mediaType: "text/plain", digest: digestOf(small, "sha512"), size: small.byteLength };
    expect(await to.settle(to.repository.pushBlob(blob, bodyOf(small)))).toBe("sent");
    expect(await to.repository.exists(blob)).toBe(true);
  });
});

/** Requests that leave together may be recorded in either order. */
function byArrival({ requests }: Client) {
  const order = kinds(requests);
  return (a: string, b: string) => order.indexOf(a) - order.indexOf(b);
}

describe("pushBlob source", () => {
  /** A body that tells when it is first read. */
  function watched(bytes: Uint8Array, log: string[]): Replayable {
    return async function* open(offset): Bytes {
      log.push("source");
      try {
        yield* bodyOf(bytes)(offset);
      } finally {
        log.push("closed");
      }
    };
  }

  test("pushBlob reads the source alongside the POST when blobs were absent lately", async () => {
    const log: string[] = [];
    const to = client({ faults: [{ when: ({ method }) => (log.push(method), false), fault: { kind: "refuse" } }] });
    await push(to, small);
    log.length = 0;
    await push(to, medium, { body: watched(medium, log) });
    expect(log.indexOf("source")).toBeLessThan(log.indexOf("PUT"));
    expect(log.slice(0, 2).sort()).toEqual(["POST", "source"]);
  });

  test("pushBlob closes a source that it began for nothing", async () => {
    const to = client();
    const log: string[] = [];
    await push(to, Buffer.from("one"));
    await push(to, Buffer.from("two"));
    await to.registry.repository("other").pushBlob(blobOf(small), bodyOf(small));
    const options = { mountFrom: [location("other")], body: watched(small, log) };
    expect(await push(to, small, options)).toBe("mounted");
    expect(log).toEqual(["source", "closed"]);
  });

  test("pushBlob opens no source ahead when blobs were present lately", async () => {
    const to = client();
    await push(to, small);
    await push(to, small);
    await push(to, small);
    await push(to, small, { body: () => expect.fail("opened") });
  });

  test("pushBlob sends no request with a body when the source fails, and gives the session up", async () => {
    const to = client();
    const boom = new WaybillError("unavailable", "Cannot read source");
    async function* failing(): Bytes {
      throw boom;
    }
    await expect(push(to, small, { body: failing })).rejects.toBe(boom);
    expect(kinds(to.requests)).toEqual(["POST mount app", "DELETE upload"]);
  });

  test.each([
    ["small", small, ["POST mount app", "DELETE upload"]],
    ["large", large, ["HEAD blob", "POST mount app", "PUT upload", "DELETE upload"]],
  ])(
    "pushBlob ends with the source's error when it fails in the middle of a %s blob, without trying again",
    async (_size, bytes, requests) => {
      const to = client();
      const blob = blobOf(bytes);
      const wrong = checkedBody(blob, Buffer.from("a wrong blob"));
      async function* body(offset: number): Bytes {
        yield bytes.subarray(offset, 3);
        yield* wrong(3);
      }
      await expect(push(to, bytes, { body })).rejects.toMatchObject({ code: "size_mismatch" });
      expect(kinds(to.requests)).toEqual(requests);
      expect(await to.repository.exists(blob)).toBe(false);
    },
  );

  test("pushBlob refuses a source that has more bytes than the blob", async () => {
    const to = client();
    await expect(push(to, small, { body: bodyOf(Buffer.concat([small, small])) })).rejects.toMatchObject({
      code: "size_mismatch",
    });
  });
});

describe("pushBlob in one request", () => {
  let count = 0;
  const fresh = () => Buffer.from(`blob ${++count}`);
  const whole = { method: "POST", path: "/uploads/?digest=" } as const;

  /** A client that has pushed `absent` blobs which were not there, and forgot about it. */
  async function seasoned(absent: number, options: ClientOptions = {}): Promise<Client> {
    const to = client(options);
    for (let i = 0; i < absent; i++) await push(to, fresh());
    to.forget();
    return to;
  }

  test("pushBlob sends a small blob in one POST once blobs were absent and the registry has taken one so", async () => {
    const to = await seasoned(0);
    for (let i = 0; i < 5; i++) await push(to, fresh());
    // Asked for, tried, then asked for until four in a row were absent.
    expect(kinds(to.requests).filter((kind) => kind.startsWith("POST"))).toEqual([
      "POST mount app",
      "POST blob",
      "POST mount app",
      "POST mount app",
      "POST mount app",
    ]);
    to.forget();
    const bytes = fresh();
    expect(await push(to, bytes)).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST blob"]);
    expect(to.asked[0]).toMatchObject({ operation: "upload-body", scopes: ["repository:app:pull,push"] });
    expect(digestOf(await readBlob(to.repository, blobOf(bytes)))).toBe(digestOf(bytes));
  });

  test("pushBlob asks for one blob of sixteen all the same, and for all once that is there", async () => {
    const to = await seasoned(5);
    const all = Array.from({ length: 32 }, fresh);
    for (const bytes of all) await push(to, bytes);
    expect(kinds(to.requests).filter((kind) => kind === "POST mount app")).toHaveLength(2);
    to.forget();
    for (const bytes of all.slice(0, 24)) await push(to, bytes);
    const asked = kinds(to.requests).indexOf("POST mount app");
    expect(asked).toBeLessThan(16);
    expect(new Set(kinds(to.requests).slice(asked))).toEqual(new Set(["POST mount app"]));
  });

  test.each([
    ["empty", Buffer.alloc(0), {}],
    ["large", large, {}],
    ["to be mounted", small, { mountFrom: [location("other")] }],
    ["to be sent whatever is there", small, { distrustPresence: true }],
    ["perhaps there from an earlier run", small, { mayBeThere: true }],
  ])("pushBlob opens an upload for a blob that is %s", async (_name, bytes, options) => {
    const to = await seasoned(5);
    await push(to, bytes, options);
    expect(kinds(to.requests)).not.toContain("POST blob");
  });

  test("pushBlob opens uploads where it was told to send chunks", async () => {
    const to = await seasoned(6, { chunkSizeBytes: 1024 });
    await push(to, fresh());
    expect(kinds(to.requests)).toEqual(["POST mount app", "PUT upload"]);
  });

  test("pushBlob goes on in the session that a registry opens instead, and does not try again", async () => {
    const to = await seasoned(1, { server: { singlePost: false } });
    const bytes = fresh();
    expect(await push(to, bytes)).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST blob", "PUT upload"]);
    expect(digestOf(await readBlob(to.repository, blobOf(bytes)))).toBe(digestOf(bytes));
    to.forget();
    for (let i = 0; i < 8; i++) await push(to, fresh());
    expect(kinds(to.requests)).not.toContain("POST blob");
  });

  test("pushBlob sends most of many blobs in one request each, from the first round trip on", async () => {
    const to = client();
    const all = Array.from({ length: 40 }, fresh);
    await Promise.all(all.map((bytes) => push(to, bytes)));
    const sent = kinds(to.requests);
    // Eight ask, and two of the thirty-one that follow the one that tries.
    expect(sent.filter((kind) => kind === "POST mount app").length).toBeLessThanOrEqual(10);
    expect(sent.filter((kind) => kind === "POST blob").length).toBeGreaterThanOrEqual(30);
    for (const bytes of all) expect(await to.repository.exists(blobOf(bytes))).toBe(true);
  });

  test("pushBlob sends one of many blobs whole to a registry that declines, and opens uploads for the others", async () => {
    const to = client({ server: { singlePost: false } });
    const all = Array.from({ length: 40 }, fresh);
    await Promise.all(all.map((bytes) => push(to, bytes)));
    expect(kinds(to.requests).filter((kind) => kind === "POST blob")).toHaveLength(1);
    for (const bytes of all) expect(await to.repository.exists(blobOf(bytes))).toBe(true);
  });

  /** A client of a registry that has `count` blobs, and what they are; it has not asked for any. */
  async function filled(count: number) {
    const send = createRegistry(createMemoryStorage());
    const there = Array.from({ length: count }, fresh);
    const before = client({ send });
    for (const bytes of there) await push(before, bytes);
    return { to: client({ send }), there };
  }

  test("pushBlob sends one of many blobs for nothing where all are there", async () => {
    const { to, there } = await filled(40);
    const outcomes = await Promise.all(there.map((bytes) => push(to, bytes)));
    expect(outcomes.filter((outcome) => outcome === "sent")).toHaveLength(1);
  });

  test("pushBlob lets those that wait go when those ahead have failed", async () => {
    const to = client({ faults: [{ method: "POST", times: 9, fault: { kind: "status", status: 403 } }] });
    const all = Array.from({ length: 30 }, fresh);
    const outcomes = await Promise.allSettled(all.map((bytes) => push(to, bytes)));
    expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBeGreaterThanOrEqual(21);
  });

  test("pushBlob lets nobody wait who gives up", async () => {
    const registry = createRegistry(createMemoryStorage());
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => (open = resolve));
    const to = client({ send: (request) => opened.then(() => registry(request)) });
    used.add(to);
    const begin = (options: PushBlobOptions = {}) => {
      const bytes = fresh();
      return to.repository.pushBlob(blobOf(bytes), bodyOf(bytes), options);
    };
    const ahead = Array.from({ length: 9 }, () => begin());
    const controller = new AbortController();
    const waiting = begin({ signal: controller.signal });
    controller.abort("enough");
    await expect(waiting).rejects.toBe("enough");
    open();
    await to.settle(Promise.all(ahead));
  });

  test("pushBlob tries with one blob at a time", async () => {
    const to = await seasoned(1, { server: { singlePost: false } });
    await Promise.all([push(to, fresh()), push(to, fresh()), push(to, fresh())]);
    expect(kinds(to.requests).filter((kind) => kind === "POST blob")).toHaveLength(1);
  });

  test("pushBlob gives up a session that kept the bytes of the POST", async () => {
    const headers = { location: "/v2/app/blobs/uploads/11111111111111111111111111111111", range: "0-5" };
    const to = await seasoned(1, { faults: [{ ...whole, fault: { kind: "status", status: 202, headers } }] });
    const bytes = fresh();
    expect(await push(to, bytes)).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST blob", "DELETE upload", "POST mount app", "PUT upload"]);
    expect(digestOf(await readBlob(to.repository, blobOf(bytes)))).toBe(digestOf(bytes));
  });

  test.each([400, 403, 404, 405, 411, 413, 501])("pushBlob opens an upload after %i for a POST", async (status) => {
    const to = await seasoned(1, { faults: [{ ...whole, fault: { kind: "status", status } }] });
    expect(await push(to, fresh())).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST blob", "POST mount app", "PUT upload"]);
  });

  test("pushBlob asks by HEAD after a POST's answer was lost, and sends nothing again", async () => {
    const to = await seasoned(5, { faults: [{ ...whole, skip: 1, fault: { kind: "lose-answer" } }] });
    expect(await push(to, fresh())).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST blob", "HEAD blob"]);
  });

  test.each([
    [500, "", ["POST blob", "HEAD blob", "POST mount app", "PUT upload"]],
    [503, "", ["POST blob", "POST mount app", "PUT upload"]],
    [503, "BLOB_UPLOAD_INVALID", ["POST blob", "POST mount app", "PUT upload"]],
    [500, "BLOB_UPLOAD_UNKNOWN", ["POST blob", "POST mount app", "PUT upload"]],
    [408, "DIGEST_INVALID", ["POST blob", "POST mount app", "PUT upload"]],
  ])(
    "pushBlob opens an upload after %i %s for a POST, and looks where it may have been done",
    async (status, code, requests) => {
      const body = JSON.stringify({ errors: [{ code, message: "try again" }] });
      const to = await seasoned(5, { faults: [{ ...whole, skip: 1, fault: { kind: "status", status, body } }] });
      expect(await push(to, fresh())).toBe("sent");
      expect(kinds(to.requests)).toEqual(requests);
    },
  );

  test("pushBlob opens an upload where a POST opened one without a place", async () => {
    const to = await seasoned(1, { faults: [{ ...whole, fault: { kind: "status", status: 202 } }] });
    expect(await push(to, fresh())).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST blob", "POST mount app", "PUT upload"]);
  });

  test("pushBlob tries with another blob where the first trial told nothing", async () => {
    const to = await seasoned(1, { faults: [{ ...whole, fault: { kind: "refuse" } }] });
    const boom = new WaybillError("unavailable", "Cannot read source");
    async function* failing(): Bytes {
      throw boom;
    }
    await expect(push(to, fresh(), { body: failing })).rejects.toBe(boom);
    await push(to, fresh());
    to.forget();
    await push(to, fresh());
    expect(kinds(to.requests)).toEqual(["POST blob"]);
  });

  test("pushBlob does not go back to POSTs once one was declined, whatever comes of others", async () => {
    let isFirst = true;
    const tooLarge: FaultRule = {
      ...whole,
      when: () => !isFirst || ((isFirst = false), false),
      fault: { kind: "status", status: 413 },
    };
    const to = await seasoned(5, { faults: [tooLarge] });
    await Promise.all([push(to, fresh()), push(to, fresh())]);
    to.forget();
    await push(to, fresh());
    expect(kinds(to.requests)).not.toContain("POST blob");
  });

  test("pushBlob sends little for nothing where some are there and some are not", async () => {
    const { to, there } = await filled(60);
    let sent = 0;
    for (const bytes of there) {
      // Two that are not there to each that is.
      await push(to, fresh());
      await push(to, fresh());
      if ((await push(to, bytes)) === "sent") sent++;
    }
    // The one that tries.
    expect(sent).toBeLessThanOrEqual(1);
    for (let at = 0; at < 300; at++) await push(to, fresh());
    to.forget();
    await push(to, fresh());
    expect(kinds(to.requests)).toEqual(["POST mount app", "PUT upload"]);
  });

  test("pushBlob believes a 201 without the digest only after a HEAD", async () => {
    const liar: FaultRule = { ...whole, skip: 1, fault: { kind: "status", status: 201 } };
    const to = await seasoned(5, { faults: [liar] });
    const bytes = fresh();
    expect(await push(to, bytes)).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST blob", "HEAD blob", "POST mount app", "PUT upload"]);
    expect(digestOf(await readBlob(to.repository, blobOf(bytes)))).toBe(digestOf(bytes));
  });

  test("pushBlob sends no POST when the source fails", async () => {
    const to = await seasoned(5);
    const boom = new WaybillError("unavailable", "Cannot read source");
    async function* failing(): Bytes {
      throw boom;
    }
    await expect(push(to, fresh(), { body: failing })).rejects.toBe(boom);
    expect(kinds(to.requests)).toEqual([]);
  });
});

describe("pushBlob under faults", () => {
  const put = { method: "PUT", path: "/uploads/" } as const;
  const fails = (faults: readonly FaultRule[], options: ClientOptions = {}) => client({ ...options, faults });

  test("pushBlob asks by HEAD after an answer was lost, and sends nothing again", async () => {
    const to = fails([{ ...put, fault: { kind: "lose-answer" } }]);
    expect(await push(to, small)).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST mount app", "PUT upload", "HEAD blob", "DELETE upload"]);
  });

  test.each([500, 502, 504, 409])("pushBlob asks by HEAD and begins anew after %i for the commit", async (status) => {
    const to = fails([{ ...put, fault: { kind: "status", status } }]);
    expect(await push(to, small)).toBe("sent");
    expect(kinds(to.requests)).toEqual([
      "POST mount app",
      "PUT upload",
      "HEAD blob",
      "DELETE upload",
      "POST mount app",
      "PUT upload",
    ]);
  });

  test("pushBlob verifies and begins anew when the registry forgot the session", async () => {
    const body = JSON.stringify({ errors: [{ code: "BLOB_UPLOAD_UNKNOWN", message: "invalid secret" }] });
    const to = fails([{ ...put, fault: { kind: "status", status: 404, body } }]);
    expect(await push(to, small)).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST mount app", "PUT upload", "HEAD blob", "POST mount app", "PUT upload"]);
  });

  test("pushBlob gives up after as many attempts as any request has, with the last error and nothing left open", async () => {
    const to = fails([{ ...put, fault: { kind: "status", status: 503 }, times: Infinity }]);
    await expect(push(to, small)).rejects.toMatchObject({ code: "unavailable" });
    const seen = kinds(to.requests);
    expect(seen.filter((kind) => kind.startsWith("POST"))).toHaveLength(12);
    expect(seen.filter((kind) => kind.startsWith("DELETE"))).toHaveLength(12);
  });

  test("pushBlob gives up after three new sessions where each is lost", async () => {
    const body = JSON.stringify({ errors: [{ code: "BLOB_UPLOAD_UNKNOWN", message: "invalid secret" }] });
    const to = fails([{ ...put, fault: { kind: "status", status: 404, body }, times: Infinity }]);
    await expect(push(to, small)).rejects.toMatchObject({ code: "upload_unknown" });
    expect(kinds(to.requests).filter((kind) => kind.startsWith("POST"))).toHaveLength(4);
  });

  test("pushBlob gives up sooner where a limit outlasted every repetition of each piece", async () => {
    const to = fails([{ ...put, fault: { kind: "status", status: 429 }, times: Infinity }]);
    await expect(push(to, small)).rejects.toMatchObject({ code: "rate_limited" });
    expect(kinds(to.requests).filter((kind) => kind.startsWith("POST"))).toHaveLength(4);
  });

  test.each([
    ["refuses", { kind: "status", status: 503 }],
    ["fails at", { kind: "status", status: 500 }],
    ["breaks", { kind: "cut-upload", afterBytes: 5 }],
  ] as const)("pushBlob outlives a registry that %s every upload for half a minute", async (_what, fault) => {
    const registry = createRegistry(createMemoryStorage());
    const wire = faulty(registry, [{ ...put, fault, times: Infinity }]);
    const to: Client = client({ send: (request) => (to.clock.now() - start < 30_000 ? wire : registry)(request) });
    const start = to.clock.now();
    expect(await push(to, small)).toBe("sent");
    expect(to.clock.now() - start).toBeGreaterThan(30_000);
    expect(kinds(to.requests).filter((kind) => kind.startsWith("PUT")).length).toBeLessThan(12);
  });

  test("pushBlob tells of each wait as that of a request is told", async () => {
    const to = fails([{ ...put, fault: { kind: "status", status: 503 }, times: 2 }]);
    await push(to, small, { task: "stage it" });
    const session = expect.stringMatching(/^https:\/\/registry\.example\/v2\/app\/blobs\/uploads\/[^/?]+$/);
    const told = {
      type: "retry",
      method: "PUT",
      url: session,
      registry: "registry.example",
      task: "stage it",
    } as const;
    const why = { why: "HTTP 503", cause: "503" };
    expect(to.retries).toEqual([
      { ...told, target: "registry.example/app", attempt: 1, delayMs: 100, ...why, at: expect.any(Number) },
      { ...told, target: "registry.example/app", attempt: 2, delayMs: 200, ...why, at: expect.any(Number) },
    ]);
  });

  test.each([
    ["PUT", "a connection that broke", { ...put, fault: { kind: "cut-upload", afterBytes: 5 } }, "connection_failed"],
    ["PUT", "a session that is lost", { ...put, fault: { kind: "lose-session" } }, "404"],
    ["PATCH", "a chunk", { method: "PATCH", fault: { kind: "status", status: 502 } }, "502"],
  ] as const)("pushBlob tells of a wait after the %s of %s", async (method, _what, fault, cause) => {
    const to = fails([fault], { ...(method === "PATCH" && { chunkSizeBytes: MiB }) });
    await push(to, large);
    expect(to.retries).toMatchObject([{ method, cause, delayMs: 100 }]);
    expect(to.retries[0]?.why).not.toContain(digestOf(large));
  });

  test("pushBlob tells which request it was that failed: the one that asks where a session stands", async () => {
    const to = fails([
      { ...put, fault: { kind: "cut-upload", afterBytes: 5 * MiB } },
      { method: "GET", path: "/uploads/", fault: { kind: "status", status: 405 } },
    ]);
    await push(to, huge, { body: bodyOf(huge, MiB) });
    expect(to.retries).toMatchObject([
      { method: "PUT", cause: "connection_failed" },
      { method: "GET", cause: "405" },
    ]);
  });

  test("pushBlob waits as long as the registry asks", async () => {
    const to = fails([{ ...put, fault: { kind: "status", status: 429, headers: { "retry-after": "7" } } }]);
    const before = to.clock.now();
    expect(await push(to, small)).toBe("sent");
    expect(to.clock.now() - before).toBeGreaterThanOrEqual(7000);
  });

  test("pushBlob fails at once when the registry asks for more than two minutes", async () => {
    const to = fails([{ ...put, fault: { kind: "status", status: 429, headers: { "retry-after": "3600" } } }]);
    await expect(push(to, small)).rejects.toMatchObject({ code: "rate_limited", context: { retryAfterMs: 3_600_000 } });
  });

  test("pushBlob fails at once when the registry asks for more than the user allows", async () => {
    const fault = { kind: "status", status: 503, headers: { "retry-after": "2" } } as const;
    const to = fails([{ ...put, fault }], { maxRetryAfterMs: 1000 });
    const before = to.clock.now();
    const failure: unknown = await push(to, small).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/503.*: it asks to wait 2 s, until \d{4}-/),
      context: { advice: "Try again then, or raise --max-retry-after" },
    });
    // The innermost sentence is the one on the screen.
    expect((failure as Error).cause).toBeUndefined();
    expect(to.clock.now()).toBe(before);
  });

  test("pushBlob names registry and blob when no byte of any chunk is taken", async () => {
    const patch = {
      method: "PATCH",
      times: Infinity,
      fault: { kind: "status", status: 202, headers: { range: "0-0" } },
    } as const;
    const to = fails([patch], { chunkSizeBytes: MiB });
    await expect(push(to, large)).rejects.toMatchObject({
      code: "unavailable",
      message: `Cannot push blob ${digestOf(large)} to "registry.example/app": the registry took no byte of a chunk`,
      context: { registry: "registry.example", repository: "app" },
    });
  });

  test("pushBlob waits longer than two minutes where that is allowed", async () => {
    const fault = { kind: "status", status: 503, headers: { "retry-after": "200" } } as const;
    const to = fails([{ ...put, fault }], { maxRetryAfterMs: 600_000 });
    const before = to.clock.now();
    expect(await push(to, small)).toBe("sent");
    expect(to.clock.now() - before).toBeGreaterThanOrEqual(200_000);
  });

  test("pushBlob begins a broken small upload anew", async () => {
    const to = fails([{ ...put, fault: { kind: "cut-upload", afterBytes: 5 } }]);
    expect(await push(to, small)).toBe("sent");
    expect(kinds(to.requests)).toEqual([
      "POST mount app",
      "PUT upload",
      "DELETE upload",
      "POST mount app",
      "PUT upload",
    ]);
  });

  test("pushBlob sends a piece that got no answer over a fresh connection", async () => {
    const to = fails([{ ...put, fault: { kind: "cut-upload", afterBytes: 5 } }]);
    await push(to, small);
    const puts = to.asked.filter(({ method }) => method === "PUT");
    expect(puts.map(({ isFresh = false }) => isFresh)).toEqual([false, true]);
  });

  test("pushBlob goes on with a broken large upload where the registry stands", async () => {
    const at = 40 * MiB;
    const to = fails([{ ...put, fault: { kind: "cut-upload", afterBytes: at } }]);
    const offsets: number[] = [];
    const body: Replayable = (offset) => (offsets.push(offset), bodyOf(huge, MiB)(offset));
    expect(await push(to, huge, { body })).toBe("sent");
    expect(kinds(to.requests).filter((kind) => kind !== "HEAD blob")).toEqual([
      "POST mount app",
      "PUT upload",
      "GET upload",
      "PUT upload",
    ]);
    expect(offsets).toEqual([0, at]);
    expect(to.asked.at(-1)?.headers?.["content-range"]).toBe(`${at}-${huge.byteLength - 1}`);
  });

  test("pushBlob begins anew when the registry does not tell where it stands", async () => {
    const to = fails([
      { ...put, fault: { kind: "cut-upload", afterBytes: 5 * MiB } },
      { method: "GET", path: "/uploads/", fault: { kind: "status", status: 405 } },
    ]);
    expect(await push(to, huge, { body: bodyOf(huge, MiB) })).toBe("sent");
    expect(kinds(to.requests).filter((kind) => kind.startsWith("POST"))).toHaveLength(2);
  });

  test("pushBlob does not count it against its sessions where a registry cannot say at the moment where one stands", async () => {
    const to = fails([
      { ...put, times: 6, fault: { kind: "cut-upload", afterBytes: 5 * MiB } },
      { method: "GET", path: "/uploads/", times: 6, fault: { kind: "status", status: 503 } },
    ]);
    const pushing = push(to, huge, { body: bodyOf(huge, MiB) });
    await expect(pushing).rejects.toMatchObject({ code: "unavailable" });
    expect(kinds(to.requests).filter((kind) => kind.startsWith("POST")).length).toBe(3);
  });

  test("pushBlob goes over to chunks after 413 and remembers the size", async () => {
    const to = client({ server: { maxRequestBytes: 1.5 * MiB } });
    expect(await push(to, large)).toBe("sent");
    const sizes = to.asked.filter(({ body }) => body !== undefined).map((request) => openBody(request).sizeBytes);
    expect(sizes).toEqual([2 * MiB, MiB, MiB]);
    to.forget();
    const other = Buffer.alloc(2 * MiB, "other ");
    expect(await push(to, other)).toBe("sent");
    expect(kinds(to.requests).filter((kind) => kind.endsWith("upload"))).toEqual(["PATCH upload", "PUT upload"]);
    expect(digestOf(await readBlob(to.repository, blobOf(other)))).toBe(digestOf(other));
  });

  test("pushBlob says what to do when even the smallest chunk is too large", async () => {
    const to = client({ server: { maxRequestBytes: 1000 } });
    await expect(push(to, large)).rejects.toMatchObject({
      code: "too_large",
      context: { advice: expect.stringContaining("--chunk-size") },
    });
  });

  test("pushBlob reads the source once for all chunks, and keeps to the registry's least", async () => {
    const to = client({ chunkSizeBytes: 100_000, server: { chunkMinLength: 700_000 } });
    let opened = 0;
    const body: Replayable = (offset) => (opened++, bodyOf(large)(offset));
    expect(await push(to, large, { body })).toBe("sent");
    const ranges = to.asked.map(({ headers }) => headers?.["content-range"]).filter(Boolean);
    expect(ranges).toEqual(["0-699999", "700000-1399999", `1400000-${large.byteLength - 1}`]);
    expect(opened).toBe(1);
    expect(digestOf(await readBlob(to.repository, blobOf(large)))).toBe(digestOf(large));
  });

  test("pushBlob takes the offset of a 416", async () => {
    const fault = { kind: "status", status: 416, headers: { range: "0-99999" } } as const;
    const faults: FaultRule[] = [{ method: "PATCH", skip: 1, fault }];
    const to = client({ chunkSizeBytes: 200_000, faults });
    const bytes = Buffer.alloc(500_000, "chunk ");
    // The registry holds 200,000 bytes, whatever the fault says: its own 416 then leads back.
    expect(await push(to, bytes)).toBe("sent");
    expect(digestOf(await readBlob(to.repository, blobOf(bytes)))).toBe(digestOf(bytes));
  });

  test("pushBlob accepts 201 for a PATCH and 204 for the PUT only after a HEAD", async () => {
    const scripted: Send = async (request) => {
      const { method } = request;
      if (method === "HEAD") return respond(request, 404);
      if (method === "POST")
        return respond(request, 202, { headers: { location: "/v2/app/blobs/uploads/1?_state=a~b%20c" } });
      return respond(request, method === "PATCH" ? 201 : 204);
    };
    let isThere = false;
    const to = client({
      chunkSizeBytes: 8,
      send: async (request) => {
        if (request.method === "HEAD" && isThere) return respond(request, 200, { headers: { "content-length": "12" } });
        isThere ||= request.method === "PUT";
        return scripted(request);
      },
    });
    expect(await push(to, small)).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST mount app", "PATCH upload", "HEAD blob", "PUT upload", "HEAD blob"]);
    expect(to.asked.at(-2)?.url).toBe(
      `https://registry.example/v2/app/blobs/uploads/1?_state=a~b%20c&digest=${encodeURIComponent(digestOf(small))}`,
    );
  });

  test("pushBlob stops at an abort and still gives the session up", async () => {
    const controller = new AbortController();
    const reason = new WaybillError("cancelled", "Cannot go on: interrupted");
    const to = client();
    async function* hanging(): Bytes {
      yield small.subarray(0, 3);
      controller.abort(reason);
      throw reason;
    }
    await expect(push(to, small, { body: hanging, signal: controller.signal })).rejects.toBe(reason);
    expect(kinds(to.requests).at(-1)).toBe("DELETE upload");
    expect(to.asked.at(-1)?.signal?.aborted).toBe(false);
    expect(to.clock.pending).toBe(0);
  });

  test("pushBlob says which permission fails", async () => {
    const body = JSON.stringify({ errors: [{ code: "DENIED", message: "no push for you" }] });
    const to = fails([{ method: "POST", fault: { kind: "status", status: 403, body }, times: Infinity }]);
    await expect(push(to, small)).rejects.toMatchObject({
      code: "auth_denied",
      message: expect.stringContaining('registry.example/app": 403 DENIED "no push for you"'),
      context: { registry: "registry.example", repository: "app", registryCode: "DENIED" },
    });
  });
});

describe("pushBlob sessions", () => {
  /** A push that is cancelled when `afterBytes` of `large` have been read, and what it told of its session. */
  async function interrupted(to: Client, afterBytes: number): Promise<(string | undefined)[]> {
    const told: (string | undefined)[] = [];
    const controller = new AbortController();
    const reason = new WaybillError("cancelled", "Cannot go on: interrupted");
    async function* body(): Bytes {
      yield large.subarray(0, afterBytes);
      controller.abort(reason);
      throw reason;
    }
    const listening = { onSession: (session: string | undefined) => told.push(session) };
    const pushing = push(to, large, { body, signal: controller.signal, ...listening });
    await expect(pushing).rejects.toBe(reason);
    return told;
  }

  test("pushBlob leaves a cancelled upload open for whoever listens, who sends only the rest", async () => {
    const to = client();
    const [session, ...more] = await interrupted(to, MiB);
    expect(more).toEqual([]);
    expect(kinds(to.requests)).not.toContain("DELETE upload");
    to.forget();

    const offsets: number[] = [];
    const told: (string | undefined)[] = [];
    const body: Replayable = (offset) => (offsets.push(offset), bodyOf(large)(offset));
    const resume = { resume: session!, onSession: (next: string | undefined) => void told.push(next) };
    expect(await push(to, large, { body, ...resume })).toBe("sent");

    expect(kinds(to.requests)).toEqual(["GET upload", "PUT upload"]);
    expect(offsets).toEqual([MiB]);
    expect(told.at(-1)).toBeUndefined();
    expect(digestOf(await readBlob(to.repository, blobOf(large)))).toBe(digestOf(large));
  });

  test("pushBlob is not stopped by a listener that throws at a session", async () => {
    const to = client();
    const onSession = () => {
      throw new Error("a listener with a bug");
    };
    expect(await push(to, large, { onSession })).toBe("sent");
    expect(kinds(to.requests)).not.toContain("DELETE upload");
  });

  test("pushBlob tells of no session when a blob is small or present", async () => {
    const to = client();
    const told: unknown[] = [];
    await push(to, small, { onSession: (session) => told.push(session) });
    await push(to, large);
    await push(to, large, { onSession: (session) => told.push(session) });
    expect(told).toEqual([]);
  });

  test("pushBlob asks again where it stands while another request writes to the session", async () => {
    const errors = [{ code: "BLOB_UPLOAD_INVALID", message: "another request is writing to it" }];
    const headers = { "retry-after": "1" };
    const fault = { kind: "status", status: 503, headers, body: JSON.stringify({ errors }) } as const;
    const to = client({ faults: [{ method: "PUT", path: "/uploads/", skip: 1, fault }] });
    const [session] = await interrupted(to, MiB);
    to.forget();

    expect(await push(to, large, { resume: session! })).toBe("sent");

    expect(kinds(to.requests)).toEqual(["GET upload", "PUT upload", "GET upload", "PUT upload"]);
  });

  test("pushBlob looks for the blob, then begins anew, when the session to resume is gone", async () => {
    const to = client();
    const resume = "https://registry.example/v2/app/blobs/uploads/11111111111111111111111111111111";
    expect(await push(to, large, { resume })).toBe("sent");
    expect(kinds(to.requests).slice(0, 2)).toEqual(["GET upload", "HEAD blob"]);
    expect(kinds(to.requests)).toContain("POST mount app");
    expect(kinds(to.requests)).not.toContain("DELETE upload");
  });

  test("pushBlob sends nothing for a session whose blob has arrived meanwhile", async () => {
    const to = client();
    await push(to, large);
    const resume = "https://registry.example/v2/app/blobs/uploads/11111111111111111111111111111111";
    to.forget();
    expect(await push(to, large, { resume })).toBe("existed");
    expect(kinds(to.requests)).toEqual(["GET upload", "HEAD blob"]);
  });

  test.each([
    "",
    "registry.example/x",
    "ftp://registry.example/x",
    "http://registry.example/x",
    "https://u:p@registry.example/x",
    "https://registry.example/ x",
  ])("pushBlob does not believe in a session at %j", async (resume) => {
    const to = client();
    expect(await push(to, small, { resume })).toBe("sent");
    expect(kinds(to.requests)).toEqual(["POST mount app", "PUT upload"]);
  });

  test("pushBlob treats a session on another host as one that the registry led to", async () => {
    const to = client({
      send: async (request) => respond(request, request.url.includes("elsewhere") ? 404 : 201),
    });
    await push(to, small, { resume: "https://elsewhere.example/upload" }).catch(() => undefined);
    expect(to.asked[0]).toMatchObject({ url: "https://elsewhere.example/upload", ledBy: "https://registry.example" });
  });
});
