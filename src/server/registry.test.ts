import { describe, expect, test } from "vitest";
import { Client, documentOf, expectProblem, locationOf, withDigest } from "../../test/conformance/client.ts";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { WaybillError } from "../errors.ts";
import type { Send } from "../http/send.ts";
import { digestOf } from "../spec/digest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { createMemoryStorage } from "./memory-storage.ts";
import { createRegistry, type RegistryOptions } from "./registry.ts";

const bytes = Buffer.from("hello");
const digest = digestOf(bytes);

function registryWith(options?: RegistryOptions) {
  const send = createRegistry(createMemoryStorage(), options);
  return new Client(send, "http://registry.example");
}

describe("createRegistry", () => {
  test("createRegistry gives ranges to GET alone", async () => {
    const client = registryWith();
    await client.pushBlob("a", bytes);
    const headers = { range: "bytes=1-2" };
    const head = await client.ask("HEAD", `/v2/a/blobs/${digest}`, { headers });
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "5"]);
    expect((await client.ask("GET", `/v2/a/blobs/${digest}`, { headers })).status).toBe(206);
  });

  test("createRegistry takes any number for n, however large", async () => {
    const client = registryWith();
    await client.pushImage("a", "tag");
    const listed = await client.ask("GET", "/v2/a/tags/list?n=10000000000");
    expect([listed.status, listed.headers.get("link")]).toEqual([200, undefined]);
  });

  test.each([
    [{}, "PATCH", "/v2/a/manifests/tag", "GET, HEAD, PUT, DELETE"],
    [{}, "POST", "/v2/a/tags/list", "GET, HEAD"],
    [{}, "GET", "/v2/a/blobs/uploads/", "POST"],
    [{ deletes: false }, "DELETE", `/v2/a/blobs/${digest}`, "GET, HEAD"],
    [{ readOnly: true }, "PUT", "/v2/a/manifests/tag", "GET, HEAD"],
    [{ readOnly: true }, "POST", "/v2/a/blobs/uploads/", ""],
  ] as const)("createRegistry with %j says what it takes in place of %s %s", async (options, method, path, allowed) => {
    const answer = await registryWith(options).ask(method, path);
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, allowed]);
  });

  test("createRegistry answers 304 to whoever wants nothing of what is there", async () => {
    const client = registryWith();
    await client.pushBlob("a", bytes);
    await client.pushImage("a", "tag");
    const headers = { "if-none-match": " * " };
    for (const path of [`/v2/a/blobs/${digest}`, "/v2/a/manifests/tag"])
      expect((await client.ask("GET", path, { headers })).status).toBe(304);
  });
});

