import { describe, expect, test } from "vitest";
import { client, type Client } from "../../test/support/client.ts";
import { respond } from "../../test/support/responses.ts";
import { blobOf, bodyOf, imageOf, pushImage } from "../../test/support/samples.ts";
import { storeSuite } from "../../test/support/store-suite.ts";
import type { CallOptions } from "../content/store.ts";
import type { RegistryOptions } from "../server/registry.ts";

const kinds: readonly (readonly [string, RegistryOptions])[] = [
  ["registry with everything", {}],
  ["registry without the referrers API", { referrers: false }],
];

for (const [name, server] of kinds) {
  storeSuite(
    name,
    async () => {
      return client({ server }).repository;
    },
    { describe, test },
  );
}

storeSuite("registry in chunks", async () => client({ chunkSizeBytes: 7 }).repository, { describe, test });

describe("openRegistry", () => {
  test.each([1, 0, 2.5, Number.NaN])("refuses chunks of %d bytes", (chunkSizeBytes) => {
    expect(() => client({ chunkSizeBytes })).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });

  test("repository answers the same object for the same name", () => {
    const { registry } = client();
    expect(registry.repository("a/b")).toBe(registry.repository("a/b"));
  });

  test.each(["", "A", "a//b", "../a", "a?x=1", "a b"])("repository refuses the name %j", (name) => {
    expect(() => client().registry.repository(name)).toThrow(expect.objectContaining({ code: "invalid_reference" }));
  });

  test("ping settles where the API answers and says where it is no registry", async () => {
    await client().registry.ping();
    const login = client({
      send: async (request) =>
        respond(request, 200, { headers: { "content-type": "text/html; charset=utf-8" }, body: "<html>" }),
    });
    await expect(login.registry.ping()).rejects.toMatchObject({ code: "not_a_registry" });
    const closed = client({ send: async (request) => respond(request, 401) });
    await expect(closed.registry.ping()).rejects.toMatchObject({
      code: "auth_required",
      context: { advice: expect.stringContaining("waybill login registry.example -u USER --password-stdin") },
    });
  });

  const digest = blobOf(Buffer.from("a")).digest;
  test.each<[string, (to: Client, options: CallOptions) => unknown]>([
    ["tags", ({ repository }, options) => repository.tags(options)[Symbol.asyncIterator]().next()],
    ["deleteManifest", ({ repository }, options) => repository.deleteManifest(digest, options)],
    ["deleteTag", ({ repository }, options) => repository.deleteTag("1", options)],
    ["deleteBlob", ({ repository }, options) => repository.deleteBlob(digest, options)],
    [
      "uploadStatus",
      ({ repository }, options) => repository.uploadStatus({ url: "https://registry.example/u" }, options),
    ],
    ["catalog", ({ registry }, options) => registry.catalog(options)[Symbol.asyncIterator]().next()],
    ["ping", ({ registry }, options) => registry.ping(options)],
  ])("%s asks for the task that it is called for", async (_name, call) => {
    const to = client({ send: async (request) => respond(request, 200, { body: {} }) });

    await call(to, { task: "t1" });

    expect(to.asked.map(({ task }) => task)).toEqual(["t1"]);
  });

  test("catalog lists repositories over several pages and asks for the right", async () => {
    const to = client({ server: { maxPage: 1 } });
    for (const name of ["b", "a"]) await pushImage(to.registry.repository(name), imageOf(name));
    to.forget();
    const names: string[] = [];
    for await (const name of to.registry.catalog()) names.push(name);
    expect(names).toEqual(["a", "b"]);
    expect(to.asked[0]?.scopes).toEqual(["registry:catalog:*"]);
  });

  test("every request names the registry, the operation and the scopes", async () => {
    const to = client();
    await pushImage(to.repository, imageOf("x"), { tags: ["v1"] });
    await to.repository.manifest("v1");
    await to.repository.deleteTag("v1");
    for (const { registry, operation, scopes } of to.asked) {
      expect({ registry, operation }).toEqual({ registry: "registry.example", operation: expect.any(String) });
      expect(scopes?.[0]).toMatch(/^repository:app:pull/);
    }
  });
});

describe("deleting", () => {
  test("deleteTag, deleteManifest and deleteBlob remove, and take what is gone for removed", async () => {
    const { repository } = client();
    const image = await pushImage(repository, imageOf("x"), { tags: ["v1"] });
    for (let round = 0; round < 2; round++) {
      await repository.deleteTag("v1");
      await repository.deleteManifest(image.descriptor.digest);
      await repository.deleteBlob(image.layer.descriptor.digest);
    }
    expect(await repository.exists(image.descriptor)).toBe(false);
    expect(await repository.exists(image.layer.descriptor)).toBe(false);
  });

  test("deleteTag refuses a digest, which stands for a manifest with all its tags", async () => {
    const to = client();
    const { descriptor } = await pushImage(to.repository, imageOf("x"), { tags: ["v1"] });
    await expect(to.repository.deleteTag(descriptor.digest)).rejects.toMatchObject({ code: "invalid_reference" });
    expect(to.asked.filter(({ method }) => method === "DELETE")).toEqual([]);
  });

  // Spec: distribution-spec v1.1.1, "Deleting tags": 400 or 405. docker-registry 2.8 answers as here.
  test.each([
    [400, { errors: [{ code: "DIGEST_INVALID", message: "provided digest did not match uploaded content" }] }],
    [400, ""],
    [405, { errors: [{ code: "UNSUPPORTED" }] }],
  ])("deleteTag says that the registry does not delete tags when it answers %i %j", async (status, body) => {
    const { repository } = client({ send: async (request) => respond(request, status, { body }) });
    await expect(repository.deleteTag("v1")).rejects.toMatchObject({ code: "unsupported", context: { status } });
  });

  test("deleteManifest says that the registry does not delete", async () => {
    const { repository } = client({ server: { deletes: false } });
    const image = await pushImage(repository, imageOf("x"));
    await expect(repository.deleteManifest(image.descriptor.digest)).rejects.toMatchObject({ code: "unsupported" });
  });
});

describe("uploads by hand", () => {
  test("uploadStatus and cancelUpload speak of one open upload", async () => {
    const faults = [
      { method: "PUT", fault: { kind: "refuse" } },
      { method: "DELETE", fault: { kind: "refuse" } },
    ] as const;
    const to = client({ faults });
    const bytes = Buffer.from("left behind");
    const pushing = to.repository.pushBlob(blobOf(bytes), bodyOf(bytes));
    await to.settle(pushing);
    const open = to.asked.find(({ method }) => method === "DELETE");
    const upload = { url: open!.url };
    expect(await to.repository.uploadStatus(upload)).toBe(0);
    expect(await to.repository.cancelUpload(upload)).toBe(true);
    expect(await to.repository.cancelUpload(upload)).toBe(false);
    expect(await to.repository.uploadStatus(upload)).toBeUndefined();
  });
});
