import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WaybillError } from "../errors.ts";
import { parseReference } from "../spec/reference.ts";
import { inferRepositories, parseSource } from "./source.ts";

const digest = `sha256:${"a".repeat(64)}`;
const other = `sha256:${"b".repeat(64)}`;
const descriptor = { mediaType: "application/vnd.oci.image.manifest.v1+json", digest, size: 7 };

const messageOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return error instanceof WaybillError ? `${error.code}: ${error.message}` : String(error);
  }
  return "no error";
};

describe("parseSource", () => {
  test("reads a digest when the text is one", () => {
    expect(parseSource(digest)).toEqual([{ kind: "digest", text: digest, digest }]);
  });

  test("reads a reference when the text names a repository or a layout", () => {
    for (const text of ["alpine", `ghcr.io/a/b:1@${digest}`, "oci-layout://some/folder:1"]) {
      expect(parseSource(text)).toEqual([{ kind: "reference", text, reference: parseReference(text) }]);
    }
  });

  test("takes a sha512 name for a repository when it is no digest, as buildx does", () => {
    expect(parseSource("sha512:abc")).toMatchObject([{ kind: "reference", reference: { tag: "abc" } }]);
  });

  test("reads all members of a descriptor and drops empty ones", () => {
    const platform = { os: "windows", architecture: "amd64", "os.version": "10.0", "os.features": ["win32k"] };
    const text = JSON.stringify({ ...descriptor, platform, annotations: { k: "v" }, urls: null, data: "" });
    expect(parseSource(text)).toEqual([
      {
        kind: "descriptor",
        text,
        claim: {
          ...descriptor,
          platform: { os: "windows", architecture: "amd64", osVersion: "10.0", osFeatures: ["win32k"] },
          annotations: { k: "v" },
        },
      },
    ]);
  });

  test("ignores one final newline when the text comes from a file", () => {
    for (const end of ["", "\n", "\r\n"]) {
      expect(parseSource(digest + end)).toEqual(parseSource(digest));
      expect(parseSource(JSON.stringify(descriptor) + end)).toEqual(parseSource(JSON.stringify(descriptor)));
    }
  });

  test("reads buildx's metadata file: image name with digest", () => {
    const text = JSON.stringify({ "image.name": "ghcr.io/a/b:1,docker.io/a/b:1", "containerimage.digest": digest });
    expect(parseSource(text)).toMatchObject([
      { kind: "reference", reference: { location: { host: "ghcr.io", repository: "a/b" }, digest } },
    ]);
  });

  test("reads the metadata file of create itself, which has the digest in its descriptor", () => {
    const text = JSON.stringify({ "containerimage.descriptor": descriptor, "image.name": "ghcr.io/a/b" });
    expect(parseSource(text)).toMatchObject([{ kind: "reference", reference: { digest } }]);
  });

  test.each([
    ["oci-layout:///tmp/a:1", "/tmp/a:1"],
    ["oci-layout:///tmp/a,b:1,c", "/tmp/a,b:1,c"],
    ["oci-layout:///tmp/a,b,oci-layout:///tmp/c", "/tmp/a,b"],
    ["oci-layout:///tmp/a,b,r.example/app", "/tmp/a,b"],
    ["oci-layout:///tmp/a,r:5000/app", "/tmp/a"],
    ["oci-layout://C:\\images", "C:\\images"],
  ])("reads the layout in a metadata file of create whose image.name is %s", (name, path) => {
    const text = JSON.stringify({ "containerimage.digest": digest, "image.name": name });
    expect(parseSource(text)).toMatchObject([{ reference: { location: { kind: "layout", path }, digest } }]);
  });

  test("reads a metadata file without a name as a bare digest", () => {
    expect(parseSource(JSON.stringify({ "containerimage.digest": digest }))).toMatchObject([
      { kind: "digest", digest },
    ]);
  });

  test.each(["digest", "schemaVersion"])("reads bake's metadata file that has a target named %s", (target) => {
    const image = { "image.name": "r.example/app:amd64", "containerimage.digest": digest };
    expect(parseSource(JSON.stringify({ [target]: image }))).toMatchObject([
      { kind: "reference", reference: { digest } },
    ]);
  });

  test("reads bake's metadata file: every target that pushed something", () => {
    const text = JSON.stringify({
      "buildx.build.warnings": [{ vertex: "sha256:x" }],
      amd64: { "image.name": "r.example/app:amd64", "containerimage.digest": digest },
      lint: { "buildx.build.ref": "default/default/x" },
      arm64: { "image.name": "r.example/app:arm64", "containerimage.digest": other },
    });
    expect(parseSource(`${text}\n`)).toMatchObject([
      { reference: { digest }, passedOver: ["lint"] },
      { reference: { digest: other } },
    ]);
  });

  test.each([
    ["{}", "invalid_descriptor", "invalid descriptor: digest is required"],
    ['{"digest":""}', "invalid_descriptor", "invalid descriptor: digest is required"],
    ['{"digest":"sha256:ab"}', "invalid_descriptor", "invalid descriptor digest: invalid checksum digest length"],
    ['{"digest":"nonsense"}', "invalid_descriptor", "invalid descriptor digest: invalid checksum digest format"],
    [
      `{"digest":"md5:${"a".repeat(32)}"}`,
      "invalid_descriptor",
      "invalid descriptor digest: unsupported digest algorithm",
    ],
    [
      '{"schemaVersion":2,"manifests":[]}',
      "invalid_descriptor",
      "expected an OCI content descriptor, got a manifest or index (schemaVersion 2)",
    ],
    [
      '{"schemaVersion":1}',
      "invalid_descriptor",
      "expected an OCI content descriptor, got a manifest or index (schemaVersion 1)",
    ],
    [`{"digest":"${digest}","size":-1}`, "invalid_descriptor", "invalid descriptor: size is not valid"],
    [
      `{"digest":"${digest}","annotations":{"a":1}}`,
      "invalid_descriptor",
      "invalid descriptor: annotations is not valid: not all values are strings",
    ],
    [
      '{"containerimage.digest":"sha256:ab"}',
      "invalid_descriptor",
      "invalid descriptor digest: invalid checksum digest length",
    ],
    ["{", "invalid_descriptor", "Cannot read source: it is not valid JSON"],
    ["sha256", "invalid_digest", "invalid checksum digest format"],
    ["", "invalid_reference", 'Cannot read reference "": it names no repository'],
  ])("says in buildx's words what is wrong with %s", (text, code, why) => {
    const prefix = `failed to parse source ${JSON.stringify(text)}, valid sources are digests, references and descriptors: `;
    expect(messageOf(() => parseSource(text))).toBe(`${code}: ${prefix}${why}`);
  });

  test("refuses nesting without end before it parses", () => {
    expect(messageOf(() => parseSource(`{"a":${"[".repeat(100_000)}`))).toMatch(/^too_large: failed to parse source /);
  });

  test("answers or throws a WaybillError for any text", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.json(),
      fc.object().map((value) => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(text, (given) => {
        expect(messageOf(() => parseSource(given))).toMatch(
          /^no error$|^(invalid_[a-z]+|too_large): failed to parse source /,
        );
      }),
    );
  });

  test("never lets a hostile key through as more than a key", () => {
    const [source] = parseSource(
      `{"digest":"${digest}","annotations":{"__proto__":"x","constructor":"y"},"__proto__":{"size":1}}`,
    );
    expect(source).toMatchObject({ kind: "descriptor" });
    expect(JSON.stringify((source as { claim: object }).claim)).toBe(
      `{"digest":"${digest}","annotations":{"__proto__":"x","constructor":"y"}}`,
    );
    expect(({} as { size?: number }).size).toBeUndefined();
  });
});

