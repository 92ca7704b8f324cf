import * as promises from "node:fs/promises";
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import * as fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { createMemoryStore } from "../content/memory.ts";
import { blobOf, bodyOf, imageOf, manifestOf, pushImage, readBlob, referrerOf } from "../../test/support/samples.ts";
import { storeSuite } from "../../test/support/store-suite.ts";
import type { Source, Store } from "../content/store.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { digestOf } from "../spec/digest.ts";
import { childrenOf } from "../spec/manifest.ts";
import { isManifestType, mediaTypes } from "../spec/media-type.ts";
import type { Files } from "./files.ts";
import { openLayout } from "./layout.ts";
import { createLayoutOwner } from "./lock.ts";

const folders: string[] = [];
const owner = createLayoutOwner({ pid: process.pid, host: "here", now: Date.now, isAlive: () => true });

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-layout-"));
  folders.push(folder);
  return join(folder, "layout");
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true });
});

async function newLayout(): Promise<{ store: Store; path: string }> {
  const path = await newFolder();
  return { store: await openLayout(path, { owner }), path };
}

interface IndexJson {
  readonly schemaVersion: number;
  readonly manifests: readonly { digest: string; annotations?: Record<string, string> }[];
}

async function indexJson(path: string): Promise<IndexJson> {
  return JSON.parse(await readFile(join(path, "index.json"), "utf8")) as IndexJson;
}

async function copy(descriptor: Descriptor, from: Source, to: Store, tags: readonly string[] = []): Promise<void> {
  if (!isManifestType(descriptor.mediaType)) {
    await to.pushBlob(descriptor, bodyOf(await readBlob(from, descriptor)));
    return;
  }
  const manifest = await from.manifest(descriptor);
  await Promise.all(childrenOf(manifest.document).map((child) => copy(child, from, to)));
  await to.pushManifest({ ...manifest, descriptor }, { tags });
}

const refName = "org.opencontainers.image.ref.name";
const subjectName = "io.containerd.manifest.subject";

storeSuite("layout", async () => (await newLayout()).store, { describe, test });

test("openLayout makes nothing before something is written", async () => {
  const { store, path } = await newLayout();
  await expect(store.resolve("latest")).rejects.toMatchObject({
    code: "not_found",
    message: `reference oci-layout://${path}:latest not found: not found`,
  });
  await expect(readdir(path)).rejects.toMatchObject({ code: "ENOENT" });
});

test("layout lets itself be probed without making anything, and says which folder refuses", async () => {
  const path = await newFolder();
  const asked: string[] = [];
  const access = async (folder: string) => {
    asked.push(folder);
    if (folder === join(path, "blobs")) throw Object.assign(new Error("EACCES"), { code: "EACCES", syscall: "access" });
    if (folder !== dirname(path)) throw Object.assign(new Error("ENOENT"), { code: "ENOENT", syscall: "access" });
  };
  const files = { ...promises, access } as unknown as Files;

  expect(await (await openLayout(path, { owner })).probe?.()).toBe("allowed");
  await expect((await openLayout(path, { owner, files })).probe?.()).rejects.toMatchObject({
    code: "io_failed",
    message: `Cannot write to "${join(path, "blobs")}": permission denied (EACCES)`,
  });
  expect(asked).toEqual([path, dirname(path), join(path, "blobs")]);
  expect(await readdir(dirname(path))).toEqual([]);
});

