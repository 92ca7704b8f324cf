import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../content/memory.ts";
import type { Source } from "../content/store.ts";
import { hasCode } from "../errors.ts";
import { digestOf, type Digest } from "../spec/digest.ts";
import { parseManifest } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { inspect, type InspectRequest } from "./inspect.ts";

interface Images {
  readonly tags: Readonly<Record<string, Digest>>;
  readonly manifests: Readonly<Record<string, { readonly mediaType: string; readonly text: string }>>;
  readonly blobs: Readonly<Record<string, string>>;
}
/** Image, template, and what buildx 0.29 prints for them, or its error. */
type Expected = readonly [string, string, string | { readonly error: string }];

const fixture = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../test/fixtures/inspect/${name}.json`, import.meta.url), "utf8"));
const images = fixture("images") as Images;
const expected = fixture("expected") as readonly Expected[];
const host = "127.0.0.1:15936";

/** A store that holds the fixture's content, with `image` (`repository:tag`) under its tag. */
function storeWith(image: string) {
  const store = createMemoryStore();
  for (const text of Object.values(images.blobs)) store.addBlob(Buffer.from(text));
  for (const { mediaType, text } of Object.values(images.manifests)) {
    const manifest = parseManifest(Buffer.from(text), { mediaType });
    store.shelf.manifests.set(manifest.descriptor.digest, manifest);
  }
  store.shelf.tags.set(image.split(":")[1]!, images.tags[image]!);
  return store;
}

/** `source`, and the manifests and blobs that are asked of it. */
function counted(source: Source): { source: Source; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    source: {
      ...source,
      manifest: (target, options) => {
        asked.push(typeof target === "string" ? target : "manifest");
        return source.manifest(target, options);
      },
      fetch: (target, options) => {
        asked.push("blob");
        return source.fetch(target, options);
      },
    },
  };
}

function show(image: string, options: Omit<InspectRequest, "reference"> = {}, source: Source = storeWith(image)) {
  return inspect({ reference: `${host}/${image}`, ...options }, { open: async () => source });
}

async function outcome(image: string, format: string): Promise<unknown> {
  try {
    return await show(image, { format });
  } catch (error) {
    if (!hasCode(error, "invalid_template")) throw error;
    return { error: error.message };
  }
}

describe("inspect prints what buildx prints", () => {
  for (const image of Object.keys(images.tags)) {
    const cases = expected.filter(([of]) => of === image);
    if (cases.length === 0) continue;
    test(`for ${cases.length} templates over ${image}`, async () => {
      for (const [, format, result] of cases) {
        expect({ format, result: await outcome(image, format) }).toEqual({ format, result });
      }
    });
  }
});

describe("inspect as text", () => {
  test("shows a single manifest in three lines, and its own annotations after them", async () => {
    const digest = images.tags["single:1"]!;
    expect(await show("single:1")).toBe(
      `Name:      ${host}/single:1\n` +
        "MediaType: application/vnd.oci.image.manifest.v1+json\n" +
        `Digest:    ${digest}\n` +
        "             \nAnnotations: \n  a:     <b>\n  org.x: y\n",
    );
  });

  test("shows the children of an index in columns that end with each list of annotations", async () => {
    const name = `${host}/multi:ann`;
    const [amd64, armv7] = children("multi:ann");
    const space = (count: number) => " ".repeat(count);
    expect(await show("multi:ann")).toBe(
      [
        `Name:      ${name}`,
        "MediaType: application/vnd.oci.image.index.v1+json",
        `Digest:    ${images.tags["multi:ann"]}`,
        space(11),
        "Manifests: ",
        `  Name:        ${name}@${amd64}`,
        "  MediaType:   application/vnd.oci.image.manifest.v1+json",
        "  Platform:    linux/amd64",
        "  Annotations: ",
        "    k1: v1",
        space(14),
        `  Name:       ${name}@${armv7}`,
        "  MediaType:  application/vnd.oci.image.manifest.v1+json",
        "  Platform:   linux/arm/v7",
        space(14),
        `  Name:       ${name}@${armv7}`,
        "  MediaType:  application/vnd.oci.image.manifest.v1+json",
        "  Platform:   linux/arm/v6",
        "  OSVersion:  1.2",
        "  OSFeatures: f1, f2",
        space(13),
        "Annotations: ",
        "  b:     c",
        "  org.y: z",
        "",
      ].join("\n"),
    );
  });

  test("shows urls, and no details of a child without a platform", async () => {
    expect(await show("multi:urls")).toContain("\n  OSVersion: 1.2\n  URLs:      https://x/1, https://x/2\n");
    expect(await show("multi:noplat")).not.toContain("Platform:");
  });

  test("makes control characters of foreign text visible", async () => {
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: [],
      annotations: { "k\u001b[2J": "v\r\n\u202e\u009b1m" },
    });
    const store = storeWith("single:1");
    const manifest = parseManifest(Buffer.from(text));
    store.shelf.manifests.set(manifest.descriptor.digest, manifest);
    store.shelf.tags.set("1", manifest.descriptor.digest);
    expect(await show("single:1", {}, store)).toContain("\n  k\\x1b[2J: v\\r\\n\\u202e\\x9b1m\n");
  });

  test("is what the whole manifest as a template gives too, blanks, trims and comments aside", async () => {
    const text = await show("multi:ann");
    for (const format of [
      "{{.Manifest}}",
      "{{ .Manifest }}",
      "{{- .Manifest -}}",
      " {{.Manifest}}\n",
      "{{/* x */}}{{.Manifest}}",
    ]) {
      expect(await show("multi:ann", { format })).toBe(text);
    }
    const digest = images.tags["multi:ann"];
    expect(await show("multi:ann", { format: "{{.Manifest.Digest}}" })).toBe(digest);
    expect(await show("single:1", { format: "x{{.Manifest}}" })).toMatch(/^x\{application/);
  });
});

function children(image: string): string[] {
  const { manifests } = JSON.parse(images.manifests[images.tags[image]!]!.text) as { manifests: { digest: string }[] };
  return manifests.map(({ digest }) => digest);
}

test("inspect gives the raw bytes of the manifest without a newline", async () => {
  const bytes = await show("multi:ann", { raw: true });
  expect(bytes).toBeInstanceOf(Uint8Array);
  expect(digestOf(bytes as Uint8Array)).toBe(images.tags["multi:ann"]);
});

describe("inspect loads", () => {
  const asked = async (image: string, format?: string): Promise<readonly string[]> => {
    const { source, asked } = counted(storeWith(image));
    await show(image, format === undefined ? {} : { format }, source);
    return asked;
  };

  test("one manifest for the text, the name and the descriptor", async () => {
    expect(await asked("att:dsse")).toEqual(["dsse"]);
    expect(await asked("att:dsse", "{{.Name}} {{json .Manifest}}")).toEqual(["dsse"]);
    expect(await asked("single:1", "{{.Manifest.Digest}}{{if false}}{{.Image}}{{end}}")).toEqual(["1"]);
  });

  test("manifests and configs of the images alone for .Image", async () => {
    expect(await asked("att:dsse", "{{json .Image}}")).toEqual(["dsse", "manifest", "manifest", "blob", "blob"]);
    expect(await asked("single:1", "{{.Image.OS}}{{.Image.OS}}")).toEqual(["1", "blob"]);
  });

  test("attestations alone for .Provenance and .SBOM", async () => {
    expect(await asked("att:single", "{{json .SBOM}}")).toEqual(["single", "manifest", "blob"]);
    expect(await asked("att:dsse", "{{json .Provenance}}")).toEqual(["dsse", "manifest", "manifest", "blob", "blob"]);
  });
});

describe("inspect refuses", () => {
  test("format together with raw", async () => {
    const call = show("single:1", { format: "{{.Name}}", raw: true });
    await expect(call).rejects.toMatchObject({
      code: "invalid_argument",
      message: "format and raw cannot be used together",
    });
  });

  test("a bad template and a bad reference before it asks for anything", async () => {
    const { source, asked } = counted(storeWith("single:1"));
    await expect(show("single:1", { format: "{{.Name" }, source)).rejects.toMatchObject({ code: "invalid_template" });
    const open = () => Promise.reject(new Error("opened"));
    await expect(inspect({ reference: "A//b" }, { open })).rejects.toMatchObject({ code: "invalid_reference" });
    expect(asked).toEqual([]);
  });

  test("a tag that is not there", async () => {
    await expect(show("single:1", {}, createMemoryStore())).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("inspect with broken attestations", () => {
  test("shows none for one platform, and fails for several", async () => {
    expect(await show("att:bad1", { format: "{{json .SBOM}}{{json .Provenance}}" })).toBe("{}{}");
    const several = show("att:bad2", { format: "{{json .SBOM}}" });
    await expect(several).rejects.toMatchObject({ code: "invalid_manifest" });
  });

  test("names the attestation that is missing", async () => {
    const store = storeWith("att:bad2");
    const missing = children("att:bad2").at(-1)!;
    store.shelf.manifests.delete(missing as Digest);
    const call = show("att:bad2", { format: "{{json .Provenance}}" }, store);
    await expect(call).rejects.toMatchObject({ code: "not_found", message: `referenced image ${missing} not found` });
  });
});
