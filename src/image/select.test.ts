import { describe, expect, test } from "vitest";
import { attestation, attestationEntry, image, index, type Tree } from "../../test/support/trees.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Index } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { assemble, type Root } from "./assemble.ts";
import { absentPlatforms, parsePlatforms, selectPlatforms } from "./select.ts";

const rootOf = (tree: Tree, more: Partial<Descriptor> = {}): Root =>
  assemble(
    [
      {
        location: { kind: "registry", host: "r.example", repository: "app" },
        manifest: tree.manifest,
        descriptor: { ...tree.manifest.descriptor, ...more },
      },
    ],
    { preferIndex: false },
  );
const select = (root: Root, ...platforms: readonly string[]): Root => selectPlatforms(root, parsePlatforms(platforms));
const digests = (root: Root) => (root.document as Index).manifests.map((child) => child.digest);
const digest = (tree: Tree) => tree.manifest.descriptor.digest;
const linux = (architecture: string, variant?: string) => ({ os: "linux", architecture, ...(variant && { variant }) });

const amd = image();
const arm = image({ config: linux("arm64") });
const armv7 = image({ config: linux("arm") });
const ofAmd = attestation(amd);
const ofArm = attestation(arm);
const multi = index([
  { tree: amd, platform: linux("amd64") },
  { tree: arm, platform: linux("arm64", "v8") },
  { tree: armv7, platform: linux("arm") },
  attestationEntry(ofAmd, amd),
  attestationEntry(ofArm, arm),
]);

describe("parsePlatforms", () => {
  test("splits comma lists and keeps the order", () => {
    expect(
      parsePlatforms(["linux/amd64,linux/arm64/v8", "windows/amd64"]).map(({ os, architecture }) => os + architecture),
    ).toEqual(["linuxamd64", "linuxarm64", "windowsamd64"]);
  });

  test("refuses a list with an empty part", () => {
    expect(() => parsePlatforms(["linux/amd64,"])).toThrow(/^invalid platform ""/);
  });
});

describe("absentPlatforms", () => {
  const absent = (root: Root, ...platforms: readonly string[]) => absentPlatforms(root, parsePlatforms(platforms));

  test("names each platform that nothing is of once, and what there is but attestations", () => {
    expect(absent(rootOf(multi), "linux/s390x", "linux/amd64", "linux/s390x", "linux/riscv64")).toEqual({
      wanted: ["linux/s390x", "linux/riscv64"],
      offered: ["linux/amd64", "linux/arm64/v8", "linux/arm"],
    });
  });

  test("tells two builds of Windows apart", () => {
    const windows = { os: "windows", architecture: "amd64", osVersion: "10.0.20348.1", osFeatures: ["win32k"] };
    expect(absent(rootOf(amd, { platform: windows }), "windows(10.0.17763)/amd64")).toEqual({
      wanted: ["windows(10.0.17763)/amd64"],
      offered: ["windows(10.0.20348.1+win32k)/amd64"],
    });
  });

  test("finds nothing absent where all that was asked for is there, or nothing was", () => {
    expect(absent(rootOf(multi), "linux/amd64").wanted).toEqual([]);
    expect(absent(rootOf(multi)).wanted).toEqual([]);
    expect(absent(rootOf(index([{ tree: amd }])), "linux/amd64")).toEqual({ wanted: ["linux/amd64"], offered: [] });
  });
});

describe("selectPlatforms", () => {
  test("keeps the root itself when no platform is asked for, or all are kept", () => {
    const root = rootOf(multi);
    expect(select(root)).toBe(root);
    expect(select(root, "linux/amd64", "linux/arm64", "linux/arm/v7")).toBe(root);
  });

  test("keeps an image with its attestation and drops the others' when one platform is asked for", () => {
    expect(digests(select(rootOf(multi), "linux/arm64"))).toEqual([digest(arm), digest(ofArm)]);
    expect(digests(select(rootOf(multi), "linux/arm/7"))).toEqual([digest(armv7)]);
  });

  test("drops an orphan attestation although its platform is unknown", () => {
    const orphan = index([{ tree: amd, platform: linux("amd64") }, attestationEntry(ofArm, arm)]);
    expect(digests(select(rootOf(orphan), "linux/amd64"))).toEqual([digest(amd)]);
  });

  test("keeps an attestation whose subject has no platform", () => {
    const list = index([{ tree: amd }, attestationEntry(ofAmd, amd), { tree: arm, platform: linux("arm64") }]);
    expect(digests(select(rootOf(list), "linux/s390x"))).toEqual([digest(amd), digest(ofAmd)]);
  });

  test("keeps type, annotations and artifact type when the index is written anew", () => {
    const list = index(
      [
        { tree: amd, platform: linux("amd64") },
        { tree: arm, platform: linux("arm64") },
      ],
      { annotations: { b: "1", a: "2" }, extra: { artifactType: "application/vnd.example", unknown: 1 } },
    );
    const root = select(rootOf(list), "linux/amd64");
    expect(root.descriptor.mediaType).toBe(mediaTypes.ociIndex);
    expect(Object.keys(JSON.parse(Buffer.from(root.bytes).toString()) as object)).toEqual([
      "schemaVersion",
      "mediaType",
      "artifactType",
      "manifests",
      "annotations",
    ]);
  });

  test("stays a docker list when it was one", () => {
    const docker = image({ docker: true });
    const list = index(
      [
        { tree: docker, platform: linux("amd64") },
        { tree: image({ docker: true, seed: "2" }), platform: linux("arm64") },
      ],
      { docker: true },
    );
    const root = select(rootOf(list), "linux/amd64");
    expect([root.descriptor.mediaType, digests(root)]).toEqual([mediaTypes.dockerList, [digest(docker)]]);
  });

  test("keeps a lone image that matches", () => {
    const root = rootOf(amd, { platform: linux("amd64") });
    expect(select(root, "linux/x86_64")).toBe(root);
  });

  test.each([
    [
      "the index holds none of them",
      () => select(rootOf(multi), "linux/s390x"),
      "none of the manifests match the provided platforms",
    ],
    [
      "a lone image is of another",
      () => select(rootOf(amd, { platform: linux("arm", "v6") }), "linux/amd64"),
      "input platform linux/arm/v6 does not match any of the provided platforms",
    ],
    [
      "a lone image has no platform",
      () => select(rootOf(amd), "linux/amd64"),
      "cannot filter platforms from a manifest without platform information",
    ],
  ])("refuses in buildx's words when %s", (_, work, message) => {
    expect(work).toThrow(expect.objectContaining({ message, code: "not_found" }));
  });

  test("says what there is when the index holds none of them", () => {
    const advice = "The sources have linux/amd64, linux/arm64/v8, linux/arm";
    expect(() => select(rootOf(multi), "linux/s390x")).toThrow(
      expect.objectContaining({ context: expect.objectContaining({ advice }) }),
    );
  });
});