test("openLayout writes what the image layout specification asks for", async () => {
  const { store, path } = await newLayout();
  const image = await pushImage(store, imageOf("spec"), { tags: ["v1"] });

  expect(await readFile(join(path, "oci-layout"), "utf8")).toBe('{"imageLayoutVersion":"1.0.0"}');
  const hex = image.descriptor.digest.slice(7);
  expect(await readFile(join(path, "blobs/sha256", hex))).toEqual(image.bytes);
  expect(await indexJson(path)).toEqual({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [{ ...image.descriptor, annotations: { [refName]: "v1" } }],
  });
  expect((await readdir(path)).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  expect((await readdir(join(path, "blobs/sha256"))).filter((name) => name.endsWith(".tmp"))).toEqual([]);
});

test("layout has the names of all folders that it makes on the disk", async () => {
  const path = await newFolder();
  const synced = new Set<string>();
  const open: Files["open"] = async (place, ...call) => {
    const file = await promises.open(place, ...call);
    const sync = file.sync.bind(file);
    return Object.assign(file, { sync: () => sync().then(() => void synced.add(String(place))) });
  };

  await pushImage(await openLayout(path, { owner, files: { ...promises, open } }), imageOf("kept"), { tags: ["v1"] });

  const holding = [dirname(path), path, join(path, "blobs"), join(path, "blobs", "sha256")];
  expect(holding.filter((folder) => !synced.has(folder))).toEqual([]);
});

test("layout keeps blobs of both algorithms in folders of their own", async () => {
  const { store, path } = await newLayout();
  const bytes = Buffer.from("long hash");
  const blob = { mediaType: "text/plain", digest: digestOf(bytes, "sha512"), size: bytes.byteLength };
  await store.pushBlob(blob, bodyOf(bytes));
  expect(await readdir(join(path, "blobs/sha512"))).toEqual([blob.digest.slice(7)]);
  expect(await readBlob(store, blob)).toEqual(bytes);
});

test("layout has a blob's file closed when its content was read to its end, left, or disposed of", async () => {
  const { store, path } = await newLayout();
  const bytes = Buffer.from("closed again");
  await store.pushBlob(blobOf(bytes), bodyOf(bytes));
  const opened: promises.FileHandle[] = [];
  const open: Files["open"] = async (...call) => {
    const file = await promises.open(...call);
    opened.push(file);
    return file;
  };
  const watched = await openLayout(path, { owner, files: { ...promises, open } });
  const whole = await watched.fetch(blobOf(bytes));
  const left = await watched.fetch(blobOf(bytes), { offset: 3 });
  const unread = await watched.fetch(blobOf(bytes));

  for await (const _ of whole.body) continue;
  for await (const _ of left.body) break;
  await unread[Symbol.asyncDispose]();

  expect(opened.filter(({ fd }) => fd !== -1)).toEqual([]);
  for (const content of [whole, left]) await content[Symbol.asyncDispose]();
});

test("layout has few files open at a time, however many manifests come together", async () => {
  const path = await newFolder();
  let [count, most] = [0, 0];
  const open: Files["open"] = async (...call) => {
    const file = await promises.open(...call);
    most = Math.max(most, ++count);
    const close = file.close.bind(file);
    return Object.assign(file, { close: () => close().finally(() => count--) });
  };
  const store = await openLayout(path, { owner, files: { ...promises, open } });
  await pushImage(store, imageOf("many"));
  const manifests = Array.from({ length: 400 }, (_, at) => imageOf("many", { annotations: { at: `${at}` } }));

  await Promise.all(manifests.map((manifest) => store.pushManifest(manifest)));
  await Promise.all(manifests.map(({ descriptor }) => store.manifest(descriptor)));
  await Promise.all(manifests.map(({ descriptor }) => store.referrers(descriptor.digest)));

  expect(await readdir(join(path, "blobs/sha256"))).toHaveLength(403);
  expect(most).toBeLessThanOrEqual(64);
  expect(count).toBe(0);
});

test("layout reads its manifests once for all who ask for referrers at the same time", async () => {
  const { store, path } = await newLayout();
  const images = await Promise.all(
    ["a", "b", "c", "d"].map((name) => pushImage(store, imageOf(name), { tags: [name] })),
  );
  let reads = 0;
  const open: Files["open"] = async (file, ...call) => {
    if (String(file).includes("/blobs/")) reads += 1;
    return promises.open(file, ...call);
  };
  const watched = await openLayout(path, { owner, files: { ...promises, open } });

  await Promise.all(images.map(({ descriptor }) => watched.referrers(descriptor.digest)));

  expect(reads).toBe(images.length);
});

test("layout replaces the entry of a tag and keeps foreign members and entries", async () => {
  const { store, path } = await newLayout();
  const first = await pushImage(store, imageOf("first"), { tags: ["latest", "v1"] });
  const known = await indexJson(path);
  const foreign = { ...known, "x-extra": { __proto__: null, keep: [1, "two"] } };
  await writeFile(join(path, "index.json"), JSON.stringify(foreign));

  const second = await pushImage(store, imageOf("second"), { tags: ["latest"] });

  const index = (await indexJson(path)) as IndexJson & { "x-extra": unknown };
  expect(index.manifests.map(({ digest, annotations }) => [digest, annotations?.[refName]])).toEqual([
    [first.descriptor.digest, "v1"],
    [second.descriptor.digest, "latest"],
  ]);
  expect(index["x-extra"]).toEqual({ keep: [1, "two"] });
});

test("layout finds a tag by containerd's name before OCI's", async () => {
  const { store, path } = await newLayout();
  const byRef = await pushImage(store, imageOf("ref"), { tags: ["v1"] });
  const byImage = await pushImage(store, imageOf("image"), { tags: ["other"] });
  const text = await readFile(join(path, "index.json"), "utf8");
  const renamed = text.replace(`"${refName}":"other"`, '"io.containerd.image.name":"v1"');
  await writeFile(join(path, "index.json"), renamed);

  expect((await store.resolve("v1")).digest).toBe(byImage.descriptor.digest);

  await store.pushManifest(byRef, { tags: ["v1"] });
  expect((await store.resolve("v1")).digest).toBe(byRef.descriptor.digest);
});

test("layout lists a root that was pushed by digest without a name, once", async () => {
  const { store, path } = await newLayout();
  const image = await pushImage(store, imageOf("digest only"), { root: true });
  await store.pushManifest(image, { root: true });
  expect((await indexJson(path)).manifests).toEqual([image.descriptor]);
  expect((await store.resolve(image.descriptor.digest)).digest).toBe(image.descriptor.digest);
});

test("layout records a standalone signature once, with its subject", async () => {
  const { store, path } = await newLayout();
  const image = await pushImage(store, imageOf("signed"));
  const signature = await pushImage(
    store,
    referrerOf(image.descriptor, "application/vnd.dev.cosign.artifact.sig.v1+json"),
  );
  await store.pushManifest(signature);
  await store.pushManifest(image, { tags: ["v1"] });
  await store.pushManifest(signature);

  const entries = (await indexJson(path)).manifests;
  expect(entries.map(({ digest, annotations }) => [digest, annotations])).toEqual([
    [signature.descriptor.digest, { [subjectName]: image.descriptor.digest }],
    [image.descriptor.digest, { [refName]: "v1" }],
  ]);
});

test("layout writes its index once for referrers that come together, before it acknowledges any of them", async () => {
  const path = await newFolder();
  let writes = 0;
  const rename: Files["rename"] = async (from, to) => {
    if (String(to).endsWith("index.json")) writes += 1;
    return promises.rename(from, to);
  };
  const store = await openLayout(path, { owner, files: { ...promises, rename } });
  const { descriptor } = await pushImage(store, imageOf("signed"), { tags: ["v1"] });
  const signatures = Array.from({ length: 30 }, (_, at) =>
    imageOf("signed", { subject: descriptor, annotations: { at: `${at}` } }),
  );
  writes = 0;

  await Promise.all(
    signatures.map(async (signature) => {
      await store.pushManifest(signature);
      const { manifests } = await indexJson(path);
      expect(manifests.map(({ digest }) => digest)).toContain(signature.descriptor.digest);
    }),
  );

  expect(writes).toBeLessThanOrEqual(15);
  expect(await store.referrers(descriptor.digest)).toHaveLength(30);
});

test("layout does not record an attestation that its index leads to, in whatever order they come", async () => {
  const { store, path } = await newLayout();
  const image = await pushImage(store, imageOf("attested"));
  const attestation = await pushImage(
    store,
    referrerOf(image.descriptor, "application/vnd.docker.attestation.manifest.v1+json"),
  );
  const children = [image.descriptor, attestation.descriptor];
  const index = manifestOf(mediaTypes.ociIndex, { manifests: children });
  await store.pushManifest(index, { tags: ["v1"] });
  await store.pushManifest(attestation);

  expect((await indexJson(path)).manifests.map(({ digest }) => digest)).toEqual([index.descriptor.digest]);
  expect((await store.referrers(image.descriptor.digest)).map(({ digest }) => digest)).toEqual([
    attestation.descriptor.digest,
  ]);
});

test("layout finds attestations that only stand beside their image in an index", async () => {
  const { store } = await newLayout();
  const image = await pushImage(store, imageOf("image"));
  const old = await pushImage(store, imageOf("old attestation"));
  const beside = {
    "vnd.docker.reference.digest": image.descriptor.digest,
    "vnd.docker.reference.type": "attestation-manifest",
  };
  const manifests = [image.descriptor, { ...old.descriptor, annotations: beside }];
  await store.pushManifest(manifestOf(mediaTypes.ociIndex, { manifests }), { tags: ["v1"] });

  const artifactType = "application/vnd.docker.attestation.manifest.v1+json";
  const found = await store.referrers(image.descriptor.digest, { artifactType });
  expect(found.map(({ digest }) => digest)).toEqual([old.descriptor.digest]);
});

test("layout finds referrers that another tool recorded by subject annotation", async () => {
  const { store, path } = await newLayout();
  const image = await pushImage(store, imageOf("image"), { tags: ["v1"] });
  await pushImage(store, imageOf("unlinked"), { root: true });
  const index = await indexJson(path);
  const entries = index.manifests.map((entry) =>
    entry.annotations ? entry : { ...entry, annotations: { [subjectName]: image.descriptor.digest } },
  );
  await writeFile(join(path, "index.json"), JSON.stringify({ ...index, manifests: entries }));

  const found = await store.referrers(image.descriptor.digest);
  expect(found.map(({ digest }) => digest)).toEqual([imageOf("unlinked").descriptor.digest]);
});

test("two openings of one layout lose no tag", async () => {
  const { store, path } = await newLayout();
  const other = await openLayout(join(path, "..", "layout"), { owner });
  const image = await pushImage(store, imageOf("shared"));
  const tags = Array.from({ length: 12 }, (_, index) => `t${index}`);
  await Promise.all(tags.map((tag, index) => (index % 2 ? store : other).pushManifest(image, { tags: [tag] })));
  const named = (await indexJson(path)).manifests.map(({ annotations }) => annotations?.[refName]);
  expect(new Set(named)).toEqual(new Set(tags));
  expect(named).toHaveLength(tags.length);
});

test("random images go through a layout with equal digests", async () => {
  const layers = fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 4 });
  const annotations = fc.dictionary(fc.string({ minLength: 1, maxLength: 8 }), fc.string({ maxLength: 20 }), {
    maxKeys: 3,
  });
  await fc.assert(
    fc.asyncProperty(fc.array(fc.record({ layers, annotations }), { minLength: 1, maxLength: 3 }), async (images) => {
      const origin = createMemoryStore("origin");
      const children: Descriptor[] = [];
      for (const image of images) {
        const config = origin.addBlob(Buffer.from(JSON.stringify(image.annotations)), mediaTypes.ociConfig);
        const content = { config, layers: image.layers.map((bytes) => origin.addBlob(bytes, mediaTypes.ociLayer)) };
        const manifest = manifestOf(mediaTypes.ociManifest, { ...content, annotations: image.annotations });
        await origin.pushManifest(manifest);
        children.push(manifest.descriptor);
      }
      const root = manifestOf(mediaTypes.ociIndex, { manifests: children });
      await origin.pushManifest(root, { tags: ["v1"] });

      const { store: layout } = await newLayout();
      const back = createMemoryStore("back");
      await copy(root.descriptor, origin, layout, ["v1"]);
      await copy(await layout.resolve("v1"), layout, back, ["v1"]);

      expect(back.shelf.tags).toEqual(origin.shelf.tags);
      expect(new Set(back.shelf.manifests.keys())).toEqual(new Set(origin.shelf.manifests.keys()));
      expect(new Set(back.shelf.blobs.keys())).toEqual(new Set(origin.shelf.blobs.keys()));
    }),
    { numRuns: 25 },
  );
});

