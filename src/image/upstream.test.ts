import { describe, expect, test } from "vitest";
import { repositories } from "../../test/support/repositories.ts";
import { attestation, attestationEntry, image, index, type Tree } from "../../test/support/trees.ts";
import { digestOf } from "../spec/digest.ts";
import type { Platform } from "../spec/platform.ts";
import { gather, type GatherRequest } from "./gather.ts";

// Each expectation is what `docker buildx imagetools create --dry-run` 0.29 gave for the same images on a registry: the
// sha256 of what it printed (without the newline), or its message.

const host = "127.0.0.1:5571";
const amd = image();
const arm = image({ config: { architecture: "arm64", os: "linux", variant: "v8" } });
const armhf = image({ config: { architecture: "armhf", os: "linux" } });
const dockerAmd = image({ docker: true });
const dockerArm = image({ docker: true, config: { architecture: "arm", os: "linux" } });
const windows = image({ config: { architecture: "amd64", os: "windows", "os.version": "10.0.17763.1" } });
const artifact = image({ config: {}, seed: "artifact" });

const platform = (os: string, architecture: string, variant?: string): Platform => ({
  os,
  architecture,
  ...(variant && { variant }),
});
const multi = index([
  { tree: amd, platform: platform("linux", "amd64") },
  { tree: arm, platform: platform("linux", "arm64", "v8") },
  attestationEntry(attestation(amd), amd),
  attestationEntry(attestation(arm), arm),
]);
const plain = index(
  [
    { tree: amd, platform: platform("linux", "amd64") },
    { tree: arm, platform: platform("linux", "arm64") },
  ],
  { annotations: { "org.example.b": "<&>\u2028é", "org.example.a": "x" } },
);
const withoutPlatform = index(
  [{ tree: amd }, { tree: arm, platform: platform("linux", "arm64"), annotations: { z: "1", a: "2" } }],
  { extra: { artifactType: "application/vnd.example" } },
);
const dockerList = index(
  [
    { tree: dockerAmd, platform: platform("linux", "amd64") },
    { tree: dockerArm, platform: platform("linux", "arm", "v7") },
  ],
  { docker: true },
);
const contents = {
  [`${host}/one`]: {
    amd,
    arm,
    armhf,
    dockerAmd,
    dockerArm,
    windows,
    artifact,
    multi,
    plain,
    withoutPlatform,
    dockerList,
  },
  [`${host}/two`]: { amd, arm, multi },
};

const one = (tag: string): string => `${host}/one:${tag}`;
const two = (tag: string): string => `${host}/two:${tag}`;
const digestOfTree = (tree: Tree): string => tree.manifest.descriptor.digest;
const descriptor = (tree: Tree, more: object = {}): string => {
  const { mediaType, digest, size } = tree.manifest.descriptor;
  return JSON.stringify({ mediaType, digest, size, ...more });
};

async function dryRun(request: Partial<GatherRequest>): Promise<Uint8Array> {
  const defaults = {
    sources: [],
    files: [],
    tags: [],
    append: false,
    preferIndex: true,
    platforms: [],
    annotations: [],
    rescue: true,
  };
  const { root } = await gather({ ...defaults, ...request }, { open: repositories(contents).open });
  return root.bytes;
}

type Case = readonly [name: string, request: Partial<GatherRequest>, expected: string];

