import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../content/memory.ts";
import { imageOf, manifestOf, pushImage } from "../../test/support/samples.ts";
import type { Store } from "../content/store.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { digestOf } from "../spec/digest.ts";
import type { Manifest } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { reachableFrom, type ReadManifest } from "./referrers.ts";

const reading =
  (store: Store): ReadManifest =>
  (target, options) =>
    store.manifest(target, options);
const entry = (descriptor: Descriptor) => ({ descriptor, raw: {} });

async function pushIndex(store: Store, manifests: readonly Descriptor[]): Promise<Descriptor> {
  const index = manifestOf(mediaTypes.ociIndex, { manifests });
  await store.pushManifest(index);
  return index.descriptor;
}

const named = (name: string, mediaType: string = mediaTypes.ociIndex): Descriptor => ({
  mediaType,
  digest: digestOf(Buffer.from(name)),
  size: 1,
});

/** Indexes as nobody's bytes can be: `children` may lead anywhere. */
const madeUp =
  (children: (target: Descriptor) => readonly Descriptor[]): ReadManifest =>
  async (descriptor): Promise<Manifest> => ({
    descriptor,
    bytes: new Uint8Array(),
    document: { kind: "index", mediaType: descriptor.mediaType, manifests: children(descriptor) },
  });

describe("reachableFrom", () => {
  test("reachableFrom finds manifests below its roots once, and leaves out what is not there", async () => {
    const store = createMemoryStore();
    const image = await pushImage(store, imageOf("shared"));
    const inner = await pushIndex(store, [image.descriptor]);
    const outer = await pushIndex(store, [inner, image.descriptor]);
    const asked: string[] = [];
    const read: ReadManifest = async (target, options) => {
      asked.push(target.digest);
      return store.manifest(target, options);
    };

    const found = await reachableFrom([inner, outer, named("gone")].map(entry), read);

    expect([...found.keys()].toSorted()).toEqual(
      [image.descriptor, inner, outer].map(({ digest }) => digest).toSorted(),
    );
    expect(asked).toHaveLength(4);
  });

  test("reachableFrom refuses what is nested deeper than eight levels", async () => {
    const store = createMemoryStore();
    let { descriptor } = await pushImage(store, imageOf("deep"));
    for (let level = 1; level <= 8; level++) descriptor = await pushIndex(store, [descriptor]);

    expect((await reachableFrom([entry(descriptor)], reading(store))).size).toBe(9);
    descriptor = await pushIndex(store, [descriptor]);
    await expect(reachableFrom([entry(descriptor)], reading(store))).rejects.toMatchObject({ code: "too_large" });
  });

  test("reachableFrom refuses more manifests below one root than it may hold", async () => {
    const many = Array.from({ length: 100_000 }, (_, index) => named(`${index}`));
    const read = madeUp(({ digest }) => (digest === named("root").digest ? many : []));
    await expect(reachableFrom([entry(named("root"))], read)).rejects.toMatchObject({ code: "too_large" });
  });

  test("reachableFrom comes to an end in a cycle", async () => {
    const read = madeUp(({ digest }) => [named(digest === named("a").digest ? "b" : "a")]);
    expect((await reachableFrom([entry(named("a"))], read)).size).toBe(2);
  });

  test("reachableFrom reads sixteen manifests at a time at most", async () => {
    const many = Array.from({ length: 40 }, (_, index) => named(`${index}`));
    const read = madeUp(({ digest }) => (digest === named("root").digest ? many : []));
    let [running, most] = [0, 0];
    const counted: ReadManifest = async (target) => {
      most = Math.max(most, ++running);
      await Promise.resolve();
      running--;
      return read(target);
    };
    await reachableFrom([entry(named("root"))], counted);
    expect(most).toBe(16);
  });
});