describe("inferRepositories", () => {
  const at = (repository: string) => ({ kind: "registry", host: "r.example", repository });
  const infer = (sources: readonly string[], tags: readonly string[] = []) =>
    inferRepositories(sources.flatMap(parseSource), tags.map(parseReference));

  test("reads each reference where it points, by digest before tag", () => {
    expect(infer(["r.example/a:1", `r.example/b:1@${digest}`])).toMatchObject([
      { location: at("a"), name: "1" },
      { location: at("b"), name: digest },
    ]);
  });

  test("gives bare digests and descriptors the one repository there is", () => {
    for (const [sources, tags] of [
      [["r.example/a:1", digest], []],
      [[digest], ["r.example/a:1", "r.example/a:2"]],
      [[JSON.stringify(descriptor)], ["r.example/a:1"]],
      [["r.example/a:1", JSON.stringify(descriptor)], ["r.example/a:2"]],
    ] as const) {
      expect(infer(sources, tags).at(-1)).toMatchObject({ location: at("a"), name: digest });
    }
  });

  test("takes a layout for a repository", () => {
    expect(infer([digest], ["oci-layout://folder:1"])).toMatchObject([
      { location: { kind: "layout", path: "folder" } },
    ]);
  });

  test("keeps a claim whole only when all sources are descriptors with a type", () => {
    const full = JSON.stringify(descriptor);
    expect(infer([full, full], ["r.example/a"]).every(({ keepsClaim }) => keepsClaim)).toBe(true);
    expect(infer([full, digest], ["r.example/a"]).some(({ keepsClaim }) => keepsClaim)).toBe(false);
    expect(infer([full, "r.example/a:1"]).some(({ keepsClaim }) => keepsClaim)).toBe(false);
    expect(infer([JSON.stringify({ digest })], ["r.example/a"]).some(({ keepsClaim }) => keepsClaim)).toBe(false);
  });

  test.each([
    [[], ["r.example/a"], "no sources specified"],
    [[digest], [], "no repositories specified, please set a reference in tag or source"],
    [
      [digest],
      ["r.example/a", "r.example/b"],
      `multiple repositories specified, cannot infer repository for "${digest}"`,
    ],
    [
      ["r.example/a", digest],
      ["other.example/a"],
      `multiple repositories specified, cannot infer repository for "${digest}"`,
    ],
  ])("refuses %j for %j", (sources, tags, message) => {
    expect(messageOf(() => infer(sources, tags))).toBe(`invalid_argument: ${message}`);
  });
});