const documents: readonly Case[] = [
  [
    "wraps a single image into an index",
    { sources: [one("amd")] },
    "7df1fdaa66ff32287d9d91c617e94febd3e2fc57c806aa78d7caa250f3b7c237",
  ],
  [
    "copies a single image with prefer-index off",
    { sources: [one("amd")], preferIndex: false },
    "562487ed2780c2505ec93dd6995fb0250e4cf8784e4479bd4f26c69997e68e16",
  ],
  [
    "copies a single index",
    { sources: [one("plain")] },
    "d3b13eac1c9dc72073a383d445a24472587509e734ee14f84d1ea7abbe14a66e",
  ],
  [
    "joins two images",
    { sources: [one("amd"), one("arm")] },
    "8ef2f7b8fb37d9b516a9ba57652d8326132c180cf620314b95b5afb4494637cb",
  ],
  [
    "takes a digest in the one repository",
    { sources: [`${host}/one@${digestOfTree(armhf)}`, digestOfTree(amd)] },
    "c21a563c014f5e88b6619fa6d8ab893d8dbe62bf5e4cf5131576fa5c432250a1",
  ],
  [
    "makes a docker list of docker images",
    { sources: [one("dockerAmd"), one("dockerArm")] },
    "490fe19dbde0e273c7691e85bda44b86c3ed8570ad2636f803f302c86cc14ad4",
  ],
  [
    "makes an OCI index of docker and OCI images",
    { sources: [one("dockerAmd"), one("arm")] },
    "cfc8b6f2083c76f6837ecf1d12443a538b615c7e518642342da3f191f986ef6f",
  ],
  [
    "copies a single docker list",
    { sources: [one("dockerList")] },
    "fbb07290cbc9c721f1d0dabe878ee35dd8d6420723c148e8b89e82ea4a07440e",
  ],
  [
    "lists an image once that comes twice",
    { sources: [one("dockerList"), one("dockerAmd")] },
    "490fe19dbde0e273c7691e85bda44b86c3ed8570ad2636f803f302c86cc14ad4",
  ],
  [
    "merges two indexes",
    { sources: [one("plain"), two("multi")] },
    "8911501911afed0a1a39b1ef6994f6c51324b6f5756ef2455642d5a3ccd2a769",
  ],
  [
    "lets a later source give the platform",
    { sources: [one("withoutPlatform"), one("plain")] },
    "00369814968a14f566d4be6941e5fcdb2343272f444aef688d900bc23e3b3f98",
  ],
  [
    "takes an artifact's empty config",
    { sources: [one("artifact")] },
    "8d5e4af8f9e40b030e1ed7f1864f8f7f494009ccc6cf62c52b6f7ef231af38c4",
  ],
  [
    "leaves os.version of a config out",
    { sources: [one("windows")] },
    "a3379c972c6bd3b2d3e35f25a32e54ad1368becd47c715eb1f2e063ad3d7d5f0",
  ],
  [
    "takes os.version from a descriptor",
    {
      sources: [
        descriptor(windows, {
          platform: { os: "windows", architecture: "amd64", "os.version": "10.0.17763.1", "os.features": ["win32k"] },
        }),
      ],
      tags: [one("new")],
    },
    "e1b2601da431a7c25f647148c31f2e851e415a30efa0c24c7cf9e30068612871",
  ],
  [
    "takes a descriptor of digest and annotations",
    { sources: [JSON.stringify({ digest: digestOfTree(arm), annotations: { k: "v" } })], tags: [one("new")] },
    "730a6939f851028abba4fefe4092d6419d62d1092eb4ae07d6e3448dd7f3c5c9",
  ],
  [
    "copies an index that a descriptor names",
    { sources: [descriptor(plain, { annotations: { k: "v" } })], tags: [one("new")] },
    "d3b13eac1c9dc72073a383d445a24472587509e734ee14f84d1ea7abbe14a66e",
  ],
  [
    "annotates index and descriptors",
    { sources: [one("plain")], annotations: ["index:a=b", "index:z=<y>", "manifest-descriptor:m=1"] },
    "4a3101f3f76c12f0bec144d923059d11f78a1a18f7db09bc7ae974bda473567a",
  ],
  [
    "annotates one platform",
    { sources: [one("amd"), one("arm")], annotations: ["index,manifest-descriptor[linux/amd64]:a=b=c"] },
    "811cc360bad397f32ffe61294743c64a178793a4c8ca42e90994a6aa31fee044",
  ],
  [
    "keeps one platform and its attestation",
    { sources: [one("multi")], platforms: ["linux/arm64"] },
    "fc0529bfef418a816f0f33fa3ee3d3fd027ccd58d738e277329a1a50fad9fe51",
  ],
  [
    "keeps the bytes when all platforms are kept",
    { sources: [one("multi")], platforms: ["linux/arm64,linux/amd64"] },
    "7da3b1d13b84d6de44d903e339a32420f0faa6e7fcc5dfcdc4c7240360c75aa4",
  ],
  [
    "keeps children without a platform",
    { sources: [one("withoutPlatform")], platforms: ["linux/s390x"] },
    "7835a945993a49eff32ec2afeb0ba682c3f3c09714f83478793878f5d303b268",
  ],
  [
    "keeps the index's annotations",
    { sources: [one("plain")], platforms: ["linux/amd64"] },
    "055b856b65f3d8803b5ed5c189309eabb8e35254634810b3d53002f1215ee362",
  ],
  [
    "puts the first tag before the sources",
    { sources: [one("arm")], append: true, tags: [one("amd")] },
    "8ef2f7b8fb37d9b516a9ba57652d8326132c180cf620314b95b5afb4494637cb",
  ],
  [
    "puts files before the sources",
    { sources: [one("arm")], files: [{ path: "f", content: Buffer.from(one("amd")) }] },
    "8ef2f7b8fb37d9b516a9ba57652d8326132c180cf620314b95b5afb4494637cb",
  ],
  [
    "keeps the first place of what comes again",
    { sources: [two("arm"), one("multi"), one("amd")] },
    "7a422c563c830158545a538f50b948587caf9128560b1d53d80b0958a858c88f",
  ],
];