describe("options of createRegistry", () => {
  test("createRegistry without multiTag ignores the tags of a push by digest", async () => {
    const client = registryWith({ multiTag: false });
    const image = await client.image("a");
    const pushed = await client.pushManifest("a", `${image.digest}?tag=one&tag=two`, image);
    expect([pushed.status, pushed.headers.get("oci-tag")]).toEqual([201, undefined]);
    expect((await client.ask("HEAD", "/v2/a/manifests/one")).status).toBe(404);
  });

  test("createRegistry with multiTag refuses a bad tag and more than a hundred, and gives none of them", async () => {
    const client = registryWith();
    const image = await client.image("a");
    expectProblem(await client.pushManifest("a", `${image.digest}?tag=good&tag=.bad`, image), 400, "MANIFEST_INVALID");
    const many = Array.from({ length: 101 }, (_, at) => `tag=t${at}`).join("&");
    expect((await client.pushManifest("a", `${image.digest}?${many}`, image)).status).toBe(414);
    expect((await client.ask("HEAD", "/v2/a/manifests/good")).status).toBe(404);
  });

  test("createRegistry without referrers has neither the API nor OCI-Subject", async () => {
    const client = registryWith({ referrers: false });
    const subject = { mediaType: mediaTypes.ociManifest, digest, size: 5 };
    const image = await client.image("a", { subject });
    const pushed = await client.pushManifest("a", "tag", image);
    expect([pushed.status, pushed.headers.get("oci-subject")]).toEqual([201, undefined]);
    expect((await client.ask("GET", `/v2/a/referrers/${digest}`)).status).toBe(404);
  });

  test("createRegistry without mounts answers 202 to every mount, also of what it holds", async () => {
    const client = registryWith({ mounts: false });
    await client.pushBlob("a", bytes);
    for (const from of ["a", "b"]) {
      const declined = await client.ask("POST", `/v2/${from}/blobs/uploads/?mount=${digest}&from=a`);
      expect(declined.status).toBe(202);
      expect((await client.ask("PUT", withDigest(locationOf(declined), digest), { body: bytes })).status).toBe(201);
    }
  });

  test("createRegistry without singlePost answers a whole blob by an empty session", async () => {
    const client = registryWith({ singlePost: false });
    const opened = await client.ask("POST", `/v2/a/blobs/uploads/?digest=${digest}`, { body: bytes });
    expect([opened.status, opened.headers.get("range")]).toEqual([202, "0-0"]);
    expect((await client.ask("HEAD", `/v2/a/blobs/${digest}`)).status).toBe(404);
    expect((await client.ask("PUT", withDigest(locationOf(opened), digest), { body: bytes })).status).toBe(201);
  });

  test("createRegistry that is readOnly refuses every write and serves every read", async () => {
    const storage = createMemoryStorage();
    const writer = new Client(createRegistry(storage), "http://registry.example");
    const image = await writer.pushImage("a", "tag");
    const client = new Client(createRegistry(storage, { readOnly: true }), "http://registry.example");
    expectProblem(await client.ask("POST", "/v2/a/blobs/uploads/"), 405, "UNSUPPORTED");
    expectProblem(await client.pushManifest("a", "other", image), 405, "UNSUPPORTED");
    expectProblem(await client.ask("DELETE", "/v2/a/manifests/tag"), 405, "UNSUPPORTED");
    expect((await client.ask("GET", "/v2/a/manifests/tag")).status).toBe(200);
  });

  test("createRegistry without deletes refuses to delete content, and lets uploads be cancelled", async () => {
    const client = registryWith({ deletes: false });
    await client.pushImage("a", "tag");
    expectProblem(await client.ask("DELETE", "/v2/a/manifests/tag"), 405, "UNSUPPORTED");
    expectProblem(await client.ask("DELETE", `/v2/a/blobs/${digestOf(Buffer.from("{}"))}`), 405, "UNSUPPORTED");
    expect((await client.ask("DELETE", await client.openUpload("a"))).status).toBe(204);
  });

  test("createRegistry with immutableTags refuses to move a tag, and takes the same manifest again", async () => {
    const client = registryWith({ immutableTags: true });
    const image = await client.pushImage("a", "tag");
    const other = await client.image("a");
    expectProblem(await client.pushManifest("a", "tag", other), 409, "TAG_INVALID");
    expectProblem(await client.pushManifest("a", `${other.digest}?tag=new&tag=tag`, other), 409, "TAG_INVALID");
    expect((await client.ask("HEAD", "/v2/a/manifests/new")).status).toBe(404);
    expect((await client.pushManifest("a", "tag", image)).status).toBe(201);
  });

  test("createRegistry with optional childManifests takes an index before its manifests, but no image before its layers", async () => {
    const client = registryWith({ childManifests: "optional" });
    const child = { mediaType: mediaTypes.ociManifest, digest, size: 5 };
    const index = documentOf(mediaTypes.ociIndex, { manifests: [child] });
    expect((await client.pushManifest("a", "index", index)).status).toBe(201);
    const image = documentOf(mediaTypes.ociManifest, {
      config: { ...child, mediaType: mediaTypes.ociConfig },
      layers: [],
    });
    expectProblem(await client.pushManifest("a", "image", image), 404, "MANIFEST_BLOB_UNKNOWN");
  });

  test("createRegistry tells chunkMinLength to uploads that it opens, also by declined mounts", async () => {
    const client = registryWith({ chunkMinLength: 1000 });
    for (const query of ["", `?mount=${digest}&from=b`]) {
      const opened = await client.ask("POST", `/v2/a/blobs/uploads/${query}`);
      expect(opened.headers.get("oci-chunk-min-length")).toBe("1000");
    }
  });

  test("createRegistry answers 413 to a body above maxRequestBytes and takes the blob in shorter ones", async () => {
    const client = registryWith({ maxRequestBytes: 3 });
    const location = await client.openUpload("a");
    expect((await client.ask("PUT", withDigest(location, digest), { body: bytes })).status).toBe(413);
    await client.ask("PATCH", location, { body: bytes.subarray(0, 3) });
    expect((await client.ask("PUT", withDigest(location, digest), { body: bytes.subarray(3) })).status).toBe(201);
  });

  test("createRegistry with maxPage leads through a list that was asked for whole", async () => {
    const client = registryWith({ maxPage: 2 });
    const image = await client.image("a");
    for (const tag of ["a", "b", "c"]) await client.pushManifest("a", tag, image);
    const first = await client.ask("GET", "/v2/a/tags/list");
    expect([first.json, first.headers.get("link")]).toEqual([
      { name: "a", tags: ["a", "b"] },
      '</v2/a/tags/list?n=2&last=b>; rel="next"',
    ]);
  });

  test("createRegistry lists tags as they are at each page, from wherever the last one ended", async () => {
    const client = registryWith();
    const [image, other] = [await client.image("a"), await client.image("a", { annotations: { other: "1" } })];
    const tagsFrom = async (query: string) => {
      const { json } = await client.ask("GET", `/v2/a/tags/list?${query}`);
      return (json as { tags: readonly string[] }).tags;
    };
    for (const tag of ["b", "f", "d"]) await client.pushManifest("a", tag, image);
    expect(await tagsFrom("n=2")).toEqual(["b", "d"]);

    await client.pushManifest("a", "e", other);
    await client.pushManifest("a", "c", image);
    expect(await tagsFrom("n=2&last=d")).toEqual(["e", "f"]);
    expect(await tagsFrom("last=bb")).toEqual(["c", "d", "e", "f"]);
    expect(await tagsFrom("last=f")).toEqual([]);

    await client.ask("DELETE", "/v2/a/manifests/d");
    expect(await tagsFrom("last=b")).toEqual(["c", "e", "f"]);
    await client.ask("DELETE", `/v2/a/manifests/${other.digest}`);
    expect(await tagsFrom("n=9&last=")).toEqual(["b", "c", "f"]);
  });

  test("createRegistry with maxPage pages referrers, and the pages keep the filter", async () => {
    const client = registryWith({ maxPage: 1 });
    const subject = await client.pushImage("a", "subject");
    const pushed = new Set<string>();
    for (let at = 0; at < 3; at++) {
      const members = {
        artifactType: "x/y",
        subject: { mediaType: subject.mediaType, digest: subject.digest, size: 1 },
      };
      const artifact = await client.image("a", members);
      await client.pushManifest("a", artifact.digest, artifact);
      pushed.add(artifact.digest);
    }
    const seen = new Set<string>();
    let path: string | undefined = `/v2/a/referrers/${subject.digest}?artifactType=${encodeURIComponent("x/y")}`;
    for (let page = 0; path !== undefined && page < 5; page++) {
      const list = await client.ask("GET", path);
      for (const one of (list.json as { manifests: { digest: string }[] }).manifests) seen.add(one.digest);
      path = /^<([^>]+)>/.exec(list.headers.get("link") ?? "")?.[1];
      if (path !== undefined) expect(path).toContain("artifactType=x%2Fy");
    }
    expect(seen).toEqual(pushed);
  });
});