test("layout streams a blob without completing one that changed on the disk", async () => {
  const { store, path } = await newLayout();
  const bytes = Buffer.alloc(600_000, "x");
  const blob = blobOf(bytes);
  await store.pushBlob(blob, bodyOf(bytes));
  const damaged = Buffer.from(bytes);
  damaged[599_999] = 0;
  await writeFile(join(path, "blobs/sha256", blob.digest.slice(7)), damaged);
  await expect(readBlob(store, blob)).rejects.toMatchObject({ code: "digest_mismatch" });
});

describe("what a killed process has left half-written", () => {
  const day = 24 * 60 * 60 * 1000;
  const hex = "a".repeat(64);
  const gone = 7;
  const running = 8;
  const own = 9;
  const later = (pid: number, byMs: number) =>
    createLayoutOwner({ pid, host: "here", now: () => Date.now() + byMs, isAlive: (other) => other !== gone });

  /** A layout with such files, after one more write. */
  async function tidied(names: readonly string[], byMs: number): Promise<readonly string[]> {
    const { path } = await newLayout();
    await mkdir(join(path, "blobs", "sha256"), { recursive: true });
    for (const name of names) await writeFile(join(path, name), "half");
    await pushImage(await openLayout(path, { owner: later(own, byMs) }), imageOf("new"), { tags: ["1"] });
    const found = [...(await readdir(path)), ...(await readdir(join(path, "blobs", "sha256")))];
    return found.filter((name) => name.endsWith(".tmp"));
  }
  const leftBy = (pid: number) => [`blobs/sha256/.${hex}.${pid}-1.tmp`, `.index.json.${pid}-1.tmp`];

  test("is removed by the next that writes there, after a day, also where that has the same number", async () => {
    expect(await tidied([...leftBy(gone), ...leftBy(own)], day + 60_000)).toEqual([]);
  });

  test("stays where its process may still be at it, here or on another machine", async () => {
    expect(await tidied(leftBy(running), day + 60_000)).toHaveLength(2);
    expect(await tidied(leftBy(gone), day - 60_000)).toHaveLength(2);
  });

  test("is nothing that somebody else has called so", async () => {
    expect(await tidied([".mine.7-1.tmp", `blobs/sha256/.${hex}.tmp`], day + 60_000)).toHaveLength(2);
  });

  test("is not removed behind a link", async () => {
    const { path } = await newLayout();
    const outside = await newFolder();
    await mkdir(join(path, "blobs"), { recursive: true });
    await mkdir(outside, { recursive: true });
    await symlink(outside, join(path, "blobs", "sha512"));
    await writeFile(join(outside, `.${"b".repeat(128)}.${gone}-1.tmp`), "half");
    await pushImage(await openLayout(path, { owner: later(own, day + 60_000) }), imageOf("new"), { tags: ["1"] });
    expect(await readdir(outside)).toHaveLength(1);
  });
});
