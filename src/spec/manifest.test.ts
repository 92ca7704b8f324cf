import { Ajv } from "ajv";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { indexSchema, manifestSchema } from "../../test/support/oci-schema.ts";
import { attestation, image, index, referrer } from "../../test/support/trees.ts";
import { hasCode } from "../errors.ts";
import { digestOf } from "./digest.ts";
import { artifactTypeOf, childrenOf, parseManifest, type ManifestOptions } from "./manifest.ts";
import { mediaTypes } from "./media-type.ts";

const digest = `sha256:${"a".repeat(64)}`;
const config = { mediaType: mediaTypes.ociConfig, digest, size: 2 };
const layer = { mediaType: mediaTypes.ociLayerGzip, digest, size: 3 };
const imageDocument = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] };
const indexDocument = {
  schemaVersion: 2,
  mediaType: mediaTypes.ociIndex,
  manifests: [{ ...layer, mediaType: mediaTypes.ociManifest }],
};
const read = (document: unknown, options?: ManifestOptions) =>
  parseManifest(Buffer.from(JSON.stringify(document)), options);
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return hasCode(error, "invalid_manifest", "too_large", "not_a_registry") ? error.code : "another error";
  }
  return "no error";
};

describe("parseManifest", () => {
  test("keeps the bytes, and reads a copy beside them", () => {
    const bytes = Buffer.from(` ${JSON.stringify({ ...imageDocument, unknown: 1 })}\n`);
    const manifest = parseManifest(bytes);
    expect(manifest.bytes).toBe(bytes);
    expect(manifest.descriptor).toEqual({
      mediaType: mediaTypes.ociManifest,
      digest: digestOf(bytes),
      size: bytes.byteLength,
    });
    expect(manifest.document).toEqual({ kind: "image", mediaType: mediaTypes.ociManifest, config, layers: [layer] });
  });

  test("reads subject, artifact type and annotations of both kinds", () => {
    const more = { subject: indexDocument.manifests[0], artifactType: "a/b", annotations: { k: "v" } };
    expect(read({ ...imageDocument, ...more }).document).toMatchObject({ kind: "image", ...more });
    expect(read({ ...indexDocument, ...more }).document).toMatchObject({ kind: "index", ...more });
    expect(read({ ...indexDocument, ...more }).descriptor.artifactType).toBe("a/b");
  });

  test.each([
    ["an OCI config tells an OCI image", { config, layers: [] }, mediaTypes.ociManifest],
    [
      "a docker config tells a docker image",
      { config: { ...config, mediaType: mediaTypes.dockerConfig }, layers: [] },
      mediaTypes.dockerManifest,
    ],
    ["manifests tell an index", { manifests: [] }, mediaTypes.ociIndex],
    ["no lists are empty lists", { config, layers: null }, mediaTypes.ociManifest],
  ])("settles the type without one: %s", (_, document, mediaType) => {
    expect(read({ schemaVersion: 2, ...document }).descriptor.mediaType).toBe(mediaType);
  });

  test("takes the announced type where the body has none, without its parameters, and ignores generic ones", () => {
    const { mediaType: _, ...untyped } = indexDocument;
    expect(read(untyped, { mediaType: `${mediaTypes.dockerList}; charset=utf-8` }).descriptor.mediaType).toBe(
      mediaTypes.dockerList,
    );
    for (const mediaType of ["application/json", "text/plain", "application/octet-stream", ""]) {
      expect(read(untyped, { mediaType }).descriptor.mediaType).toBe(mediaTypes.ociIndex);
      expect(read(indexDocument, { mediaType }).descriptor.mediaType).toBe(mediaTypes.ociIndex);
    }
  });

  test.each([
    ["an index and an image at once", { ...indexDocument, layers: [layer] }],
    ["an index with a config", { ...indexDocument, config }],
    ["an image with manifests", { ...imageDocument, manifests: [] }],
    ["an index that is called an image", { ...indexDocument, mediaType: mediaTypes.ociManifest }],
    ["an image that is called an index", { ...imageDocument, mediaType: mediaTypes.ociIndex }],
    ["a member that Go reads under another case", { ...imageDocument, Manifests: [] }],
    ["a member with the long s that Go takes for s", { ...indexDocument, "layer\u017f": [layer] }],
    ["a type that Go reads under another case", { ...imageDocument, MediaType: mediaTypes.ociIndex }],
    ["another type of document", { ...imageDocument, mediaType: "application/json" }],
    ["docker schema 1", { schemaVersion: 1, fsLayers: [] }],
    ["docker schema 1 by its name", { mediaType: mediaTypes.dockerSchema1Signed }],
    ["an image without config", { mediaType: mediaTypes.ociManifest, layers: [] }],
    ["layers that are no list", { ...imageDocument, layers: {} }],
    ["a layer that is null", { ...imageDocument, layers: [null] }],
    ["annotations that are no strings", { ...imageDocument, annotations: { a: [] } }],
    ["a type that is no string", { ...imageDocument, mediaType: 1 }],
    ["nothing", {}],
    ["a list", []],
    ["a number", 1],
    ["null", null],
  ])("refuses %s", (_, document) => {
    expect(codeOf(() => read(document))).toBe("invalid_manifest");
  });

  test("refuses a body of another type than was announced", () => {
    expect(codeOf(() => read(imageDocument, { mediaType: mediaTypes.dockerManifest }))).toBe("invalid_manifest");
    expect(codeOf(() => read(indexDocument, { mediaType: mediaTypes.ociManifest }))).toBe("invalid_manifest");
    expect(codeOf(() => read(imageDocument, { mediaType: mediaTypes.dockerSchema1 }))).toBe("invalid_manifest");
  });

  test("says so when it is a web page", () => {
    expect(codeOf(() => read({}, { mediaType: "text/html; charset=utf-8" }))).toBe("not_a_registry");
  });

  test.each([
    "-1",
    "-0",
    "0.5",
    "1.0",
    "1e3",
    "1E400",
    "1.0000000000000000001",
    "9007199254740992",
    "9007199254740993",
    "99999999999999999999",
  ])("refuses the size %s", (size) => {
    const text = JSON.stringify(imageDocument).replace('"size":3', `"size" : ${size}`);
    expect(codeOf(() => parseManifest(Buffer.from(text)))).toBe("invalid_manifest");
  });

  test("takes the largest size, and an annotation that is called size", () => {
    const text = JSON.stringify({ ...imageDocument, annotations: { size: "1.5" } }).replace(
      '"size":3',
      '"size":9007199254740991',
    );
    expect(parseManifest(Buffer.from(text)).document).toMatchObject({ layers: [{ size: 9007199254740991 }] });
  });

  test("refuses more descriptors than it may have, before it reads any", () => {
    const many = { ...imageDocument, layers: Array.from({ length: 5001 }, () => ({})) };
    expect(codeOf(() => read(many))).toBe("too_large");
    expect(codeOf(() => read({ ...imageDocument, layers: [layer, layer] }, { maxDescriptors: 1 }))).toBe("too_large");
    expect(codeOf(() => read({ ...imageDocument, layers: Array.from({ length: 5000 }, () => layer) }))).toBe(
      "no error",
    );
  });

  test("refuses 4 MiB and a byte, and a million empty lists", () => {
    expect(codeOf(() => parseManifest(Buffer.alloc(4 * 1024 * 1024 + 1, 0x20)))).toBe("too_large");
    expect(codeOf(() => parseManifest(Buffer.from("[".repeat(1_000_000))))).toBe("too_large");
  });

  test("answers or throws a WaybillError for any bytes and any JSON", () => {
    const key = fc.constantFrom(
      "schemaVersion",
      "mediaType",
      "config",
      "layers",
      "manifests",
      "subject",
      "annotations",
      "__proto__",
      "fsLayers",
    );
    const value = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom<unknown>(config, [layer], ...Object.values(mediaTypes), { __proto__: null }),
    );
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.dictionary(key, value).map((document) => Buffer.from(JSON.stringify(document))),
    );
    fc.assert(
      fc.property(
        bytes,
        fc.option(fc.constantFrom(...Object.values(mediaTypes)), { nil: undefined }),
        (given, mediaType) => {
          expect(codeOf(() => parseManifest(given, mediaType === undefined ? {} : { mediaType }))).not.toBe(
            "another error",
          );
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("the OCI schemas", () => {
  const ajv = new Ajv();
  const [isIndex, isManifest] = [ajv.compile(indexSchema), ajv.compile(manifestSchema)];
  const image1 = image();

  test("accept the documents that tests are made of", () => {
    for (const { manifest } of [image1, image({ docker: true }), attestation(image1, true), referrer(image1, "a/b")]) {
      expect(isManifest(JSON.parse(Buffer.from(manifest.bytes).toString())), JSON.stringify(isManifest.errors)).toBe(
        true,
      );
    }
    const list = index([{ tree: image1, platform: { os: "linux", architecture: "amd64" } }], {
      annotations: { a: "b" },
    });
    expect(isIndex(JSON.parse(Buffer.from(list.manifest.bytes).toString())), JSON.stringify(isIndex.errors)).toBe(true);
  });

  test("refuse what parseManifest refuses too", () => {
    for (const wrong of [{ size: -1 }, { digest: "x" }, { mediaType: "x" }, { annotations: { a: 1 } }]) {
      const document = { ...imageDocument, layers: [{ ...layer, ...wrong }] };
      expect([isManifest(document), codeOf(() => read(document))]).toEqual([false, "invalid_manifest"]);
    }
  });
});

describe("childrenOf", () => {
  test("is config and layers of an image, manifests of an index, and never the subject", () => {
    const subject = indexDocument.manifests[0];
    expect(childrenOf(read({ ...imageDocument, subject }).document)).toEqual([config, layer]);
    expect(childrenOf(read({ ...indexDocument, subject }).document)).toEqual(indexDocument.manifests);
  });
});

describe("artifactTypeOf", () => {
  test("is the config's type when an image has none of its own", () => {
    expect(artifactTypeOf(read({ ...imageDocument, artifactType: "a/b" }).document)).toBe("a/b");
    expect(artifactTypeOf(read(imageDocument).document)).toBe(mediaTypes.ociConfig);
    expect(artifactTypeOf(read(indexDocument).document)).toBeUndefined();
  });
});
