import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { indexSchema } from "../../test/support/oci-schema.ts";
import { repositories, type Repositories } from "../../test/support/repositories.ts";
import { attestation, attestationEntry, image, index, referrer, shelve, type Tree } from "../../test/support/trees.ts";
import { digestOf } from "../spec/digest.ts";
import { parseManifest, type Index } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { formatLocation, parseReference } from "../spec/reference.ts";
import { checkTargets, gather, type Gathered, type GatherRequest } from "./gather.ts";

const linux = (architecture: string) => ({ os: "linux", architecture });
const amd = image();
const arm = image({ config: linux("arm64") });
const riscv = image({ config: linux("riscv64") });
const s390x = image({ config: linux("s390x") });
const ppc = image({ config: linux("ppc64le") });
const digest = (tree: Tree) => tree.manifest.descriptor.digest;

const defaults: GatherRequest = {
  sources: [],
  files: [],
  tags: [],
  append: false,
  preferIndex: true,
  platforms: [],
  annotations: [],
  rescue: true,
};
const run = (at: Repositories, request: Partial<GatherRequest>): Promise<Gathered> =>
  gather({ ...defaults, ...request }, { open: at.open });
const childrenOf = (gathered: Gathered) => (gathered.root.document as Index).manifests;
const digests = (gathered: Gathered) => childrenOf(gathered).map((child) => child.digest);
const originsOf = (gathered: Gathered, tree: Tree) => gathered.origins.get(digest(tree))?.map(formatLocation);

describe("gather spends as few trips as it can:", () => {
  test("one for manifests, one for configs and referrers, when two images come by tag", async () => {
    const at = repositories({ "r.example/app": { amd, arm } });
    await run(at, { sources: ["r.example/app:amd", "r.example/app:arm"] });
    const expected = [
      "manifest r.example/app amd",
      "manifest r.example/app arm",
      `blob r.example/app ${configOf(amd)}`,
      `blob r.example/app ${configOf(arm)}`,
      `referrers r.example/app ${digest(amd)}`,
      `referrers r.example/app ${digest(arm)}`,
    ];
    expect(at.asked.toSorted()).toEqual(expected.toSorted());
    expect(at.trips()).toBe(2);
  });

  test("no config when descriptors tell the platforms, and no referrers when the rescue is off", async () => {
    const at = repositories({ "r.example/app": { amd, arm } });
    const sources = [amd, arm].map((tree, position) =>
      JSON.stringify({ ...bare(tree), platform: linux(position === 0 ? "amd64" : "arm64") }),
    );
    await run(at, { sources, tags: ["r.example/app:new"], rescue: false });
    expect(at.asked).toEqual([`manifest r.example/app ${digest(amd)}`, `manifest r.example/app ${digest(arm)}`]);
    expect(at.trips()).toBe(1);
  });

  test("a trip of their own for referrers, of what is kept only, when platforms are filtered", async () => {
    const list = index([
      { tree: amd, platform: linux("amd64") },
      { tree: arm, platform: linux("arm64") },
    ]);
    const at = repositories({ "r.example/app": { "1": list } });
    await run(at, { sources: ["r.example/app:1"], platforms: ["linux/arm64"] });
    expect(at.asked).toEqual(["manifest r.example/app 1", `referrers r.example/app ${digest(arm)}`]);
  });

  test("no referrers when a lone image is copied as it is", async () => {
    const at = repositories({ "r.example/app": { amd } });
    await run(at, { sources: ["r.example/app:amd"], preferIndex: false });
    expect(at.asked).toEqual(["manifest r.example/app amd", `blob r.example/app ${configOf(amd)}`]);
  });

  test("one request when an index with attestations is copied", async () => {
    const inline = attestation(amd);
    const multi = index([{ tree: amd, platform: linux("amd64") }, attestationEntry(inline, amd)]);
    const at = repositories({ "r.example/app": { "1": multi } });
    await run(at, { sources: ["r.example/app:1"] });
    expect(at.asked).toEqual(["manifest r.example/app 1"]);
  });

  test("one fetch when the same source comes twice", async () => {
    const at = repositories({ "r.example/app": { amd } });
    await run(at, { sources: ["r.example/app:amd", "r.example/app:amd"], rescue: false });
    expect(at.asked.filter((line) => line.startsWith("manifest"))).toHaveLength(1);
  });

  test("nothing when the request is wrong in itself", async () => {
    const at = repositories({ "r.example/app": { amd } });
    for (const wrong of [{ platforms: ["x/y/z/w"] }, { annotations: ["manifest:a=b"] }, { tags: ["UPPER"] }]) {
      await expect(run(at, { sources: ["r.example/app:amd"], ...wrong })).rejects.toMatchObject({
        name: "WaybillError",
      });
    }
    expect(at.asked).toEqual([]);
  });
});

