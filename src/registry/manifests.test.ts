import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { client, type ClientOptions } from "../../test/support/client.ts";
import { respond } from "../../test/support/responses.ts";
import { bodyOf, imageOf, pushImage } from "../../test/support/samples.ts";
import { hasCode } from "../errors.ts";
import type { FaultRule } from "../server/faults.ts";
import { createMemoryStorage } from "../server/memory-storage.ts";
import { createRegistry } from "../server/registry.ts";
import { digestOf } from "../spec/digest.ts";

const image = imageOf("one");
const { digest, mediaType, size } = image.descriptor;
const text = Buffer.from(image.bytes).toString();

async function holding(options: ClientOptions = {}, tags: readonly string[] = ["v1"]) {
  const to = client(options);
  await pushImage(to.repository, image, { tags });
  to.forget();
  return to;
}

/** A registry that answers every request for a manifest with these headers and the image's bytes. */
function answering(headers: Record<string, string>, body: string | Uint8Array = text, status = 200) {
  return client({
    send: async (request) => {
      const response = respond(request, status, { headers });
      const bytes = Buffer.from(body);
      return {
        ...response,
        body: (async function* () {
          if (request.method !== "HEAD") yield bytes;
        })(),
      };
    },
  });
}

const html = { "content-type": "text/html; charset=utf-8" };

