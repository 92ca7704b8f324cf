import { describe, expect, test } from "vitest";
import { createMemoryStore } from "./memory.ts";
import { blobOf, imageOf, pushImage, readBlob } from "../../test/support/samples.ts";
import { storeSuite } from "../../test/support/store-suite.ts";

storeSuite("memory", async () => createMemoryStore(), { describe, test });

test("memory tells of damage instead of handing it out", async () => {
  const store = createMemoryStore();
  const image = await pushImage(store, imageOf("damaged"), { tags: ["latest"] });
  const manifest = await store.manifest("latest");
  store.shelf.manifests.set(image.descriptor.digest, {
    ...manifest,
    bytes: Buffer.alloc(manifest.bytes.byteLength, " "),
  });
  store.shelf.blobs.set(image.layer.descriptor.digest, Buffer.alloc(image.layer.bytes.byteLength));

  await expect(store.manifest("latest")).rejects.toMatchObject({ code: "digest_mismatch" });
  await expect(readBlob(store, image.layer.descriptor)).rejects.toMatchObject({ code: "digest_mismatch" });
});

test("memory refuses a tag that is none", async () => {
  const store = createMemoryStore();
  const pushed = pushImage(store, imageOf("odd"), { tags: ["../../x"] });
  await expect(pushed).rejects.toMatchObject({ code: "invalid_reference" });
});

test("addBlob puts a blob there as it is", async () => {
  const store = createMemoryStore();
  const bytes = Buffer.from("quick");
  const blob = store.addBlob(bytes, "text/plain");
  expect(blob).toEqual(blobOf(bytes, "text/plain"));
  expect(await readBlob(store, blob)).toEqual(bytes);
});