describe("gather behaves as imagetools create in scenario", () => {
  const ofAmd = attestation(amd);
  const ofArm = attestation(arm);
  const multi = index([
    { tree: amd, platform: linux("amd64") },
    { tree: arm, platform: linux("arm64") },
    attestationEntry(ofAmd, amd),
    attestationEntry(ofArm, arm),
  ]);

  test("CopyManifest: one image becomes an index of one child, or stays a manifest", async () => {
    const at = repositories({ "r.example/app": { "1": amd } });
    const wrapped = await run(at, { sources: ["r.example/app:1"], tags: ["other.example/app:1"] });
    expect(childrenOf(wrapped)).toMatchObject([{ digest: digest(amd), platform: linux("amd64") }]);
    expect(originsOf(wrapped, amd)).toEqual(["r.example/app"]);
    const copied = await run(at, { sources: ["r.example/app:1"], preferIndex: false });
    expect(copied.root.descriptor).toEqual({ ...bare(amd), platform: linux("amd64") });
    expect(originsOf(copied, amd)).toEqual(["r.example/app"]);
  });

  test("CopyIndex: the digest stays, with and without prefer-index", async () => {
    const at = repositories({ "r.example/app": { "1": multi } });
    for (const preferIndex of [true, false]) {
      const copied = await run(at, { sources: ["r.example/app:1"], preferIndex });
      expect(copied.root.descriptor).toEqual(bare(multi));
      expect([multi, amd, arm, ofAmd, ofArm].map((tree) => originsOf(copied, tree))).toEqual(
        Array.from({ length: 5 }, () => ["r.example/app"]),
      );
      expect([...copied.manifests.keys()]).toEqual([digest(multi)]);
    }
  });

  test("InspectAndFilter: a child by digest becomes an index with its platform", async () => {
    const at = repositories({ "r.example/app": { "1": multi } });
    const gathered = await run(at, { sources: [`r.example/app:1@${digest(arm)}`], rescue: false });
    expect(childrenOf(gathered)).toMatchObject([{ digest: digest(arm), platform: linux("arm64") }]);
  });

  test("CreatePlatformFilter: one of two platforms keeps its attestation only", async () => {
    const at = repositories({ "r.example/app": { "1": multi } });
    const gathered = await run(at, { sources: ["r.example/app:1"], platforms: ["linux/arm64"] });
    expect(digests(gathered)).toEqual([digest(arm), digest(ofArm)]);
  });

  test("Append: the first tag's platforms come before the source's", async () => {
    const at = repositories({ "r.example/app": { t: index([{ tree: amd, platform: linux("amd64") }]), s: arm } });
    const tags = ["r.example/app:t", "r.example/app:u"];
    expect(digests(await run(at, { sources: ["r.example/app:s"], tags, append: true }))).toEqual([
      digest(amd),
      digest(arm),
    ]);
  });

  test("File: a descriptor in a file is read in the target's repository", async () => {
    const at = repositories({ "r.example/app": { x: amd } });
    const content = Buffer.from(`${JSON.stringify(bare(amd))}\n`);
    const gathered = await run(at, { files: [{ path: "d.json", content }], tags: ["r.example/app:new"] });
    expect(digests(gathered)).toEqual([digest(amd)]);
  });

  test("Annotation: index, children and one platform, on an index and on two manifests alike", async () => {
    const at = repositories({ "r.example/app": { "1": multi, amd, arm } });
    const annotations = ["index:a=1", "manifest-descriptor:b=2", "manifest-descriptor[linux/amd64]:c=3"];
    for (const sources of [["r.example/app:1"], ["r.example/app:amd", "r.example/app:arm"]]) {
      const gathered = await run(at, { sources, annotations, rescue: false });
      expect(gathered.root.document.annotations).toEqual({ a: "1" });
      expect(childrenOf(gathered)[0]?.annotations).toMatchObject({ b: "2", c: "3" });
      expect(childrenOf(gathered)[1]?.annotations).toEqual({ b: "2" });
    }
  });

  test("MergeSources: five platforms of three registries, then four attestations, then one found as a referrer", async () => {
    const first = index([
      { tree: amd, platform: linux("amd64") },
      { tree: arm, platform: linux("arm64") },
    ]);
    const second = index([
      { tree: s390x, platform: linux("s390x") },
      { tree: ppc, platform: linux("ppc64le") },
      attestationEntry(attestation(s390x), s390x),
      attestationEntry(attestation(ppc), ppc),
    ]);
    const sources = ["one.example/a:1", "two.example/b:1", "three.example/c:1"];
    const plain = repositories({
      "one.example/a": { "1": first },
      "two.example/b": {
        "1": index([
          { tree: s390x, platform: linux("s390x") },
          { tree: ppc, platform: linux("ppc64le") },
        ]),
      },
      "three.example/c": { "1": riscv },
    });
    expect(childrenOf(await run(plain, { sources }))).toHaveLength(5);

    const attested = {
      "one.example/a": { "1": multi },
      "two.example/b": { "1": second },
      "three.example/c": { "1": riscv },
    };
    expect(childrenOf(await run(repositories(attested), { sources }))).toHaveLength(9);

    const at = repositories(attested);
    const loose = attestation(riscv, true);
    shelve(at.store("three.example/c"), loose);
    shelve(at.store("three.example/c"), referrer(riscv, "application/vnd.dev.cosign.artifact.sig.v1+json"));
    const rescued = await run(at, { sources });
    expect(digests(rescued)).toHaveLength(10);
    expect(digests(rescued).at(-1)).toBe(digest(loose));
    expect(originsOf(rescued, loose)).toEqual(["three.example/c"]);
    expect(at.asked.filter((line) => line.startsWith("referrers"))).toEqual([
      `referrers three.example/c ${digest(riscv)}`,
    ]);
    expect(childrenOf(await run(at, { sources, rescue: false }))).toHaveLength(9);
  });

  test("MergeSources: a layout and a registry", async () => {
    const at = repositories({ "oci-layout://some/folder": { a: amd }, "r.example/app": { b: arm } });
    const gathered = await run(at, { sources: ["oci-layout://some/folder:a", "r.example/app:b"], rescue: false });
    expect([originsOf(gathered, amd), originsOf(gathered, arm)]).toEqual([
      ["oci-layout://some/folder"],
      ["r.example/app"],
    ]);
  });
});