describe("uploads", () => {
  test("an upload expires after 24 hours on the registry's clock", async () => {
    const clock = fakeClock();
    const client = registryWith({ clock });
    const location = await client.openUpload("a");
    clock.advance(24 * 3_600_000 - 1);
    expect((await client.ask("GET", location)).status).toBe(204);
    clock.advance(1);
    expectProblem(await client.ask("GET", location), 404, "BLOB_UPLOAD_UNKNOWN");
  });

  test("uploads beyond ten thousand are refused by 429 with a time to wait", async () => {
    const client = registryWith();
    for (let at = 0; at < 10_000; at++) await client.ask("POST", "/v2/a/blobs/uploads/");
    const refused = await client.ask("POST", "/v2/a/blobs/uploads/");
    expectProblem(refused, 429, "TOOMANYREQUESTS");
    expect(refused.headers.get("retry-after")).toBe("60");
  });

  test("a second writer is told to come back, and the first one goes on", async () => {
    const client = registryWith();
    const location = await client.openUpload("a");
    let release: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const slow = {
      sizeBytes: 5,
      async *open() {
        yield bytes.subarray(0, 2);
        await held;
        yield bytes.subarray(2);
      },
    };
    const first = client.ask("PATCH", location, { body: slow });
    await new Promise((resolve) => setImmediate(resolve));
    const second = await client.ask("PATCH", location, { body: bytes });
    release();
    expectProblem(second, 503, "UNAVAILABLE");
    expect(second.headers.get("retry-after")).toBe("1");
    expect((await first).headers.get("range")).toBe("0-4");
  });

  test("ids are made of 128 bits of the random source", async () => {
    const client = registryWith({ random: () => 0.5 });
    expect(await client.openUpload("a")).toBe(`/v2/a/blobs/uploads/${"80".repeat(16)}`);
    expect(await registryWith().openUpload("a")).toMatch(/\/[0-9a-f]{32}$/);
  });

  test("a body's own error reaches its sender, whatever its code", async () => {
    const client = registryWith();
    const location = await client.openUpload("a");
    const own = new WaybillError("digest_mismatch", "Cannot go on: the source lied");
    const body = {
      sizeBytes: 5,
      async *open() {
        yield bytes.subarray(0, 2);
        throw own;
      },
    };
    await expect(client.ask("PUT", withDigest(location, digest), { body })).rejects.toBe(own);
    expect((await client.ask("GET", location)).headers.get("range")).toBe("0-1");
  });

  test("chunks belong to their sender: memory that is used again does not change the blob", async () => {
    const client = registryWith();
    const shared = Buffer.alloc(3);
    const body = {
      sizeBytes: 5,
      async *open() {
        for (const part of ["hel", "lo"]) {
          shared.write(part);
          yield shared.subarray(0, part.length);
        }
      },
    };
    const location = await client.openUpload("a");
    expect((await client.ask("PUT", withDigest(location, digest), { body })).status).toBe(201);
    expect((await client.ask("GET", `/v2/a/blobs/${digest}`)).bytes.toString()).toBe("hello");
  });
});

