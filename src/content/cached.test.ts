import { expect, test } from "vitest";
import { blobOf, manifestOf } from "../../test/support/samples.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { cached } from "./cached.ts";
import { createMemoryStore, type MemoryStore } from "./memory.ts";
import type { Source } from "./store.ts";

const mediaType = "application/vnd.oci.image.index.v1+json";

async function publish(store: MemoryStore, members: object, tags: readonly string[] = []): Promise<Descriptor> {
  const manifest = manifestOf(mediaType, { manifests: [], ...members });
  await store.pushManifest(manifest, { tags });
  return blobOf(manifest.bytes, mediaType);
}

/** `store` as a source that notes what it is asked. */
function noted(store: MemoryStore): { source: Source; asked: string[] } {
  const asked: string[] = [];
  const nameOf = (target: Descriptor | string) => (typeof target === "string" ? target : target.digest);
  const source: Source = {
    location: store.location,
    resolve: (name, options) => (asked.push(`resolve ${name}`), store.resolve(name, options)),
    manifest: (target, options) => (asked.push(`manifest ${nameOf(target)}`), store.manifest(target, options)),
    fetch: (target, options) => (asked.push(`fetch ${target.digest}`), store.fetch(target, options)),
    referrers: (subject, options) => (
      asked.push(`referrers ${options?.artifactType ?? "all"}`),
      store.referrers(subject, options)
    ),
  };
  return { source, asked };
}

test("cached asks once for a manifest by tag, and answers its digest and resolve from it", async () => {
  const store = createMemoryStore();
  const index = await publish(store, {}, ["latest"]);
  const { source, asked } = noted(store);
  const cache = cached(source);

  const [first, second] = await Promise.all([cache.manifest("latest"), cache.manifest("latest")]);

  expect(first.descriptor).toEqual(index);
  expect(second).toBe(first);
  expect(await cache.manifest(index)).toBe(first);
  expect(await cache.manifest(index.digest)).toBe(first);
  expect(await cache.resolve("latest")).toEqual(index);
  expect(asked).toEqual(["manifest latest"]);
});

test("cached keeps a tag at what it resolved to when the tag moves meanwhile", async () => {
  const store = createMemoryStore();
  const index = await publish(store, {}, ["latest"]);
  const cache = cached(store);
  expect(await cache.resolve("latest")).toEqual(index);

  await publish(store, { annotations: { newer: "yes" } }, ["latest"]);

  expect((await cache.manifest("latest")).descriptor).toEqual(index);
});

test("cached asks for all referrers once and filters them itself", async () => {
  const store = createMemoryStore();
  const subject = await publish(store, {});
  const signature = await publish(store, { subject, artifactType: "example/signature" });
  const sbom = await publish(store, { subject, artifactType: "example/sbom" });
  const { source, asked } = noted(store);
  const cache = cached(source);

  const digests = async (artifactType?: string) =>
    (await cache.referrers(subject.digest, artifactType === undefined ? {} : { artifactType })).map(
      ({ digest }) => digest,
    );

  expect(await digests("example/sbom")).toEqual([sbom.digest]);
  expect(await digests("example/signature")).toEqual([signature.digest]);
  expect(await digests()).toEqual([signature.digest, sbom.digest]);
  expect(asked).toEqual(["referrers all"]);
});

test("cached forgets an error", async () => {
  const store = createMemoryStore();
  const cache = cached(store);
  await expect(cache.resolve("latest")).rejects.toMatchObject({ code: "not_found" });
  await expect(cache.manifest("latest")).rejects.toMatchObject({ code: "not_found" });

  const index = await publish(store, {}, ["latest"]);

  expect(await cache.resolve("latest")).toEqual(index);
  expect((await cache.manifest("latest")).descriptor).toEqual(index);
});

test("cached lets the source judge a descriptor that contradicts what is remembered", async () => {
  const store = createMemoryStore();
  const index = await publish(store, {}, ["latest"]);
  const cache = cached(store);
  await cache.manifest("latest");

  await expect(cache.manifest({ ...index, size: index.size + 1 })).rejects.toMatchObject({ code: "size_mismatch" });
  const asImage = { ...index, mediaType: "application/vnd.oci.image.manifest.v1+json" };
  await expect(cache.manifest(asImage)).rejects.toMatchObject({ code: "invalid_manifest" });
});

test("cached serves others when one of those who wait gives up", async () => {
  const store = createMemoryStore();
  const index = await publish(store, {}, ["latest"]);
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const slow: Source = {
    ...store,
    manifest: async (target, options) => (await opened, store.manifest(target, options)),
  };
  const cache = cached(slow);
  const controller = new AbortController();

  const impatient = cache.manifest("latest", { signal: controller.signal });
  const patient = cache.manifest("latest");
  controller.abort(new Error("enough"));
  await expect(impatient).rejects.toThrow("enough");
  open();

  expect((await patient).descriptor).toEqual(index);
});
