import { gzipSync } from "node:zlib";
import * as fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { client, type Client, type ClientOptions } from "../../test/support/client.ts";
import { respond } from "../../test/support/responses.ts";
import { blobOf, bodyOf, readBlob } from "../../test/support/samples.ts";
import { WaybillError } from "../errors.ts";
import type { FaultRule } from "../server/faults.ts";

const bytes = Buffer.from("0123456789".repeat(100));
const blob = blobOf(bytes);
const get = { method: "GET", path: "/blobs/sha" } as const;

async function holding(options: ClientOptions = {}): Promise<Client> {
  const to = client(options);
  await to.repository.pushBlob(blob, bodyOf(bytes));
  to.forget();
  return to;
}

const used = new Set<Client>();

afterEach(() => {
  for (const { unread } of used) expect(unread).toEqual([]);
  used.clear();
});

const read = (to: Client, offset = 0) => {
  used.add(to);
  return to.settle(readBlob(to.repository, blob, offset));
};
const ranges = (to: Client) => to.asked.map(({ headers }) => headers?.["range"]);

describe("fetch", () => {
  test("fetch goes on behind the last byte when the connection breaks", async () => {
    const to = await holding({ faults: [{ ...get, fault: { kind: "cut", afterBytes: 333 } }] });
    expect(await read(to)).toEqual(bytes);
    expect(ranges(to)).toEqual([undefined, "bytes=333-"]);
  });

  test("fetch goes on when a body ends early as if that were all", async () => {
    const to = await holding({ faults: [{ ...get, fault: { kind: "truncate", afterBytes: 10 } }] });
    expect(await read(to)).toEqual(bytes);
  });

  test("fetch leaves out what it has when the registry sends everything again", async () => {
    const ignoring = client({
      send: async (request) => {
        const response = respond(request, 200);
        const isAgain = request.headers?.["range"] !== undefined;
        return { ...response, body: isAgain ? pieces(bytes) : broken(bytes.subarray(0, 500)) };
      },
    });
    expect(await read(ignoring)).toEqual(bytes);
  });

  test("fetch notices that the beginning changed between two answers", async () => {
    const changed = Buffer.from(bytes).fill("x", 0, 1);
    let answers = 0;
    const to = client({
      send: async (request) => {
        const response = respond(request, 200, { body: bytes.toString() });
        return answers++ === 0 ? { ...response, body: broken(changed.subarray(0, 500)) } : response;
      },
    });
    await expect(read(to)).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  test("fetch hands out its last byte only when the digest is right", async () => {
    const to = await holding({ faults: [{ ...get, fault: { kind: "corrupt", atByte: 3 } }] });
    let seen = 0;
    const reading = async () => {
      await using content = await to.repository.fetch(blob);
      for await (const chunk of content.body) seen += chunk.byteLength;
    };
    await expect(reading()).rejects.toMatchObject({ code: "digest_mismatch" });
    expect(seen).toBeLessThan(blob.size);
  });

  test("fetch refuses a body that is too long", async () => {
    const to = client({ send: async (request) => respond(request, 200, { body: `${bytes.toString()}!` }) });
    await expect(read(to)).rejects.toMatchObject({ code: "size_mismatch" });
  });

  test("fetch leaves no answer open when it is disposed of after a break", async () => {
    const to = client({
      send: async (request) => {
        if (request.headers?.["range"] === undefined)
          return { ...respond(request, 200), body: broken(bytes.subarray(0, 500)) };
        return { ...respond(request, 206), body: pieces(bytes.subarray(500)) };
      },
    });
    const content = await to.repository.fetch(blob);
    const chunks = content.body[Symbol.asyncIterator]();
    for (let chunk = 0; chunk < 2; chunk++) await to.settle(chunks.next());
    expect(to.unread).toEqual([expect.stringContaining("2: GET")]);

    await content[Symbol.asyncDispose]();

    expect(to.unread).toEqual([]);
  });

  test("fetch asks for nothing more when it is disposed of before a break", async () => {
    const to = await holding({ faults: [{ ...get, fault: { kind: "cut", afterBytes: 0 } }] });
    const content = await to.repository.fetch(blob);
    const reading = content.body[Symbol.asyncIterator]().next();

    await content[Symbol.asyncDispose]();

    await expect(to.settle(reading)).rejects.toThrow();
    expect(to.requests).toHaveLength(1);
  });

  test("fetch begins in the middle", async () => {
    const to = await holding();
    expect(await read(to, 990)).toEqual(bytes.subarray(990));
    expect(ranges(to)).toEqual(["bytes=990-"]);
  });

  test.each([
    ["416", 416, "bytes */1"],
    ["206 from the beginning", 206, "bytes 0-5/6"],
  ])("fetch takes the whole and leaves out what it has when the rest is refused with %s", async (_, status, range) => {
    const refused = { headers: { "content-range": range }, body: "other" };
    let answers = 0;
    const to = client({
      send: async (request) => {
        if (request.headers?.["range"]) return respond(request, status, refused);
        const whole = respond(request, 200, { body: bytes.toString() });
        return answers++ === 0 ? { ...whole, body: broken(bytes.subarray(0, 500)) } : whole;
      },
    });

    expect(await read(to)).toEqual(bytes);
    expect(await read(to, 7)).toEqual(bytes.subarray(7));
    expect(ranges(to)).toEqual([undefined, "bytes=500-", undefined, "bytes=7-", undefined]);
  });

  test("fetch refuses a part that begins elsewhere", async () => {
    const headers = { "content-range": `bytes 5-999/1000` };
    const to = client({ send: async (request) => respond(request, 206, { headers, body: "x" }) });
    await expect(read(to, 7)).rejects.toMatchObject({ code: "range_invalid" });
  });

  test("fetch gives up after five breaks without a byte between them", async () => {
    const to = await holding({ faults: [{ ...get, fault: { kind: "cut", afterBytes: 0 }, times: Infinity }] });
    await expect(read(to)).rejects.toMatchObject({ code: "connection_failed" });
    expect(to.requests).toHaveLength(5);
  });

  test("fetch outlives any number of breaks that bring bytes", async () => {
    const cuts: FaultRule[] = [{ ...get, fault: { kind: "cut", afterBytes: 50 }, times: Infinity }];
    expect(await read(await holding({ faults: cuts }))).toEqual(bytes);
  });

  test("fetch says not_found for a blob that is not there", async () => {
    await expect(read(client())).rejects.toMatchObject({ code: "not_found", context: { repository: "app" } });
  });

  const expired = (refusals: number) => {
    const url = "https://storage.example/blob?X-Amz-Signature=1";
    let answers = 0;
    return client({
      send: async (request) => {
        const body = answers++ < refusals ? "Request has expired" : bytes.toString();
        return respond(request, answers <= refusals ? 403 : 200, { url, body });
      },
    });
  };

  test("fetch asks the registry for another address when storage refuses the one it got", async () => {
    const to = expired(1);
    expect(await read(to)).toEqual(bytes);
    expect(to.requests).toEqual([`GET blobs/${blob.digest}`, `GET blobs/${blob.digest}`]);
  });

  test("fetch gives up when storage refuses the second address too", async () => {
    const to = expired(2);
    await expect(read(to)).rejects.toMatchObject({
      code: "auth_denied",
      context: { origin: "https://storage.example" },
    });
    expect(to.requests).toHaveLength(2);
  });

  test("fetch does not repeat what the registry itself refuses", async () => {
    const to = client({ send: async (request) => respond(request, 403) });
    await expect(read(to)).rejects.toMatchObject({ code: "auth_denied" });
    expect(to.requests).toHaveLength(1);
  });

  test("fetch takes raw bytes under a wrong label, and decodes what is encoded", async () => {
    for (const body of [bytes, gzipSync(bytes)]) {
      const headers = { "content-encoding": "gzip", "content-length": `${body.byteLength}` };
      const to = client({
        send: async (request) => ({ ...respond(request, 200, { headers }), body: pieces(body) }),
      });
      expect(await read(to)).toEqual(bytes);
    }
  });

  test("fetch refuses an encoding that hides more than the blob", async () => {
    const bomb = gzipSync(Buffer.alloc(1_000_000));
    const headers = { "content-encoding": "gzip" };
    const to = client({ send: async (request) => ({ ...respond(request, 200, { headers }), body: pieces(bomb) }) });
    await expect(read(to)).rejects.toMatchObject({
      code: "too_large",
      message: expect.stringContaining(`Cannot read blob ${blob.digest} from "`),
      context: { registry: expect.any(String), subject: blob.digest },
    });
  });

  test("fetch gives the bytes back whole wherever the connections break", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 6 }), async (cuts) => {
        const faults = cuts.map((afterBytes): FaultRule => ({ ...get, fault: { kind: "cut", afterBytes } }));
        const to = await holding({ faults });
        expect(await read(to)).toEqual(bytes);
      }),
      { numRuns: 25 },
    );
  });
});

async function* pieces(body: Uint8Array) {
  for (let at = 0; at < body.byteLength; at += 7) yield body.subarray(at, at + 7);
}

async function* broken(body: Uint8Array) {
  yield body;
  throw new WaybillError("connection_failed", "Cannot read on");
}

describe("exists", () => {
  test("exists trusts a HEAD of the right size only", async () => {
    const answer = (size: string) =>
      client({ send: async (request) => respond(request, 200, { headers: { "content-length": size } }) });
    expect(await answer("1000").repository.exists(blob)).toBe(true);
    expect(await answer("999").repository.exists(blob)).toBe(false);
  });

  test.each([403, 404, 405])("exists takes %i for absence", async (status) => {
    expect(await client({ send: async (request) => respond(request, status) }).repository.exists(blob)).toBe(false);
  });

  test("exists is not fooled by a login page", async () => {
    const headers = { "content-type": "text/html" };
    expect(await client({ send: async (request) => respond(request, 200, { headers }) }).repository.exists(blob)).toBe(
      false,
    );
  });
});