describe("gather", () => {
  test("reads a descriptor by its digest when a reference stands beside it, where buildx reads a tag", async () => {
    const at = repositories({ "r.example/app": { latest: s390x, amd, arm } });
    const sources = [JSON.stringify({ ...bare(arm), annotations: { k: "v" } }), "r.example/app:amd"];
    expect(digests(await run(at, { sources, rescue: false }))).toEqual([digest(arm), digest(amd)]);
  });

  test("takes url, data and type of a descriptor only when no source had to be resolved", async () => {
    const at = repositories({ "r.example/app": { amd, arm } });
    const full = JSON.stringify({ ...bare(arm), urls: ["https://x.example/"], artifactType: "a/b" });
    const alone = await run(at, { sources: [full], tags: ["r.example/app:t"], rescue: false });
    const beside = await run(at, { sources: [full, digest(amd)], tags: ["r.example/app:t"], rescue: false });
    expect(childrenOf(alone)[0]).toMatchObject({ urls: ["https://x.example/"], artifactType: "a/b" });
    expect(childrenOf(beside)[0]).toEqual({ ...bare(arm), platform: linux("arm64") });
  });

  test("lets a descriptor replace platform parts and fills the missing ones from the config", async () => {
    const at = repositories({ "r.example/app": { amd } });
    const source = JSON.stringify({ ...bare(amd), platform: { os: "windows", "os.version": "10.0.17763.1" } });
    const gathered = await run(at, { sources: [source], tags: ["r.example/app:t"], rescue: false });
    expect(childrenOf(gathered)[0]?.platform).toEqual({
      os: "windows",
      architecture: "amd64",
      osVersion: "10.0.17763.1",
    });
  });

  test("takes a metadata file of bake as sources", async () => {
    const at = repositories({ "r.example/app": { amd, arm } });
    const entry = (tree: Tree) => ({ "image.name": "r.example/app", "containerimage.digest": digest(tree) });
    const content = Buffer.from(JSON.stringify({ amd64: entry(amd), arm64: entry(arm) }));
    const gathered = await run(at, {
      files: [{ path: "meta.json", content }],
      tags: ["r.example/app:1"],
      rescue: false,
    });
    expect(digests(gathered)).toEqual([digest(amd), digest(arm)]);
  });

  test("gives a document that the OCI schema accepts", async () => {
    const at = repositories({ "r.example/app": { amd, arm, list: index([{ tree: riscv }]) } });
    const sources = ["r.example/app:amd", "r.example/app:arm", "r.example/app:list"];
    const { root } = await run(at, { sources, annotations: ["a=b", "manifest-descriptor:c=d"] });
    const isValid = new Ajv().compile(indexSchema);
    expect(isValid(JSON.parse(Buffer.from(root.bytes).toString())), JSON.stringify(isValid.errors)).toBe(true);
    expect(digestOf(root.bytes)).toBe(root.descriptor.digest);
  });

  test("refuses an index that is larger than a manifest may be, before anything is asked for it, unless a filter makes it smaller", async () => {
    const large = { note: "x".repeat(2_300_000) };
    const at = repositories({
      "r.example/app": {
        "1": index([{ tree: amd, platform: linux("amd64"), annotations: large }]),
        "2": index([{ tree: arm, platform: linux("arm64"), annotations: large }]),
      },
    });
    const sources = ["r.example/app:1", "r.example/app:2"];
    const selected: Tree["manifest"][] = [];
    const gathering = gather(
      { ...defaults, sources, rescue: false },
      { open: at.open, onSelected: (root) => selected.push(root) },
    );
    await expect(gathering).rejects.toMatchObject({
      code: "too_large",
      message: expect.stringMatching(
        /^Cannot make the new image: the 46\d{5} bytes of its index are more than the 4194304 /,
      ),
    });
    expect(selected).toEqual([]);
    expect(digests(await run(at, { sources, platforms: ["linux/arm64"] }))).toEqual([digest(arm)]);
  });

  test("refuses an index of more manifests than are accepted, those that are rescued among them", async () => {
    const at = repositories({ "r.example/app": { amd, arm } });
    shelve(at.store("r.example/app"), attestation(amd, true));
    const sources = ["r.example/app:amd", "r.example/app:arm"];
    const most = (maxDescriptors: number) => gather({ ...defaults, sources }, { open: at.open, maxDescriptors });
    await expect(most(1)).rejects.toMatchObject({
      code: "too_large",
      message: "Cannot make the new image: its 2 manifests are more than the 1 that are accepted in one index",
      context: { advice: expect.stringContaining("--max-descriptors") },
    });
    await expect(most(2)).rejects.toMatchObject({ message: expect.stringContaining("its 3 manifests") });
    expect(digests(await most(3))).toHaveLength(3);
  });

  test("takes a source whose type is told by the user, of as many manifests as are accepted", async () => {
    const at = repositories({ "r.example/app": { amd } });
    const manifests = Array.from({ length: 5001 }, () => ({ ...bare(amd), platform: linux("amd64") }));
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
    const large = parseManifest(bytes, { maxDescriptors: 5001 });
    const accepting = { ...at.store("r.example/app"), manifest: async () => large };
    const sources = [JSON.stringify(large.descriptor)];
    const request = { ...defaults, sources, tags: ["r.example/app:t"] };
    const { root } = await gather(request, { open: async () => accepting, maxDescriptors: 5001 });
    expect(root.descriptor).toEqual(large.descriptor);
  });

  test("parses tags in their order", async () => {
    const at = repositories({ "r.example/app": { amd } });
    const tags = ["b.example/app:2", "alpine", "oci-layout://x:1"];
    const { targets } = await run(at, { sources: ["r.example/app:amd"], tags });
    expect(targets).toEqual(tags.map(parseReference));
  });

  test("refuses a target whose digest is another, and takes the right one", async () => {
    const at = repositories({ "r.example/app": { amd } });
    const request = { sources: ["r.example/app:amd"], preferIndex: false };
    const wrong = `t.example/app:1@${digest(arm)}`;
    await expect(run(at, { ...request, tags: ["t.example/app:1", wrong] })).rejects.toMatchObject({
      code: "precondition_failed",
      message: `target ${wrong} requested digest ${digest(arm)} but produced ${digest(amd)}`,
    });
    const right = await run(at, { ...request, tags: [`t.example/app@${digest(amd)}`] });
    expect(right.root.descriptor.digest).toBe(digest(amd));
  });

  test("says what docker schema 1 is when a source is of that kind", async () => {
    const at = repositories({ "r.example/app": { amd } });
    const { shelf } = at.store("r.example/app");
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 1, name: "x", fsLayers: [] }));
    const old = { mediaType: mediaTypes.dockerSchema1, digest: digestOf(bytes), size: bytes.byteLength };
    shelf.manifests.set(old.digest, { ...amd.manifest, bytes, descriptor: old });
    await expect(run(at, { sources: [`r.example/app@${old.digest}`] })).rejects.toMatchObject({
      code: "invalid_manifest",
      message: expect.stringContaining("schema1 manifests are not allowed in manifest lists") as string,
    });
  });

  test("fails when a descriptor's type is not what the bytes say", async () => {
    const at = repositories({ "r.example/app": { amd } });
    const sources = [JSON.stringify({ ...bare(amd), mediaType: mediaTypes.ociIndex })];
    await expect(run(at, { sources, tags: ["r.example/app:t"] })).rejects.toMatchObject({ code: "invalid_manifest" });
  });

  test("ends its other requests when one source fails", async () => {
    const at = repositories({ "r.example/app": { amd } });
    const signals: (AbortSignal | undefined)[] = [];
    const open: Repositories["open"] = async (location) => {
      const source = await at.open(location);
      return {
        ...source,
        manifest: (name, options) => (signals.push(options?.signal), source.manifest(name, options)),
      };
    };
    const sources = ["r.example/app:amd", "r.example/app:absent"];
    await expect(gather({ ...defaults, sources }, { open })).rejects.toMatchObject({ code: "not_found" });
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, true]);
  });

  test("fails only after its other requests have ended", async () => {
    const at = repositories({ "r.example/app": { amd } });
    let hasEnded = false;
    const open: Repositories["open"] = async (location) => {
      const source = await at.open(location);
      const slowly = async (signal?: AbortSignal): Promise<never> => {
        await new Promise((resolve) => signal?.addEventListener("abort", resolve));
        await new Promise(setImmediate);
        hasEnded = true;
        throw signal?.reason;
      };
      return {
        ...source,
        manifest: (name, options) => (name === "amd" ? slowly(options?.signal) : source.manifest(name, options)),
      };
    };
    const sources = ["r.example/app:amd", "r.example/app:gone"];
    await expect(gather({ ...defaults, sources }, { open })).rejects.toMatchObject({ code: "not_found" });
    expect(hasEnded).toBe(true);
  });

  test("stops with the reason of the caller's signal", async () => {
    const at = repositories({ "r.example/app": { amd } });
    const reason = new Error("enough");
    const request = { ...defaults, sources: ["r.example/app:amd"] };
    await expect(gather(request, { open: at.open, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe("checkTargets", () => {
  test("passes targets without a digest", () => {
    expect(() => checkTargets([parseReference("r.example/a:1")], digest(amd))).not.toThrow();
  });
});

function bare(tree: Tree) {
  const { mediaType, digest, size } = tree.manifest.descriptor;
  return { mediaType, digest, size };
}

function configOf(tree: Tree) {
  return tree.manifest.document.kind === "image" ? tree.manifest.document.config.digest : "";
}
