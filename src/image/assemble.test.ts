import { Ajv } from "ajv";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { indexSchema } from "../../test/support/oci-schema.ts";
import { attestation, attestationEntry, image, index, type Tree } from "../../test/support/trees.ts";
import { hasCode } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { digestOf } from "../spec/digest.ts";
import { parseManifest, type Index } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import type { Location } from "../spec/reference.ts";
import { parseAnnotations } from "./annotations.ts";
import { assemble, encodeIndex, requireReadable, rootOf, type Part } from "./assemble.ts";

const at = (repository: string): Location => ({ kind: "registry", host: "r.example", repository });
const part = (tree: Tree, more: Partial<Descriptor> = {}, repository = "app"): Part => ({
  location: at(repository),
  manifest: tree.manifest,
  descriptor: { ...tree.manifest.descriptor, ...more },
});
const linux = (architecture: string) => ({ os: "linux", architecture });
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
const digest = (tree: Tree) => tree.manifest.descriptor.digest;

const amd = image();
const arm = image({ config: linux("arm64") });
const dockerAmd = image({ docker: true });

describe("assemble", () => {
  test("writes an index in Go's field order, two spaces, no newline, when there are two images", () => {
    const parts = [
      part(amd, { platform: linux("amd64") }),
      part(arm, { platform: { ...linux("arm"), variant: "v7" } }),
    ];
    expect(textOf(assemble(parts).bytes)).toBe(`{
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "${digest(amd)}",
      "size": ${amd.manifest.bytes.byteLength},
      "platform": {
        "architecture": "amd64",
        "os": "linux"
      }
    },
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "${digest(arm)}",
      "size": ${arm.manifest.bytes.byteLength},
      "platform": {
        "architecture": "arm",
        "os": "linux",
        "variant": "v7"
      }
    }
  ]
}`);
  });

  test("escapes as Go does and sorts annotations when some are added", () => {
    const root = assemble([part(amd, { platform: linux("amd64") })], {
      annotations: parseAnnotations(["z=<&>", 'a=\u2028"\\\n']),
    });
    expect(textOf(root.bytes)).toMatch(
      /"annotations": \{\n {4}"a": "\\u2028\\"\\\\\\n",\n {4}"z": "\\u003c\\u0026\\u003e"\n {2}\}\n\}$/,
    );
  });

  test("keeps a lone index byte for byte, and a lone image only when no index is preferred", () => {
    const list = index([{ tree: amd }]);
    expect(assemble([part(list)]).bytes).toBe(list.manifest.bytes);
    expect(assemble([part(amd)], { preferIndex: false }).descriptor.digest).toBe(digest(amd));
    expect(assemble([part(amd)]).document).toMatchObject({ kind: "index", manifests: [{ digest: digest(amd) }] });
  });

  test("writes an index even for a lone image when annotations are added", () => {
    const root = assemble([part(amd)], { preferIndex: false, annotations: parseAnnotations(["a=b"]) });
    expect(root.document).toMatchObject({ kind: "index", annotations: { a: "b" } });
  });

  test("keeps the place of what comes twice and lets the later word win", () => {
    const first = part(amd, { annotations: { a: "1", b: "1" } });
    const again = part(amd, { platform: linux("riscv64"), annotations: { b: "2" } }, "other");
    const { document, origins } = assemble([first, part(arm), again]);
    expect((document as Index).manifests.map((child) => child.digest)).toEqual([digest(amd), digest(arm)]);
    expect((document as Index).manifests[0]).toMatchObject({
      platform: linux("riscv64"),
      annotations: { a: "1", b: "2" },
    });
    expect(origins.get(digest(amd))).toEqual([at("other"), at("app")]);
  });

  test("takes the children of an index in its place", () => {
    const list = index([{ tree: amd, platform: linux("amd64") }, attestationEntry(attestation(amd), amd)]);
    const { document, origins } = assemble([part(arm), part(list, {}, "lists")]);
    expect((document as Index).manifests.map((child) => child.digest)).toEqual([
      digest(arm),
      digest(amd),
      digest(attestation(amd)),
    ]);
    expect(origins.get(digest(attestation(amd)))).toEqual([at("lists")]);
  });

  test("makes a docker list only when all children are docker's", () => {
    expect(assemble([part(dockerAmd)]).descriptor.mediaType).toBe(mediaTypes.dockerList);
    expect(assemble([part(dockerAmd), part(arm)]).descriptor.mediaType).toBe(mediaTypes.ociIndex);
  });

  test("refuses annotations with advice when the result would be a docker list, in place of dropping them", () => {
    const work = () => assemble([part(dockerAmd)], { annotations: parseAnnotations(["a=b"]) });
    expect(work).toThrow(/docker manifest list holds no annotations/);
    try {
      work();
    } catch (error) {
      expect(hasCode(error, "invalid_annotation") && error.context.advice).toMatch(/oci-mediatypes=true/);
    }
  });

  test("does not crash when a child without a platform meets an annotation for one", () => {
    const annotations = parseAnnotations(["manifest-descriptor[linux/amd64]:a=b"]);
    const list = index([{ tree: amd }, { tree: arm, platform: linux("amd64") }]);
    const { document } = assemble([part(list)], { annotations });
    expect((document as Index).manifests.map((child) => child.annotations?.["a"])).toEqual([undefined, "b"]);
  });

  test("gives the same bytes when it runs again with annotations in another order of keys", () => {
    const texts = ["index:b=1", "index:a=2", "manifest-descriptor:d=3", "manifest-descriptor:c=4"];
    const bytes = [texts, texts.toReversed()].map((order) =>
      textOf(assemble([part(amd), part(arm)], { annotations: parseAnnotations(order) }).bytes),
    );
    expect(bytes[0]).toBe(bytes[1]);
  });

  test("describes its bytes: type, digest and size", () => {
    const { descriptor, bytes } = assemble([part(amd), part(arm)]);
    expect(descriptor).toEqual({ mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), size: bytes.byteLength });
  });
});