describe("answers", () => {
  test("every answer forbids a browser to guess types", async () => {
    const client = registryWith();
    await client.pushBlob("a", Buffer.from("<script>"));
    const read = await client.ask("GET", `/v2/a/blobs/${digestOf(Buffer.from("<script>"))}`);
    expect(read.headers.get("x-content-type-options")).toBe("nosniff");
    expect(read.headers.get("content-disposition")).toBe("attachment");
    expect((await client.ask("GET", "/nowhere")).headers.get("x-content-type-options")).toBe("nosniff");
  });

  test("a page outside the API is 404 in the API's form", async () => {
    for (const path of ["/", "/v1/", "/v2/a", "/v2/a/b/c", "/v2/%zz/tags/list"]) {
      expectProblem(await registryWith().ask("GET", path), 404, "UNSUPPORTED");
    }
  });

  test("what is known by its ETag is not sent again", async () => {
    const client = registryWith();
    await client.pushBlob("a", bytes);
    const read = await client.ask("GET", `/v2/a/blobs/${digest}`, { headers: { "if-none-match": `"x", "${digest}"` } });
    expect([read.status, read.bytes.byteLength]).toEqual([304, 0]);
  });

  test("a request that was cancelled before it began is not carried out", async () => {
    const send: Send = createRegistry(createMemoryStorage());
    const signal = AbortSignal.abort(new WaybillError("cancelled", "Cannot go on: stopped"));
    await expect(send({ method: "GET", url: "http://registry.example/v2/", signal })).rejects.toThrow("stopped");
  });

  test("a response may be left in the middle, and twice", async () => {
    const send: Send = createRegistry(createMemoryStorage());
    const client = new Client(send, "http://registry.example");
    await client.pushBlob("a", bytes);
    const response = await send({ method: "GET", url: `http://registry.example/v2/a/blobs/${digest}` });
    await response[Symbol.asyncDispose]();
    await response[Symbol.asyncDispose]();
    const rest: Uint8Array[] = [];
    for await (const chunk of response.body) rest.push(chunk);
    expect(rest).toEqual([]);
  });
});