describe("gather gives buildx's bytes when it", () => {
  test.each(documents)("%s", async (_, request, expected) => {
    const bytes = await dryRun(request);
    expect(digestOf(bytes), Buffer.from(bytes).toString()).toBe(`sha256:${expected}`);
  });
});

const wrapped = (text: string): string =>
  `failed to parse source "${text}", valid sources are digests, references and descriptors: `;
const notHex = `sha256:${"g".repeat(64)}`;

const refusals: readonly Case[] = [
  [
    "a descriptor's size is wrong",
    { sources: [JSON.stringify({ digest: digestOfTree(arm), size: 5 })], tags: [one("new")] },
    `invalid size mismatch for ${digestOfTree(arm)}, 5 != 474`,
  ],
  [
    "an annotation is for the index's descriptor",
    { sources: [one("amd")], annotations: ["index-descriptor:a=b"] },
    '"index-descriptor" annotations are invalid while creating an image',
  ],
  [
    "an annotation has no value",
    { sources: [one("amd")], annotations: ["ab"] },
    'failed to parse annotations: invalid annotation "ab", expected key=value',
  ],
  [
    "an annotation's type is malformed",
    { sources: [one("amd")], annotations: ["index[:a=b"] },
    'failed to parse annotations: invalid annotation type "index[", expected type and optional platform in square brackets',
  ],
  [
    "an annotation's type is unknown",
    { sources: [one("amd")], annotations: ["foo:a=b"] },
    'failed to parse annotations: unknown annotation type "foo"',
  ],
  [
    "no manifest is of the platforms",
    { sources: [one("multi")], platforms: ["linux/s390x"] },
    "none of the manifests match the provided platforms",
  ],
  [
    "the image is of another platform",
    { sources: [one("amd")], platforms: ["linux/arm64"], preferIndex: false },
    "input platform linux/amd64 does not match any of the provided platforms",
  ],
  [
    "the wrapped image is of another platform",
    { sources: [one("amd")], platforms: ["linux/arm64"] },
    "none of the manifests match the provided platforms",
  ],
  ["there is no source", {}, "no sources specified"],
  [
    "there is no repository",
    { sources: [digestOfTree(amd)] },
    "no repositories specified, please set a reference in tag or source",
  ],
  ["a digest is too short", { sources: ["sha256:abc"] }, `${wrapped("sha256:abc")}invalid checksum digest length`],
  ["a digest is not hex", { sources: [notHex] }, `${wrapped(notHex)}invalid checksum digest format`],
  [
    "a digest has two repositories to choose from",
    { sources: [digestOfTree(amd), one("arm"), two("arm")] },
    `multiple repositories specified, cannot infer repository for "${digestOfTree(amd)}"`,
  ],
  [
    "a descriptor has two repositories to choose from",
    { sources: [descriptor(amd), one("arm"), two("arm")] },
    `multiple repositories specified, cannot infer repository for ${JSON.stringify(descriptor(amd))}`,
  ],
];

describe("gather refuses in buildx's words when", () => {
  test.each(refusals)("%s", async (_, request, expected) => {
    await expect(dryRun(request)).rejects.toThrow(expect.objectContaining({ message: expected }));
  });

  test("it depends on what the registry holds, and that is no mistake in the request", async () => {
    const size = dryRun({ sources: [JSON.stringify({ digest: digestOfTree(arm), size: 5 })], tags: [one("new")] });
    await expect(size).rejects.toMatchObject({ code: "size_mismatch" });
    await expect(dryRun({ sources: [one("multi")], platforms: ["linux/s390x"] })).rejects.toMatchObject({
      code: "not_found",
    });
  });
});
