import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { descriptorJson } from "../src/spec/descriptor.ts";
import { goJson } from "../src/spec/json.ts";
import type { Manifest } from "../src/spec/manifest.ts";
import { bytesOf, pushImage, pushIndex } from "./support/images.ts";
import { makeWorld, type World } from "./support/world.ts";

const attestationType = "application/vnd.docker.attestation.manifest.v1+json";
const signatureType = "application/vnd.dev.cosign.artifact.sig.v1+json";

let world: World;
let folder: string;

beforeEach(() => {
  world = makeWorld();
  folder = mkdtempSync(join(tmpdir(), "scenarios-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

async function pushPlatforms(reference: string, platforms: readonly string[]): Promise<Manifest[]> {
  const store = await world.store(reference);
  const images: Manifest[] = [];
  for (const platform of platforms)
    images.push(await pushImage(store, { platform, tags: [platform.replaceAll("/", "-")] }));
  return images;
}

async function pushMulti(reference: string, platforms: readonly string[]): Promise<Manifest> {
  const images = await pushPlatforms(reference, platforms);
  const store = await world.store(reference);
  return pushIndex(
    store,
    images.map((image) => image.descriptor),
    { platforms, tags: [reference.split(":")[1]!] },
  );
}

/** An attestation manifest for `subject`, as buildkit attaches it inside an index. */
async function pushAttestation(reference: string, subject: Manifest, content: string): Promise<Manifest> {
  return pushImage(await world.store(reference), {
    platform: "unknown/unknown",
    layers: [bytesOf(content)],
    annotations: { of: subject.descriptor.digest },
  });
}

function attesting(attestation: Manifest, subject: Manifest) {
  return {
    ...attestation.descriptor,
    annotations: {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": subject.descriptor.digest,
    },
  };
}

async function childrenAt(
  reference: string,
): Promise<readonly { digest: string; platform?: { architecture: string }; annotations?: object }[]> {
  const document = JSON.parse(await world.inspect(reference, { raw: true })) as { manifests: [] };
  return document.manifests;
}

describe("create", () => {
  test("CopyManifest: a single platform becomes an index of one child with the same config and layers", async () => {
    const [image] = await pushPlatforms("a.example/app:1", ["linux/amd64"]);
    const result = await world.create({ sources: ["a.example/app:linux-amd64"], tags: ["b.example/copy:1"] });
    expect(result.targets[0]?.error).toBeUndefined();
    expect(result.root.descriptor.mediaType).toBe("application/vnd.oci.image.index.v1+json");
    expect(await childrenAt("b.example/copy:1")).toMatchObject([
      { digest: image!.descriptor.digest, platform: { architecture: "amd64" } },
    ]);
    const raw = await world.inspect(`b.example/copy@${image!.descriptor.digest}`, { raw: true });
    expect(raw).toBe(new TextDecoder().decode(image!.bytes));
  });

  test("CopyManifest: with prefer-index off the manifest stays what it is", async () => {
    const [image] = await pushPlatforms("a.example/app:1", ["linux/amd64"]);
    await world.create({ sources: ["a.example/app:linux-amd64"], tags: ["b.example/copy:1"], preferIndex: false });
    expect(await world.digestAt("b.example/copy:1")).toBe(image!.descriptor.digest);
  });

  test.each([true, false])("CopyIndex: the digest is kept with prefer-index %s", async (preferIndex) => {
    const index = await pushMulti("a.example/app:1", ["linux/amd64", "linux/arm64"]);
    const result = await world.create({ sources: ["a.example/app:1"], tags: ["b.example/copy:1"], preferIndex });
    expect(await world.digestAt("b.example/copy:1")).toBe(index.descriptor.digest);
    expect(result.root.descriptor.digest).toBe(index.descriptor.digest);
  });

  test("InspectAndFilter: a child by digest becomes an index of one child with its platform", async () => {
    const index = await pushMulti("a.example/app:1", ["linux/amd64", "linux/arm64"]);
    const child = index.document.kind === "index" ? index.document.manifests[1]! : undefined;
    await world.create({ sources: [`a.example/app@${child!.digest}`], tags: ["b.example/copy:1"] });
    expect(await childrenAt("b.example/copy:1")).toMatchObject([
      { digest: child!.digest, platform: { architecture: "arm64" } },
    ]);
  });

  test("CreatePlatformFilter: one of two platforms is kept with its attestation, dry-run and pushed alike", async () => {
    const images = await pushPlatforms("a.example/app:1", ["linux/amd64", "linux/arm64"]);
    const attestations = [
      await pushAttestation("a.example/app", images[0]!, "a"),
      await pushAttestation("a.example/app", images[1]!, "b"),
    ];
    const children = [
      ...images.map((image) => image.descriptor),
      ...attestations.map((attestation, at) => attesting(attestation, images[at]!)),
    ];
    await pushIndex(await world.store("a.example/app"), children, {
      platforms: ["linux/amd64", "linux/arm64", "unknown/unknown", "unknown/unknown"],
      tags: ["1"],
    });
    const request = { sources: ["a.example/app:1"], tags: ["b.example/copy:1"], platforms: ["linux/arm64"] };
    const dry = await world.create({ ...request, dryRun: true });
    const pushed = await world.create(request);
    expect(pushed.targets[0]?.error).toBeUndefined();
    expect(await childrenAt("b.example/copy:1")).toMatchObject([
      { digest: images[1]!.descriptor.digest },
      { digest: attestations[1]!.descriptor.digest },
    ]);
    expect(dry.root.descriptor.digest).toBe(await world.digestAt("b.example/copy:1"));
  });

  test("OCILayoutInspect: a layout gives the source's bytes by tag and by digest", async () => {
    const index = await pushMulti("a.example/app:1", ["linux/amd64", "linux/arm64"]);
    const layout = `oci-layout://${folder}/layout`;
    await world.create({ sources: ["a.example/app:1"], tags: [`${layout}:1`] });
    const bytes = new TextDecoder().decode(index.bytes);
    expect(await world.inspect(`${layout}:1`, { raw: true })).toBe(bytes);
    expect(await world.inspect(`${layout}@${index.descriptor.digest}`, { raw: true })).toBe(bytes);
    expect(await world.inspect(`${layout}:1`, { format: "{{.Manifest.Digest}}" })).toBe(index.descriptor.digest);
  });

  test("OCILayoutCreateSourceAndTarget: registry to layout to another registry keeps the digest", async () => {
    const index = await pushMulti("a.example/app:1", ["linux/amd64", "linux/arm64"]);
    await world.create({ sources: ["a.example/app:1"], tags: [`oci-layout://${folder}/layout:x`] });
    const result = await world.create({ sources: [`oci-layout://${folder}/layout:x`], tags: ["b.example/copy:1"] });
    expect(result.targets[0]?.error).toBeUndefined();
    expect(await world.digestAt("b.example/copy:1")).toBe(index.descriptor.digest);
  });

  test("OCILayoutReferrers: a signature is recorded once with its subject, and travels on to a registry", async () => {
    const index = await pushMulti("a.example/app:1", ["linux/amd64", "linux/arm64"]);
    const store = await world.store("a.example/app");
    const signature = await pushImage(store, {
      layers: [bytesOf("sig")],
      subject: index.descriptor,
      artifactType: signatureType,
    });
    await world.create({ sources: ["a.example/app:1"], tags: [`oci-layout://${folder}/layout:1`] });
    const listing = JSON.parse(readFileSync(join(folder, "layout/index.json"), "utf8")) as {
      manifests: { digest: string; annotations?: Record<string, string> }[];
    };
    const entries = listing.manifests.filter((entry) => entry.digest === signature.descriptor.digest);
    expect(entries).toHaveLength(1);
    expect(entries[0]?.annotations).toMatchObject({ "io.containerd.manifest.subject": index.descriptor.digest });

    await world.create({ sources: [`oci-layout://${folder}/layout:1`], tags: ["b.example/copy:1"] });
    const referrers = await (await world.store("b.example/copy")).referrers(index.descriptor.digest);
    expect(referrers.map((referrer) => referrer.digest)).toEqual([signature.descriptor.digest]);
  });

  test("OCILayoutExistingContent: a second tag into a layout updates the index and brings new referrers", async () => {
    const index = await pushMulti("a.example/app:1", ["linux/amd64"]);
    await world.create({ sources: ["a.example/app:1"], tags: [`oci-layout://${folder}/layout:1`] });
    const store = await world.store("a.example/app");
    await pushImage(store, { layers: [bytesOf("late")], subject: index.descriptor, artifactType: signatureType });
    await world.create({ sources: ["a.example/app:1"], tags: [`oci-layout://${folder}/layout:2`] });
    const layout = await world.store(`oci-layout://${folder}/layout`);
    expect((await layout.tagged("1"))?.digest).toBe(index.descriptor.digest);
    expect((await layout.tagged("2"))?.digest).toBe(index.descriptor.digest);
    expect(await layout.referrers(index.descriptor.digest)).toHaveLength(1);
  });

  test("OCILayoutMergeSources: a layout and a registry merge into a third place", async () => {
    await pushPlatforms("a.example/app:1", ["linux/amd64"]);
    await pushPlatforms("b.example/app:1", ["linux/arm64"]);
    await world.create({
      sources: ["a.example/app:linux-amd64"],
      tags: [`oci-layout://${folder}/layout:1`],
      preferIndex: false,
    });
    const result = await world.create({
      sources: [`oci-layout://${folder}/layout:1`, "b.example/app:linux-arm64"],
      tags: ["c.example/app:1"],
    });
    expect(result.targets[0]?.error).toBeUndefined();
    expect((await childrenAt("c.example/app:1")).map((child) => child.platform?.architecture)).toEqual([
      "amd64",
      "arm64",
    ]);
  });

  test.each(["oci-layout", "registry"])(
    "OCILayoutTargetDigest: a %s target by digest works when it matches and is refused when not",
    async (kind) => {
      const index = await pushMulti("a.example/app:1", ["linux/amd64"]);
      const place = kind === "registry" ? "b.example/copy" : `oci-layout://${folder}/layout`;
      const result = await world.create({
        sources: ["a.example/app:1"],
        tags: [`${place}@${index.descriptor.digest}`],
      });
      expect(result.targets[0]?.error).toBeUndefined();
      expect(await world.inspect(`${place}@${index.descriptor.digest}`, { format: "{{.Manifest.Digest}}" })).toBe(
        index.descriptor.digest,
      );
      if (kind === "oci-layout") {
        const listing = JSON.parse(readFileSync(join(folder, "layout/index.json"), "utf8")) as { manifests: object[] };
        expect(listing.manifests).toMatchObject([{ digest: index.descriptor.digest }]);
      }
      const other = `sha256:${"0".repeat(64)}`;
      await expect(world.create({ sources: ["a.example/app:1"], tags: [`${place}@${other}`] })).rejects.toMatchObject({
        code: "precondition_failed",
        message: `target ${place}@${other} requested digest ${other} but produced ${index.descriptor.digest}`,
      });
    },
  );

  test("Append: the first tag's image is joined with the new platform", async () => {
    await pushMulti("a.example/app:1", ["linux/amd64"]);
    await pushPlatforms("a.example/app:1", ["linux/arm64"]);
    await world.create({ append: true, tags: ["a.example/app:1"], sources: ["a.example/app:linux-arm64"] });
    expect((await childrenAt("a.example/app:1")).map((child) => child.platform?.architecture)).toEqual([
      "amd64",
      "arm64",
    ]);
  });

  test("File: a descriptor in a file is read from the target's repository", async () => {
    const [image] = await pushPlatforms("a.example/app:1", ["linux/amd64"]);
    const content = bytesOf(`${goJson(descriptorJson(image!.descriptor))}\n`);
    const result = await world.create({
      files: [{ path: "descriptor.json", content }],
      tags: ["a.example/app:joined"],
    });
    expect(result.targets[0]?.error).toBeUndefined();
    expect(await childrenAt("a.example/app:joined")).toMatchObject([{ digest: image!.descriptor.digest }]);
  });

  test.each([["one index source"], ["two manifest sources"]])(
    "Annotation: set on %s, and kept by a later copy",
    async (kind) => {
      await pushMulti("a.example/app:1", ["linux/amd64", "linux/arm64"]);
      const sources =
        kind === "one index source" ? ["a.example/app:1"] : ["a.example/app:linux-amd64", "a.example/app:linux-arm64"];
      const annotations = [
        "index:who=me",
        "manifest-descriptor:all=yes",
        "manifest-descriptor[linux/amd64]:one=yes",
        "plain=index",
      ];
      await world.create({ sources, annotations, tags: ["b.example/app:1"] });
      await world.create({ sources: ["b.example/app:1"], tags: ["c.example/app:1"] });
      const document = JSON.parse(await world.inspect("c.example/app:1", { raw: true })) as {
        annotations: object;
        manifests: { annotations: object }[];
      };
      expect(document.annotations).toEqual({ plain: "index", who: "me" });
      expect(document.manifests.map((manifest) => manifest.annotations)).toEqual([
        { all: "yes", one: "yes" },
        { all: "yes" },
      ]);
    },
  );

  test("MergeSources: five platforms from three registries, the same dry-run as pushed", async () => {
    await pushMulti("a.example/app:1", ["linux/amd64", "linux/arm64"]);
    await pushMulti("b.example/app:1", ["linux/386", "linux/ppc64le"]);
    await pushPlatforms("c.example/app:1", ["linux/s390x"]);
    const request = {
      sources: ["a.example/app:1", "b.example/app:1", "c.example/app:linux-s390x"],
      tags: ["d.example/app:1"],
    };
    const dry = await world.create({ ...request, dryRun: true });
    expect(await world.digestAt("d.example/app:1")).toBeUndefined();
    await world.create(request);
    expect(await world.digestAt("d.example/app:1")).toBe(dry.root.descriptor.digest);
    expect(await childrenAt("d.example/app:1")).toHaveLength(5);
  });

  test("MergeSources: inline attestations come along", async () => {
    const images = await pushPlatforms("a.example/app:1", ["linux/amd64", "linux/arm64"]);
    const attestations = [
      await pushAttestation("a.example/app", images[0]!, "a"),
      await pushAttestation("a.example/app", images[1]!, "b"),
    ];
    await pushIndex(
      await world.store("a.example/app"),
      [
        ...images.map((image) => image.descriptor),
        ...attestations.map((attestation, at) => attesting(attestation, images[at]!)),
      ],
      { platforms: ["linux/amd64", "linux/arm64", "unknown/unknown", "unknown/unknown"], tags: ["1"] },
    );
    await pushPlatforms("b.example/app:1", ["linux/386"]);
    await world.create({ sources: ["a.example/app:1", "b.example/app:linux-386"], tags: ["c.example/app:1"] });
    expect(await childrenAt("c.example/app:1")).toHaveLength(5);
  });

  test.each([true, false])(
    "MergeSources: an attestation that only referrers know is taken into the index (referrers API: %s)",
    async (referrers) => {
      world = makeWorld({ registries: { "a.example": { referrers } } });
      const [image] = await pushPlatforms("a.example/app:1", ["linux/amd64"]);
      const attestation = await pushImage(await world.store("a.example/app"), {
        layers: [bytesOf("provenance")],
        subject: image!.descriptor,
        artifactType: attestationType,
      });
      const request = { sources: ["a.example/app:linux-amd64"], tags: ["c.example/app:1"] };
      await world.create(request);
      expect(await childrenAt("c.example/app:1")).toMatchObject([
        { digest: image!.descriptor.digest },
        {
          digest: attestation.descriptor.digest,
          platform: { architecture: "unknown" },
          annotations: {
            "vnd.docker.reference.type": "attestation-manifest",
            "vnd.docker.reference.digest": image!.descriptor.digest,
          },
        },
      ]);
      await world.create({ ...request, tags: ["c.example/app:bare"], referrers: "none" });
      expect(await childrenAt("c.example/app:bare")).toHaveLength(1);
    },
  );

  test("CopyAttestationWithSignature: signatures of attestations arrive whole, also where the target lacks the API", async () => {
    world = makeWorld({ registries: { "b.example": { referrers: false } } });
    const [image] = await pushPlatforms("a.example/app:1", ["linux/amd64"]);
    const store = await world.store("a.example/app");
    const attestation = await pushAttestation("a.example/app", image!, "provenance");
    await pushIndex(store, [image!.descriptor, attesting(attestation, image!)], {
      platforms: ["linux/amd64", "unknown/unknown"],
      tags: ["1"],
    });
    const signature = await pushImage(store, {
      layers: [bytesOf("sig")],
      subject: attestation.descriptor,
      artifactType: signatureType,
      annotations: { signed: "yes" },
    });
    await pushImage(store, {
      layers: [bytesOf("scan")],
      subject: attestation.descriptor,
      artifactType: "application/x-scan",
    });

    const result = await world.create({ sources: ["a.example/app:1"], tags: ["b.example/copy:1"] });

    expect(result.leftBehind).toEqual({ "application/x-scan": 1 });
    const target = await world.store("b.example/copy");
    const arrived = await target.referrers(attestation.descriptor.digest);
    expect(arrived).toMatchObject([
      { digest: signature.descriptor.digest, artifactType: signatureType, annotations: { signed: "yes" } },
    ]);
    const copied = await target.manifest(signature.descriptor.digest);
    expect(copied.bytes).toEqual(signature.bytes);

    await world.create({ sources: ["a.example/app:1"], tags: ["c.example/copy:1"], referrers: "all" });
    expect(await (await world.store("c.example/copy")).referrers(attestation.descriptor.digest)).toHaveLength(2);
  });

  describe("an index whose signature names another digest than what is made of it", () => {
    const warnings = () => world.events.flatMap((event) => (event.type === "warning" ? [event.message] : []));
    const askedFor = ({ descriptor }: Manifest) =>
      world.requests.filter((line) => line.endsWith(`/referrers/${descriptor.digest}`));

    async function signedIndex() {
      const index = await pushMulti("a.example/app:1", ["linux/amd64", "linux/arm64"]);
      const store = await world.store("a.example/app");
      const signature = { artifactType: signatureType, subject: index.descriptor, layers: [bytesOf("sig")] };
      await pushImage(store, signature);
      return { index, store };
    }

    test("counts it when an attestation is added, and says why the digest is another", async () => {
      const { index, store } = await signedIndex();
      const image = await store.manifest("linux-amd64");
      const provenance = { artifactType: attestationType, layers: [bytesOf("provenance")] };
      await pushImage(store, { ...provenance, subject: image.descriptor });
      world.forget();

      const result = await world.create({ sources: ["a.example/app:1"], tags: ["b.example/copy:1"] });

      expect(result.leftBehind).toEqual({ [signatureType]: 1 });
      const { digest } = index.descriptor;
      const why = "an attestation was added (--referrers none keeps it)";
      expect(warnings()).toEqual([`Digest changed from ${digest}: ${why}`]);
      expect(askedFor(index)).toHaveLength(1);
    });

    test("counts it when platforms are left out", async () => {
      const { index } = await signedIndex();
      world.forget();
      const platforms = ["linux/arm64"];
      const request = { sources: ["a.example/app:1"], platforms, tags: ["b.example/copy:1"] };

      const { leftBehind } = await world.create(request);

      expect(leftBehind).toEqual({ [signatureType]: 1 });
      expect(warnings()).toEqual([]);
      expect(askedFor(index)).toHaveLength(1);
    });

    test("asks nothing of it when several sources are joined, or no referrer is looked for", async () => {
      const { index } = await signedIndex();
      await pushPlatforms("a.example/other:1", ["linux/s390x"]);
      world.forget();
      const sources = ["a.example/app:1", "a.example/other:linux-s390x"];

      await world.create({ sources, tags: ["b.example/copy:1"] });
      await world.create({
        sources: ["a.example/app:1"],
        tags: ["b.example/copy:2"],
        platforms: ["linux/arm64"],
        referrers: "none",
      });

      expect(askedFor(index)).toEqual([]);
    });
  });
});

describe("create, where buildx does wrong", () => {
  test("mounts from another repository of the same registry and sends no byte", async () => {
    await pushMulti("a.example/app:1", ["linux/amd64", "linux/arm64"]);
    world.forget();
    const result = await world.create({ sources: ["a.example/app:1"], tags: ["a.example/copy:1"] });
    expect(result.targets[0]).toMatchObject({ sentBytes: 0 });
    expect(result.targets[0]?.mountedBytes).toBeGreaterThan(0);
    expect(world.requests.filter((request) => request.startsWith("PUT") && request.includes("/blobs/"))).toEqual([]);
  });

  test("refuses annotations on a docker list and says what to do", async () => {
    const store = await world.store("a.example/app");
    const image = await pushImage(store, { platform: "linux/amd64", docker: true });
    await pushIndex(store, [image.descriptor], { platforms: ["linux/amd64"], tags: ["1"], docker: true });
    await expect(
      world.create({ sources: ["a.example/app:1"], tags: ["a.example/app:2"], annotations: ["index:a=b"] }),
    ).rejects.toMatchObject({
      code: "invalid_annotation",
    });
  });

  test("annotates one platform of an index that has a child without platform", async () => {
    const store = await world.store("a.example/app");
    const image = await pushImage(store, { platform: "linux/amd64" });
    const bare = await pushImage(store, { platform: "linux/arm64" });
    await pushIndex(store, [image.descriptor, bare.descriptor], { platforms: ["linux/amd64"], tags: ["1"] });
    await world.create({
      sources: ["a.example/app:1"],
      tags: ["a.example/app:2"],
      annotations: ["manifest-descriptor[linux/amd64]:k=v"],
    });
    expect((await childrenAt("a.example/app:2")).map((child) => child.annotations)).toEqual([{ k: "v" }, undefined]);
  });

  test("warns of annotations for platforms that no image has, once for each", async () => {
    await pushMulti("a.example/app:1", ["linux/amd64", "linux/arm64"]);
    const annotations = ["linux/s390x", "linux/s390x", "linux/amd64", "linux/arm64"].map(
      (platform, at) => `manifest-descriptor[${platform}]:k${at}=v`,
    );

    await world.create({ sources: ["a.example/app:1"], tags: ["b.example/app:1"], annotations, platforms: ["amd64"] });

    expect(world.events.flatMap((event) => (event.type === "warning" ? [event.message] : []))).toEqual([
      expect.stringContaining("No image is for linux/s390x:"),
      expect.stringContaining("No image is for linux/arm64:"),
    ]);
  });

  test.each([true, false])(
    "warns of platforms that no source has and says what there is (dry run: %j)",
    async (dryRun) => {
      await pushMulti("a.example/app:1", ["linux/amd64", "linux/arm64"]);
      const platforms = ["linux/riscv64,linux/arm64", "linux/s390x", "linux/arm64/v8"];

      await world.create({ sources: ["a.example/app:1"], tags: ["b.example/app:1"], platforms, dryRun });

      const message =
        "No image is for linux/riscv64, linux/s390x (--platform): left out; the sources have linux/amd64, linux/arm64";
      expect(world.events.filter((event) => event.type === "warning")).toMatchObject([{ message, isUrgent: true }]);
    },
  );

  test("warns of bake's targets whose metadata names no image", async () => {
    const [image] = await pushPlatforms("a.example/app:1", ["linux/amd64"]);
    const metadata = {
      "buildx.build.warnings": {},
      amd64: { "image.name": "a.example/app:1", "containerimage.digest": image!.descriptor.digest },
      arm64: { "buildx.build.ref": "default/default/x" },
    };
    const files = [{ path: "bake.json", content: bytesOf(JSON.stringify(metadata)) }];

    await world.create({ sources: [], files, tags: ["b.example/app:1"] });

    expect(world.events.flatMap((event) => (event.type === "warning" ? [event.message] : []))).toEqual([
      expect.stringMatching(/^Nothing is taken of target "arm64":/),
    ]);
  });

  test("makes the same bytes every time", async () => {
    await pushPlatforms("a.example/app:1", ["linux/amd64", "linux/arm64"]);
    const request = {
      sources: ["a.example/app:linux-amd64", "a.example/app:linux-arm64"],
      annotations: ["index:b=2", "index:a=1"],
      dryRun: true,
    };
    const runs = await Promise.all([1, 2, 3].map(() => world.create(request)));
    expect(new Set(runs.map((run) => run.root.descriptor.digest)).size).toBe(1);
  });

  const severalTargets = {
    sources: ["a.example/app:1"],
    tags: ["readonly.example/app:1", "b.example/app:1", "b.example/app:2"],
  };

  test("moves no tag anywhere when one of several registries refuses", async () => {
    world = makeWorld({ registries: { "readonly.example": { readOnly: true } } });
    await pushMulti("a.example/app:1", ["linux/amd64"]);
    const result = await world.create(severalTargets);
    expect(result.targets.map((target) => target.tags.map((tag) => tag.state))).toEqual([
      ["not-attempted"],
      ["not-attempted", "not-attempted"],
    ]);
    expect(result.targets.map(({ error, heldBack }) => [error === undefined, heldBack])).toEqual([
      [false, false],
      [true, true],
    ]);
    expect(await world.digestAt("b.example/app:1")).toBeUndefined();
  });

  test("gives each registry its own result when each is for itself", async () => {
    world = makeWorld({ registries: { "readonly.example": { readOnly: true } } });
    await pushMulti("a.example/app:1", ["linux/amd64"]);
    const result = await world.create({ ...severalTargets, onError: "keep-going" });
    expect(result.targets.map((target) => target.tags.map((tag) => tag.state))).toEqual([
      ["not-attempted"],
      ["created", "created"],
    ]);
    expect(result.targets[1]?.error).toBeUndefined();
  });

  test("moves a tag only from the digest that is expected", async () => {
    const index = await pushMulti("a.example/app:1", ["linux/amd64"]);
    const request = { sources: ["a.example/app:1"], tags: ["b.example/app:1"] };
    await world.create({ ...request, expectDigests: ["b.example/app:1=absent"] });
    const again = await world.create({
      ...request,
      platforms: ["linux/amd64"],
      annotations: ["a=b"],
      expectDigests: ["b.example/app:1=absent"],
    });
    expect(again.targets[0]?.error).toMatchObject({ code: "precondition_failed" });
    expect(await world.digestAt("b.example/app:1")).toBe(index.descriptor.digest);
    await expect(world.create({ ...request, expectDigests: ["c.example/app:1=absent"] })).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  test("has nothing against a tag that names the image already, whatever was expected of it", async () => {
    const index = await pushMulti("a.example/app:1", ["linux/amd64"]);
    const request = { sources: ["a.example/app:1"], tags: ["b.example/app:1", "b.example/app:2"] };
    await world.create({ ...request, tags: ["b.example/app:1"] });
    const result = await world.create({
      ...request,
      expectDigests: ["b.example/app:1=absent", "b.example/app:2=absent"],
    });
    expect(result.targets[0]?.error).toBeUndefined();
    expect(result.targets[0]?.tags.map(({ state }) => state)).toEqual(["unchanged", "created"]);
    expect(await world.digestAt("b.example/app:2")).toBe(index.descriptor.digest);
  });
});