const text = fc.string({ unit: "binary", maxLength: 12 });
const descriptors: fc.Arbitrary<Descriptor> = fc.record(
  {
    mediaType: fc.constantFrom(mediaTypes.ociManifest, mediaTypes.dockerManifest, mediaTypes.ociIndex),
    digest: fc.uint8Array({ maxLength: 2 }).map((bytes) => digestOf(bytes)),
    size: fc.maxSafeNat(),
    urls: fc.array(fc.webUrl(), { maxLength: 2 }),
    annotations: fc.dictionary(text, text, { maxKeys: 3 }),
    data: fc.base64String({ maxLength: 12 }),
    platform: fc.record({ architecture: text, os: text, osVersion: text, osFeatures: fc.array(text), variant: text }),
    artifactType: fc.constantFrom("application/spdx+json", "a/b"),
  },
  { requiredKeys: ["mediaType", "digest", "size"] },
);

describe("encodeIndex", () => {
  const isValid = new Ajv().compile(indexSchema);

  test("writes what the OCI schema accepts and parseManifest reads back, whatever the children say", () => {
    fc.assert(
      fc.property(fc.array(descriptors, { maxLength: 4 }), fc.dictionary(text, text), (manifests, annotations) => {
        const bytes = encodeIndex({ kind: "index", mediaType: mediaTypes.ociIndex, manifests, annotations });
        expect(isValid(JSON.parse(textOf(bytes))), JSON.stringify(isValid.errors)).toBe(true);
        const { document } = parseManifest(bytes);
        expect(Buffer.from(encodeIndex(document as Index)).equals(bytes)).toBe(true);
      }),
    );
  });
});

test("requireReadable accepts as many manifests as parseManifest does, and no more", () => {
  const rootWith = (length: number) => {
    const manifests = Array.from({ length }, () => amd.manifest.descriptor);
    return rootOf({ kind: "index", mediaType: mediaTypes.ociIndex, manifests }, new Map());
  };
  const most = rootWith(5000);
  const over = rootWith(5001);

  requireReadable(most);
  parseManifest(most.bytes);
  const tooLarge = expect.objectContaining({ code: "too_large" }) as Error;
  expect(() => requireReadable(over)).toThrow(tooLarge);
  expect(() => parseManifest(over.bytes)).toThrow(tooLarge);
});