describe("manifest", () => {
  test("manifest comes by tag in one trip, with its digest", async () => {
    const to = await holding();
    const found = await to.repository.manifest("v1");
    expect(found.descriptor).toMatchObject({ digest, mediaType, size });
    expect(to.requests).toEqual(["GET manifests/v1"]);
    expect(to.asked[0]?.headers?.["accept-encoding"]).toBe("identity");
  });

  test.each(["", "{", "[]", "{}"])("manifest names the repository whose answer is %j", async (body) => {
    await expect(answering({ "content-type": mediaType }, body).repository.manifest("v1")).rejects.toMatchObject({
      code: "invalid_manifest",
      message: expect.stringMatching(
        /^Cannot accept manifest "v1" from "registry\.example\/app": Cannot read manifest: /,
      ),
      context: { registry: "registry.example", repository: "app", subject: "v1" },
    });
  });

  test.each(["v1", digest])("manifest refuses bytes that are not what was announced, asked for by %s", async (name) => {
    const to = await holding({ faults: [{ method: "GET", fault: { kind: "corrupt", atByte: 20 } }] });
    await expect(to.repository.manifest(name)).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  test("manifest refuses other bytes for a pinned digest although the header agrees with them", async () => {
    const other = imageOf("other");
    const to = answering({ "content-type": mediaType, "docker-content-digest": other.descriptor.digest }, other.bytes);
    await expect(to.repository.manifest(digest)).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  test("manifest computes the digest where the registry names none, or something else", async () => {
    for (const named of [{}, { "docker-content-digest": "md5:abc" }] as Record<string, string>[]) {
      const found = await answering({ "content-type": mediaType, ...named }).repository.manifest("v1");
      expect(found.descriptor.digest).toBe(digest);
    }
  });

  test("manifest keeps the sha512 digest that it was asked for", async () => {
    const sha512 = digestOf(image.bytes, "sha512");
    const to = answering({ "content-type": mediaType, "docker-content-digest": digest });
    expect((await to.repository.manifest(sha512)).descriptor.digest).toBe(sha512);
  });

  test("manifest refuses a wrong size or another type than the descriptor's", async () => {
    const to = await holding();
    await expect(to.repository.manifest({ mediaType, digest, size: size + 1 })).rejects.toMatchObject({
      code: "size_mismatch",
    });
    const index = "application/vnd.oci.image.index.v1+json";
    await expect(to.repository.manifest({ mediaType: index, digest, size })).rejects.toMatchObject({
      code: "invalid_manifest",
    });
  });

  test("manifest takes raw bytes that are only labelled as gzip, and decodes those that are", async () => {
    const headers = { "content-type": mediaType, "content-encoding": "gzip", "docker-content-digest": digest };
    for (const body of [image.bytes, gzipSync(image.bytes)]) {
      const found = await answering(headers, body).repository.manifest("v1");
      expect(Buffer.from(found.bytes)).toEqual(Buffer.from(image.bytes));
    }
  });

  test("manifest stops at a gzip that grows beyond the limit", async () => {
    const bomb = gzipSync(Buffer.alloc(16 * 1024 * 1024));
    const to = answering({ "content-type": mediaType, "content-encoding": "gzip" }, bomb);
    await expect(to.repository.manifest("v1")).rejects.toMatchObject({ code: "too_large" });
  });

  test.each([
    ["br", "unsupported", 'its content encoding is "br"'],
    ["gzip", "digest_mismatch", "it is not the gzip that it is labelled as"],
  ])(
    "manifest names itself and its repository when it is encoded as %s and cannot be decoded",
    async (coding, code, seen) => {
      const to = answering({ "content-type": mediaType, "content-encoding": coding }, "neither");
      await expect(to.repository.manifest("v1")).rejects.toMatchObject({
        code,
        message: `Cannot read manifest "v1" from "registry.example/app": ${seen}`,
        context: { registry: "registry.example", repository: "app", subject: "v1" },
      });
    },
  );

  test("manifest stops reading beyond 4 MiB", async () => {
    const to = answering({ "content-type": mediaType }, Buffer.alloc(4 * 1024 * 1024 + 1));
    await expect(to.repository.manifest("v1")).rejects.toMatchObject({
      code: "too_large",
      message: expect.stringContaining('manifest "v1" from "registry.example/app"'),
    });
  });

  test("manifest tells a login page from a registry", async () => {
    const to = answering(html, "<html>log in</html>");
    await expect(to.repository.manifest("v1")).rejects.toMatchObject({
      code: "not_a_registry",
      context: { advice: expect.any(String) },
    });
    expect(to.unread).toEqual([]);
  });

  test.each(["", "a b", "-x", "../x", "sha256:12", "x?y"])(
    "manifest refuses the name %j before any request",
    async (name) => {
      const to = client();
      await expect(to.repository.manifest(name)).rejects.toMatchObject({ code: "invalid_reference" });
      expect(to.requests).toEqual([]);
    },
  );

  test("manifest of a missing repository does not advise to create it", async () => {
    const body = { errors: [{ code: "NAME_UNKNOWN", message: "repository name not known to registry" }] };
    const to = client({ send: async (request) => respond(request, 404, { body }) });
    await expect(to.repository.manifest("1")).rejects.toMatchObject({
      code: "not_found",
      context: { advice: "Check the repository's name, and that this account may see it" },
    });
  });
});

describe("resolve", () => {
  test("resolve is one HEAD", async () => {
    const to = await holding();
    expect(await to.repository.resolve("v1")).toEqual({ mediaType, digest, size });
    expect(to.requests).toEqual(["HEAD manifests/v1"]);
  });

  const incomplete: readonly (readonly [string, FaultRule["fault"]])[] = [
    ["HEAD is not allowed", { kind: "status", status: 405 }],
    ["HEAD names no digest", { kind: "headers", set: { "docker-content-digest": undefined } }],
    ["HEAD names no type", { kind: "headers", set: { "content-type": undefined } }],
    ["HEAD names no size", { kind: "headers", set: { "content-length": undefined } }],
    ["HEAD speaks of encoded bytes", { kind: "headers", set: { "content-encoding": "gzip", "content-length": "9" } }],
    ["HEAD is refused without a reason", { kind: "status", status: 403 }],
  ];
  test.each(incomplete)("resolve asks by GET when %s", async (_, fault) => {
    const to = await holding({ faults: [{ method: "HEAD", fault, path: "manifests", times: Infinity }] });
    expect(await to.repository.resolve("v1")).toEqual({ mediaType, digest, size });
    expect(to.requests).toEqual(["HEAD manifests/v1", "GET manifests/v1"]);
  });

  test("resolve gives the reason that only a GET tells", async () => {
    const body = JSON.stringify({ errors: [{ code: "DENIED", message: "blocked by policy" }] });
    const faults: FaultRule[] = [
      { path: "manifests/v1", fault: { kind: "status", status: 403, body }, times: Infinity },
    ];
    const to = client({ faults });
    await expect(to.repository.resolve("v1")).rejects.toMatchObject({
      code: "auth_denied",
      context: { detail: "blocked by policy" },
    });
    expect(await to.repository.tagged("v1")).toBeUndefined();
    expect(await to.repository.exists(image.descriptor)).toBe(false);
  });
});

describe("tagged", () => {
  const old = Buffer.from(JSON.stringify({ schemaVersion: 1, fsLayers: [], signatures: [] }));
  /** Schema 1 is named by what it is without its signatures. */
  const payload = digestOf(Buffer.from("without signatures"));
  const asHead = { "content-length": `${old.byteLength}`, "docker-content-digest": payload };

  test.each(["application/vnd.docker.distribution.manifest.v1+prettyjws", "application/json", "text/plain"])(
    "tagged takes the word of one HEAD, whatever the tag names: %s",
    async (type) => {
      const to = answering({ "content-type": type, ...asHead }, old);
      expect(await to.repository.tagged("v1")).toEqual({ mediaType: type, digest: payload, size: old.byteLength });
      expect(to.requests).toEqual(["HEAD manifests/v1"]);
      await expect(to.repository.resolve("v1")).rejects.toMatchObject({ code: "digest_mismatch" });
    },
  );

  test.each([
    ["the digest of its bytes where none is announced", {}, digestOf(old)],
    ["the announced digest, although the bytes have another", { "docker-content-digest": payload }, payload],
  ])("tagged asks by GET for what HEAD does not describe, and takes %s", async (_, headers, expected) => {
    const to = answering({ "content-type": "text/plain", ...headers }, old);
    expect((await to.repository.tagged("v1"))?.digest).toBe(expected);
    expect(to.requests).toEqual(["HEAD manifests/v1", "GET manifests/v1"]);
  });

  test("tagged is not fooled by a login page", async () => {
    const to = answering({ ...html, ...asHead }, "<html>log in</html>");
    await expect(to.repository.tagged("v1")).rejects.toMatchObject({ code: "not_a_registry" });
  });
});

describe("pushManifest", () => {
  async function ready(options: ClientOptions = {}) {
    const to = client(options);
    for (const blob of [image.config, image.layer]) await to.repository.pushBlob(blob.descriptor, bodyOf(blob.bytes));
    to.forget();
    return to;
  }

  test("pushManifest writes one tag in one trip, and none by digest", async () => {
    const to = await ready();
    await to.repository.pushManifest(image, { tags: ["v1"] });
    await to.repository.pushManifest(image);
    expect(to.requests).toEqual(["PUT manifests/v1", `PUT manifests/${digest}`]);
    expect(to.asked[0]?.headers?.["content-type"]).toBe(mediaType);
  });

  test("pushManifest writes two tags in order, one by one", async () => {
    const to = await ready();
    await to.repository.pushManifest(image, { tags: ["b", "a"] });
    expect(to.requests).toEqual(["PUT manifests/b", "PUT manifests/a"]);
  });

  test("pushManifest writes many tags in one request once the registry was seen to do so", async () => {
    const to = await ready();
    const told: string[] = [];
    await to.repository.pushManifest(image, { tags: ["a", "b", "c"], onTagged: (tag) => told.push(tag) });
    expect(to.requests).toEqual([`PUT manifests/${digest}?tag=a`, `PUT manifests/${digest}?tag=b&tag=c`]);
    expect(to.asked.map(({ tags }) => tags)).toEqual([["a"], ["b", "c"]]);
    to.forget();
    await to.repository.pushManifest(image, { tags: ["d", "e"], onTagged: (tag) => told.push(tag) });
    expect(to.requests).toEqual([`PUT manifests/${digest}?tag=d&tag=e`]);
    expect(told).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("pushManifest finds out once that a registry does not take several tags", async () => {
    const to = await ready({ server: { multiTag: false } });
    await to.repository.pushManifest(image, { tags: ["a", "b", "c"] });
    expect(to.requests).toEqual([
      `PUT manifests/${digest}?tag=a`,
      ..."abc".split("").map((tag) => `PUT manifests/${tag}`),
    ]);
    to.forget();
    await to.repository.pushManifest(image, { tags: ["d", "e", "f"] });
    expect(to.requests).toEqual(["PUT manifests/d", "PUT manifests/e", "PUT manifests/f"]);
  });

  test.each([400, 401, 403, 404, 405, 413])(
    "pushManifest writes tag by tag where several at once get %i",
    async (status) => {
      const to = await ready({ faults: [{ path: "?tag=", times: Infinity, fault: { kind: "status", status } }] });
      await to.repository.pushManifest(image, { tags: ["a", "b", "c"] });
      expect(to.requests.slice(-3)).toEqual(["PUT manifests/a", "PUT manifests/b", "PUT manifests/c"]);
    },
  );

  test("pushManifest fails with what a single tag is refused with, where the registry takes none at all", async () => {
    const fault = { kind: "status", status: 403 } as const;
    const to = await ready({ faults: [{ method: "PUT", path: "/manifests/", times: Infinity, fault }] });
    const pushed = to.repository.pushManifest(image, { tags: ["a", "b", "c"] });
    await expect(pushed).rejects.toMatchObject({ code: "auth_denied" });
    expect(to.requests).toEqual([`PUT manifests/${digest}?tag=a`, "PUT manifests/a"]);
  });

  test("pushManifest writes the tags that an answer left out", async () => {
    const faults: FaultRule[] = [{ path: "tag=b", fault: { kind: "headers", set: { "oci-tag": "c" } } }];
    const to = await ready({ faults });
    const told: string[] = [];
    await to.repository.pushManifest(image, { tags: ["a", "b", "c"], onTagged: (tag) => told.push(tag) });
    expect(to.requests.at(-1)).toBe("PUT manifests/b");
    expect(told).toEqual(["a", "c", "b"]);
  });

  test("pushManifest notices that the registry stored something else", async () => {
    const set = { "docker-content-digest": digestOf(Buffer.from("else")) };
    const to = await ready({ faults: [{ method: "PUT", path: "/manifests/", fault: { kind: "headers", set } }] });
    await expect(to.repository.pushManifest(image)).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  test.each(["v1", undefined])("pushManifest takes no web page for a stored manifest, tag: %s", async (tag) => {
    const fault = { kind: "status", status: 200, headers: html, body: "<html>log in</html>" } as const;
    const to = await ready({ faults: [{ method: "PUT", path: "/manifests/", fault }] });
    const told: string[] = [];
    const pushed = to.repository.pushManifest(image, {
      ...(tag !== undefined && { tags: [tag] }),
      onTagged: (name) => told.push(name),
    });
    await expect(pushed).rejects.toMatchObject({
      code: "not_a_registry",
      message: /^Cannot push manifest to .* web page$/,
    });
    expect([told, to.unread]).toEqual([[], []]);
  });

  describe.each([200, 202, 204])("after %i without a digest", (status) => {
    /** The embedded registry, which answers each PUT of a manifest so. */
    function answeringSo(): ClientOptions {
      const registry = createRegistry(createMemoryStorage());
      return {
        send: async (request) => {
          const response = await registry(request);
          const isPut = request.method === "PUT" && request.url.includes("/manifests/");
          return isPut ? respond(request, status) : response;
        },
      };
    }

    test.each(["v1", digest])("pushManifest looks whether it is stored as %s", async (name) => {
      const to = await ready(answeringSo());
      await to.repository.pushManifest(image, { tags: name === digest ? [] : [name] });
      expect(to.requests).toEqual([`PUT manifests/${name}`, `HEAD manifests/${name}`]);
    });

    test("pushManifest knows a tag's manifest by any algorithm", async () => {
      const to = await ready(answeringSo());
      const named = { ...image, descriptor: { ...image.descriptor, digest: digestOf(image.bytes, "sha512") } };
      await to.repository.pushManifest(named, { tags: ["v1"] });
      expect(to.requests).toEqual(["PUT manifests/v1", "HEAD manifests/v1"]);
    });

    test("pushManifest fails where it is not stored, or the tag names another one", async () => {
      const fault = { kind: "status", status } as const;
      const to = await ready({ faults: [{ method: "PUT", path: "/manifests/v1", fault, times: Infinity }] });
      const told: string[] = [];
      const push = () => to.repository.pushManifest(image, { tags: ["v1"], onTagged: (tag) => told.push(tag) });
      const refused = { code: "rejected", context: { status } };
      await expect(push()).rejects.toMatchObject(refused);
      await to.repository.pushManifest(image, { tags: ["v2"] });
      await expect(push()).rejects.toMatchObject(refused);
      expect(told).toEqual([]);
    });
  });

  test("pushManifest asks nothing after a 201, or 200 with the digest", async () => {
    for (const [status, headers] of [
      [201, {}],
      [200, { "docker-content-digest": digest }],
    ] as const) {
      const to = client({ send: async (request) => respond(request, status, { headers }) });
      await to.repository.pushManifest(image, { tags: ["v1"] });
      expect(to.requests).toEqual(["PUT manifests/v1"]);
    }
  });

  const immutable: readonly (readonly [number, string, string])[] = [
    [400, "TAG_INVALID", "The image tag 'v1' already exists and cannot be overwritten because the tag is immutable."],
    [409, "IMAGETAGALREADYEXISTS", "image tag exists"],
    [412, "PRECONDITION", "configured as immutable"],
    [409, "CONFLICT", "tag already exists"],
  ];
  test.each(immutable)(
    "pushManifest calls %i %s an immutable tag, unless it names this manifest",
    async (status, code, message) => {
      const body = JSON.stringify({ errors: [{ code, message }] });
      const fault = { kind: "status", status, body } as const;
      const to = await ready({ faults: [{ method: "PUT", path: /manifests\/v1$/, fault, times: Infinity, skip: 1 }] });
      await to.repository.pushManifest(image, { tags: ["v1"] });
      const told: string[] = [];
      await to.repository.pushManifest(image, { tags: ["v1"], onTagged: (tag) => told.push(tag) });
      expect(told).toEqual(["v1"]);
      const other = imageOf("other");
      await expect(to.repository.pushManifest(other, { tags: ["v1"] })).rejects.toMatchObject({
        code: "tag_immutable",
      });
    },
  );

  test.each(["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN"])("pushManifest names what %s misses", async (code) => {
    const missing = digestOf(Buffer.from("lost"));
    const body = JSON.stringify({ errors: [{ code, message: "blob unknown", detail: { digest: missing } }] });
    const to = await ready({
      faults: [{ method: "PUT", path: "/manifests/", fault: { kind: "status", status: 404, body } }],
    });
    const error: unknown = await to.repository.pushManifest(image).catch((thrown: unknown) => thrown);
    expect(hasCode(error, "blob_unknown") && error.context.missing).toEqual([missing]);
  });

  test("pushManifest tells a missing repository from a missing blob", async () => {
    const body = JSON.stringify({ errors: [{ code: "NAME_UNKNOWN", message: "The repository does not exist" }] });
    const to = await ready({
      faults: [{ method: "PUT", path: "/manifests/", fault: { kind: "status", status: 404, body } }],
    });
    await expect(to.repository.pushManifest(image)).rejects.toMatchObject({
      code: "not_found",
      context: { advice: expect.stringContaining("Create the repository") },
    });
  });

  test("pushManifest says of a manifest that is too large for the registry what makes it so, and nothing of chunks", async () => {
    const to = await ready({
      faults: [{ method: "PUT", path: "/manifests/", fault: { kind: "status", status: 413 } }],
    });
    await expect(to.repository.pushManifest(image)).rejects.toMatchObject({
      code: "too_large",
      context: { advice: expect.stringMatching(/^The image has too many entries or annotations(?!.*--chunk-size)/) },
    });
  });

  test("pushManifest sends nothing that is larger than 4 MiB", async () => {
    const to = client();
    const big = { ...image, bytes: new Uint8Array(4 * 1024 * 1024 + 1) };
    await expect(to.repository.pushManifest(big)).rejects.toMatchObject({ code: "too_large" });
    expect(to.requests).toEqual([]);
  });

  test("pushManifest refuses what is no tag before any request", async () => {
    const to = client();
    await expect(to.repository.pushManifest(image, { tags: ["ok", "not ok"] })).rejects.toMatchObject({
      code: "invalid_reference",
    });
    expect(to.requests).toEqual([]);
  });
});
