import assert from "node:assert/strict";
import { hasCode, type ErrorCode } from "../../src/errors.ts";
import type { Descriptor } from "../../src/spec/descriptor.ts";
import { digestOf } from "../../src/spec/digest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { blobOf, bodyOf, checkedBody, imageOf, manifestOf, pushImage, readBlob, referrerOf } from "./samples.ts";
import type { Bytes, Replayable, Store } from "../../src/content/store.ts";

/** The two functions of a test runner that the suite needs; vitest and `node:test` have them. */
export interface Runner {
  readonly describe: (name: string, define: () => void) => unknown;
  readonly test: (name: string, run: () => Promise<void>) => unknown;
}

interface Case {
  readonly name: string;
  readonly run: (store: Store) => Promise<void>;
}

/** Defines tests of everything that `Source` and `Target` promise. `makeStore` gives an empty store for each test. */
export function storeSuite(name: string, makeStore: () => Promise<Store>, { describe, test }: Runner): void {
  describe(name, () => {
    for (const { name: title, run } of cases) test(`store ${title}`, async () => run(await makeStore()));
  });
}

const absent = digestOf(Buffer.from("nobody has this"));

const cases: readonly Case[] = [
  {
    name: "finds nothing when it is empty",
    async run(store) {
      await rejects(store.resolve("latest"), "not_found");
      await rejects(store.resolve(absent), "not_found");
      await rejects(store.manifest("latest"), "not_found");
      await rejects(store.manifest(absent), "not_found");
      await rejects(readBlob(store, { mediaType: "text/plain", digest: absent, size: 15 }), "not_found");
      assert.equal(await store.tagged("latest"), undefined);
      assert.equal(await store.exists({ mediaType: "text/plain", digest: absent, size: 15 }), false);
      assert.equal(await store.exists({ mediaType: mediaTypes.ociManifest, digest: absent, size: 15 }), false);
      assert.deepEqual(await store.referrers(absent), []);
    },
  },
  {
    name: "takes a tag away alone, where it says so",
    async run(store) {
      const { descriptor, bytes } = await pushImage(store, imageOf("one"), { tags: ["a", "b"] });
      await store.resolve("a");
      if (!store.deleteTag || !store.facts?.().deletesTagsAlone) return;
      await store.deleteTag("a");
      await store.deleteTag("never-there");
      assert.equal(await store.tagged("a"), undefined);
      assert.equal((await store.tagged("b"))?.digest, descriptor.digest);
      assert.ok(await store.exists(descriptor));
      await store.deleteTag("b");
      assert.ok(await store.exists(descriptor));
      assert.deepEqual(Buffer.from((await store.manifest(descriptor)).bytes), Buffer.from(bytes));
    },
  },
  {
    name: "refuses an offset that no place of a blob has",
    async run(store) {
      const bytes = Buffer.from("short");
      await store.pushBlob(blobOf(bytes), bodyOf(bytes));
      assert.equal((await readBlob(store, blobOf(bytes), bytes.byteLength)).byteLength, 0);
      for (const offset of [-1, 1.5, Number.NaN, bytes.byteLength + 1])
        await assert.rejects(store.fetch(blobOf(bytes), { offset }), RangeError);
    },
  },
  {
    name: "takes no digest for a tag",
    async run(store) {
      const { descriptor } = await pushImage(store, imageOf("one"), { tags: ["a"] });
      await store.deleteTag?.(descriptor.digest).catch(() => undefined);
      assert.equal(await store.tagged(descriptor.digest), undefined);
      assert.equal((await store.tagged("a"))?.digest, descriptor.digest);
    },
  },
  {
    name: "can be probed where it lets itself, and holds nothing afterwards",
    async run(store) {
      assert.ok(["allowed", "unknown", undefined].includes(await store.probe?.()));
      for (const bytes of [store.facts?.().maxManifestBytes, store.facts?.().maxBlobBytes])
        assert.ok(bytes === undefined || bytes > 0);
      await rejects(store.resolve("latest"), "not_found");
    },
  },
  {
    name: "gives back a blob that was sent, whole and from an offset",
    async run(store) {
      const bytes = Buffer.alloc(300_000, "waybill ");
      const blob = blobOf(bytes);
      const counted: number[] = [];
      assert.equal(await store.pushBlob(blob, bodyOf(bytes), { onProgress: (count) => counted.push(count) }), "sent");
      assert.ok(await store.exists(blob));
      assert.deepEqual(await readBlob(store, blob), bytes);
      assert.deepEqual(await readBlob(store, blob, 299_990), bytes.subarray(299_990));
      assert.equal(
        counted.reduce((sum, count) => sum + count, 0),
        bytes.byteLength,
      );
    },
  },
  {
    name: "keeps an empty blob",
    async run(store) {
      const blob = blobOf(Buffer.alloc(0));
      await store.pushBlob(blob, bodyOf(Buffer.alloc(0)));
      assert.ok(await store.exists(blob));
      assert.equal((await readBlob(store, blob)).byteLength, 0);
    },
  },
  {
    name: "needs no body when the blob is there, but for one who distrusts that",
    async run(store) {
      const bytes = Buffer.from("once");
      const blob = blobOf(bytes);
      await store.pushBlob(blob, bodyOf(bytes));
      // A store may begin to read ahead of the answer, to save a trip; what comes of it must not matter then.
      assert.equal(await store.pushBlob(blob, () => breaking(new Error("source gone"))), "existed");
      let read = false;
      const body: Replayable = async function* noted(offset) {
        read = true;
        yield* bodyOf(bytes)(offset);
      };
      assert.equal(await store.pushBlob(blob, body, { distrustPresence: true }), "sent");
      assert.ok(read);
    },
  },
  {
    name: "shows nothing of a blob whose body is wrong, short or broken",
    async run(store) {
      const blob = blobOf(Buffer.from("right"));
      await rejects(store.pushBlob(blob, checkedBody(blob, Buffer.from("wrong"))), "digest_mismatch");
      assert.equal(await store.exists(blob), false);
      await rejects(store.pushBlob(blob, checkedBody(blob, Buffer.from("righ"))), "size_mismatch");
      assert.equal(await store.exists(blob), false);
      const boom = new Error("boom");
      await assert.rejects(store.pushBlob(blob, () => breaking(boom)));
      assert.equal(await store.exists(blob), false);
    },
  },
  {
    name: "takes one blob from many who send it at the same time",
    async run(store) {
      const bytes = Buffer.alloc(50_000, "same");
      const pushes = Array.from({ length: 5 }, () => store.pushBlob(blobOf(bytes), bodyOf(bytes)));
      await Promise.all(pushes);
      assert.deepEqual(await readBlob(store, blobOf(bytes)), bytes);
    },
  },
  {
    name: "gives back a manifest by digest, by descriptor and by each of its tags",
    async run(store) {
      const image = await pushImage(store, imageOf("one"), { tags: ["v1", "latest"] });
      const names = [image.descriptor.digest, image.descriptor, "v1", "latest"];
      for (const name of names) {
        const found = await store.manifest(name);
        assert.deepEqual(Buffer.from(found.bytes), Buffer.from(image.bytes));
        assert.deepEqual(core(found.descriptor), core(image.descriptor));
      }
      for (const name of ["v1", image.descriptor.digest])
        assert.deepEqual(core(await store.resolve(name)), core(image.descriptor));
      assert.deepEqual(core(await store.tagged("latest")), core(image.descriptor));
      assert.ok(await store.exists(image.descriptor));
    },
  },
  {
    name: "tells each tag once it is written, in order",
    async run(store) {
      const told: string[] = [];
      await pushImage(store, imageOf("one"), { tags: ["b", "a"], onTagged: (tag) => told.push(tag) });
      assert.deepEqual(told, ["b", "a"]);
    },
  },
  {
    name: "moves a tag and keeps what it named",
    async run(store) {
      const old = await pushImage(store, imageOf("old"), { tags: ["latest"] });
      const fresh = await pushImage(store, imageOf("fresh"), { tags: ["latest"] });
      assert.equal((await store.resolve("latest")).digest, fresh.descriptor.digest);
      assert.equal((await store.manifest(old.descriptor)).descriptor.digest, old.descriptor.digest);
    },
  },
  {
    name: "loses no tag when several are written at the same time",
    async run(store) {
      const images = await Promise.all(
        ["a", "b", "c", "d", "e", "f"].map((tag) => pushImage(store, imageOf(tag), { tags: [tag] })),
      );
      for (const { name, descriptor } of images) assert.equal((await store.resolve(name)).digest, descriptor.digest);
    },
  },
  {
    name: "refuses a manifest whose children are missing, and names them",
    async run(store) {
      const image = imageOf("orphan");
      await store.pushBlob(image.config.descriptor, bodyOf(image.config.bytes));
      await assert.rejects(store.pushManifest(image, { tags: ["latest"] }), (error) => {
        assert.ok(hasCode(error, "blob_unknown"));
        assert.deepEqual(error.context.missing, [image.layer.descriptor.digest]);
        return true;
      });
      assert.equal(await store.tagged("latest"), undefined);
    },
  },
  {
    name: "keeps an index over its images",
    async run(store) {
      const images = await Promise.all([pushImage(store, imageOf("x")), pushImage(store, imageOf("y"))]);
      const index = manifestOf(mediaTypes.ociIndex, { manifests: images.map(({ descriptor }) => descriptor) });
      await store.pushManifest(index, { tags: ["multi"] });
      const found = await store.manifest("multi");
      assert.equal(found.document.kind, "index");
      assert.deepEqual(Buffer.from(found.bytes), Buffer.from(index.bytes));
    },
  },
  {
    name: "lists referrers of a subject, filtered by artifact type",
    async run(store) {
      const { descriptor: subject } = await pushImage(store, imageOf("subject"), { tags: ["latest"] });
      const signature = await pushImage(store, referrerOf(subject, "application/vnd.example.signature"));
      const sbom = await pushImage(store, referrerOf(subject, "application/vnd.example.sbom"));
      const digests = async (options = {}) =>
        (await store.referrers(subject.digest, options)).map(({ digest }) => digest).sort();
      assert.deepEqual(await digests(), [signature, sbom].map(({ descriptor }) => descriptor.digest).sort());
      assert.deepEqual(await digests({ artifactType: "application/vnd.example.sbom" }), [sbom.descriptor.digest]);
      assert.deepEqual(await digests({ artifactType: "application/vnd.example.other" }), []);
      const [listed] = await store.referrers(subject.digest, { artifactType: "application/vnd.example.sbom" });
      assert.equal(listed?.artifactType, "application/vnd.example.sbom");
      assert.deepEqual({ ...listed?.annotations }, { made: "here" });
      assert.deepEqual(await store.referrers(signature.descriptor.digest), []);
    },
  },
  {
    name: "lists a referrer without an artifact type by that of its config",
    async run(store) {
      const { descriptor: subject } = await pushImage(store, imageOf("subject"), { tags: ["latest"] });
      await pushImage(store, imageOf("signature", { subject }));
      const listed = await store.referrers(subject.digest);
      assert.deepEqual(
        listed.map(({ artifactType }) => artifactType),
        [mediaTypes.ociConfig],
      );
    },
  },
  {
    name: "stops with the reason of a signal that has aborted",
    async run(store) {
      const reason = new Error("enough");
      const options = { signal: AbortSignal.abort(reason) };
      const blob = blobOf(Buffer.from("never"));
      await assert.rejects(store.resolve("latest", options));
      await assert.rejects(store.manifest("latest", options));
      await assert.rejects(store.pushBlob(blob, bodyOf(Buffer.from("never")), options));
      assert.equal(await store.exists(blob), false);
    },
  },
];

async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(hasCode(error, code), `expected ${code}, got ${String(error)}`);
    return true;
  });
}

/** What every store tells of a manifest. */
function core(descriptor: Descriptor | undefined): Pick<Descriptor, "mediaType" | "digest" | "size"> | undefined {
  return descriptor && { mediaType: descriptor.mediaType, digest: descriptor.digest, size: descriptor.size };
}

async function* breaking(error: Error): Bytes {
  yield Buffer.from("ri");
  throw error;
}
