import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Descriptor } from "../spec/descriptor.ts";
import { digestOf } from "../spec/digest.ts";
import { childrenIn, walk, type Expand } from "./graph.ts";
import { createMemoryStore } from "./memory.ts";

const node = (name: string): Descriptor => ({
  mediaType: "text/plain",
  digest: digestOf(Buffer.from(name)),
  size: 1,
  data: name,
});

/** `{ a: "bc" }`: a has the children b and c. */
const graphOf =
  (edges: Readonly<Record<string, string>>): Expand =>
  async ({ data = "" }) =>
    Array.from(edges[data] ?? "", node);

async function orderOf(edges: Readonly<Record<string, string>>, options = {}): Promise<string> {
  const order: string[] = [];
  await walk(node("a"), graphOf(edges), ({ data = "" }) => void order.push(data), options);
  return order.join("");
}

test("walk visits children first and a shared child once", async () => {
  const order = await orderOf({ a: "bc", b: "dd", c: "d", d: "e" });
  expect(order).toHaveLength(5);
  expect(order.slice(0, 2)).toBe("ed");
  expect(order.at(-1)).toBe("a");
});

test("walk keeps children before parents in any graph, each digest once", async () => {
  const edges = fc.array(fc.tuple(fc.nat(25), fc.nat(25)), { maxLength: 80 });
  await fc.assert(
    fc.asyncProperty(edges, fc.integer({ min: 1, max: 5 }), async (pairs, concurrency) => {
      const children: Record<string, string> = {};
      const name = (index: number) => String.fromCharCode(97 + index);
      for (const [x, y] of pairs) if (x < y) children[name(x)] = (children[name(x)] ?? "") + name(y);
      const order = await orderOf(children, { concurrency, maxDepth: 30 });
      expect(new Set(order).size).toBe(order.length);
      for (const parent of order) {
        for (const child of children[parent] ?? "") expect(order.indexOf(child)).toBeLessThan(order.indexOf(parent));
      }
    }),
  );
});

test("walk refuses what is nested deeper than eight levels", async () => {
  await expect(orderOf({ a: "b", b: "c", c: "d", d: "e", e: "f", f: "g", g: "h", h: "i" })).resolves.toBe("ihgfedcba");
  const deeper = orderOf({ a: "b", b: "c", c: "d", d: "e", e: "f", f: "g", g: "h", h: "i", i: "j" });
  await expect(deeper).rejects.toMatchObject({ code: "too_large" });
});

test("walk refuses a cycle instead of waiting for it", async () => {
  await expect(orderOf({ a: "b", b: "cd", c: "b" })).rejects.toMatchObject({ code: "too_large" });
});

test("walk refuses more descriptors than it may hold", async () => {
  await expect(orderOf({ a: "bcde" }, { maxCount: 4 })).rejects.toMatchObject({ code: "too_large" });
  await expect(orderOf({ a: "bcde" }, { maxCount: 5 })).resolves.toHaveLength(5);
});

test("walk has no more calls under way than it may", async () => {
  let running = 0;
  let most = 0;
  const visit = async () => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
  };
  await walk(node("a"), graphOf({ a: "bcdefghijk" }), visit, { concurrency: 3 });
  expect(most).toBe(3);
});

test("walk awaits what is under way before it throws, and never visits the parent", async () => {
  const events: string[] = [];
  const boom = new Error("boom");
  const visit = async ({ data = "" }: Descriptor, _: unknown, { signal }: { signal?: AbortSignal }) => {
    if (data === "b") throw boom;
    if (data === "c")
      await new Promise<void>((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
    events.push(data);
  };
  await expect(walk(node("a"), graphOf({ a: "bc" }), visit)).rejects.toBe(boom);
  expect(events).toEqual(["c"]);
});

test("walk stops with the signal's reason", async () => {
  const controller = new AbortController();
  const reason = new Error("enough");
  const visit = () => controller.abort(reason);
  await expect(walk(node("a"), graphOf({ a: "b" }), visit, { signal: controller.signal })).rejects.toBe(reason);
});

test("childrenIn reads manifests and leaves blobs alone", async () => {
  const store = createMemoryStore();
  const layer = store.addBlob(Buffer.from("layer"), "application/vnd.oci.image.layer.v1.tar");
  const config = store.addBlob(Buffer.from("{}"), "application/vnd.oci.image.config.v1+json");
  const mediaType = "application/vnd.oci.image.manifest.v1+json";
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [layer] }));
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  await store.pushManifest({ descriptor, bytes });

  const expand = childrenIn(store);
  expect(await expand(descriptor)).toEqual([config, layer]);
  expect(await expand(layer)).toEqual([]);
});
