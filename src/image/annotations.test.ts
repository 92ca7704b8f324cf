import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasCode, WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { digestOf } from "../spec/digest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { annotateChildren, annotateIndex, parseAnnotations, unmatchedPlatforms } from "./annotations.ts";

const errorOf = (texts: readonly string[]): WaybillError => {
  try {
    parseAnnotations(texts);
  } catch (error) {
    if (error instanceof WaybillError) return error;
  }
  throw new Error("expected an error");
};

describe("parseAnnotations", () => {
  test("reads the index's when there is no type", () => {
    expect(parseAnnotations(["a=b"])).toEqual([{ on: "index", key: "a", value: "b" }]);
  });

  test("reads several types with platforms, and keeps = and : of the value", () => {
    expect(parseAnnotations(["index,manifest-descriptor[linux/arm64]:a.b/c=d=e:f"])).toEqual([
      { on: "index", key: "a.b/c", value: "d=e:f" },
      { on: "manifest-descriptor", key: "a.b/c", value: "d=e:f", platform: { os: "linux", architecture: "arm64" } },
    ]);
  });

  test("passes over empty texts, as scripts leave them", () => {
    expect(parseAnnotations(["", "a=b", ""])).toEqual([{ on: "index", key: "a", value: "b" }]);
  });

  test("keeps the colons and brackets of a key when a type is in front", () => {
    expect(parseAnnotations(["index:a:b="])).toEqual([{ on: "index", key: "a:b", value: "" }]);
    expect(parseAnnotations(["index:a[0]=b"])).toEqual([{ on: "index", key: "a[0]", value: "b" }]);
  });

  test.each([
    ["ab", 'failed to parse annotations: invalid annotation "ab", expected key=value'],
    ["=b", 'failed to parse annotations: invalid annotation "=b", expected key=value'],
    ["index:=b", 'failed to parse annotations: invalid annotation "index:=b", expected key=value'],
    [
      "manifest-descriptor[linux/amd64]a=b",
      'failed to parse annotations: invalid annotation key "manifest-descriptor[linux/amd64]a", expected a colon between type and key',
    ],
    ["a:b=c", 'failed to parse annotations: unknown annotation type "a"'],
    [
      "A:b=c",
      'failed to parse annotations: invalid annotation type "A", expected type and optional platform in square brackets',
    ],
    [
      ":b=c",
      'failed to parse annotations: invalid annotation type "", expected type and optional platform in square brackets',
    ],
    [
      "manifest-descriptor[]:b=c",
      'failed to parse annotations: invalid annotation type "manifest-descriptor[]", expected type and optional platform in square brackets',
    ],
    [
      "manifest-descriptor[a/b/c/d]:b=c",
      'failed to parse annotations: invalid platform "a/b/c/d": expected os/arch[/variant], such as linux/arm64',
    ],
    ["index-descriptor:b=c", '"index-descriptor" annotations are invalid while creating an image'],
  ])("refuses %s", (text, message) => {
    expect(errorOf([text]).message).toBe(message);
  });

  test("says what to write in place of a manifest annotation", () => {
    const error = errorOf(["index:a=b", "manifest:a=b"]);
    expect(error.message).toMatch(/^"manifest" annotations are not supported yet/);
    expect(error.context.advice).toMatch(/index: or manifest-descriptor:/);
    expect(hasCode(error, "invalid_annotation")).toBe(true);
  });

  test("answers or throws a WaybillError for any text", () => {
    const text = fc.oneof(fc.string({ unit: "binary" }), fc.stringMatching(/^[a-z,[\]/-]{0,20}:?[a-z:]{0,5}=?.{0,5}$/));
    fc.assert(
      fc.property(text, (given) => {
        try {
          expect(parseAnnotations([given]).length === 0).toBe(given === "");
        } catch (error) {
          expect(hasCode(error, "invalid_annotation", "invalid_platform")).toBe(true);
        }
      }),
    );
  });
});

const child = (text: string, more: Partial<Descriptor> = {}): Descriptor => ({
  mediaType: mediaTypes.ociManifest,
  digest: digestOf(Buffer.from(text)),
  size: 1,
  ...more,
});

describe("annotateChildren", () => {
  const amd = child("amd", { platform: { os: "linux", architecture: "amd64" }, annotations: { a: "0", z: "0" } });
  const arm = child("arm", { platform: { os: "linux", architecture: "arm64", variant: "v8" } });
  const bare = child("bare");

  test("writes on every child when no platform is given, over what was there", () => {
    const annotated = annotateChildren(parseAnnotations(["manifest-descriptor:a=1"]), [amd, arm, bare]);
    expect(annotated.map(({ annotations }) => ({ ...annotations }))).toEqual([
      { a: "1", z: "0" },
      { a: "1" },
      { a: "1" },
    ]);
  });

  test("writes on the children of one platform, however it is spelled, and does not crash at one without", () => {
    const annotated = annotateChildren(parseAnnotations(["manifest-descriptor[linux/aarch64]:a=1"]), [amd, arm, bare]);
    expect(annotated).toEqual([amd, { ...arm, annotations: { a: "1" } }, bare]);
  });

  test("names the platforms that no child has", () => {
    const texts = ["linux/aarch64", "linux/s390x", "linux/s390x"].map((name) => `manifest-descriptor[${name}]:a=1`);
    expect(
      unmatchedPlatforms(parseAnnotations([...texts, "index:a=1", "manifest-descriptor:a=1"]), [amd, arm]),
    ).toEqual(["linux/s390x"]);
    expect(unmatchedPlatforms(parseAnnotations(texts), [bare])).toEqual(["linux/arm64", "linux/s390x"]);
  });

  test("lets the platform's word win over the general one in either order", () => {
    const texts = ["manifest-descriptor[linux/arm64]:a=own", "manifest-descriptor:a=all"];
    for (const order of [texts, texts.toReversed()]) {
      const [first, second] = annotateChildren(parseAnnotations(order), [amd, arm]);
      expect([first?.annotations?.["a"], second?.annotations?.["a"]]).toEqual(["all", "own"]);
    }
  });

  test("leaves children alone when only the index is annotated", () => {
    expect(annotateChildren(parseAnnotations(["index:a=1", "b=2"]), [amd, bare])).toEqual([amd, bare]);
  });
});

describe("annotateIndex", () => {
  test("adds the index's to those there are, the last word winning", () => {
    const annotations = parseAnnotations(["a=1", "index:a=2", "manifest-descriptor:b=3"]);
    expect({ ...annotateIndex(annotations, { a: "0", c: "0" }) }).toEqual({ a: "2", c: "0" });
  });

  test("takes __proto__ for a key like any other", () => {
    expect(Object.entries(annotateIndex(parseAnnotations(["__proto__=x"])) ?? {})).toEqual([["__proto__", "x"]]);
  });

  test("is undefined when there is nothing", () => {
    expect(annotateIndex(parseAnnotations(["manifest-descriptor:b=3"]))).toBeUndefined();
  });
});
