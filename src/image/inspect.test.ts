import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../content/memory.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { parseManifest, type Manifest } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { createReader, looksMulti, survey } from "./inspect.ts";

const linux = (architecture: string, variant?: string) => ({ os: "linux", architecture, ...(variant && { variant }) });

function shelf() {
  const store = createMemoryStore();
  const add = (document: object): Manifest => {
    const manifest = parseManifest(Buffer.from(JSON.stringify({ schemaVersion: 2, ...document })));
    store.shelf.manifests.set(manifest.descriptor.digest, manifest);
    return manifest;
  };
  const image = (config: object): Descriptor => {
    const blob = store.addBlob(Buffer.from(JSON.stringify(config)), mediaTypes.ociConfig);
    return add({ mediaType: mediaTypes.ociManifest, config: blob, layers: [] }).descriptor;
  };
  const index = (...manifests: object[]) => add({ mediaType: mediaTypes.ociIndex, manifests });
  return { image, index, survey: (root: Manifest) => survey(root, createReader(store, root)) };
}

describe("survey", () => {
  test("finds images in nested indexes, by their normalised platform", async () => {
    const { image, index, survey } = shelf();
    const arm = image(linux("arm"));
    const inner = index({ ...arm, platform: linux("arm64", "v8") });
    const root = index({ ...image(linux("amd64")), platform: linux("amd64") }, inner.descriptor);
    expect([...(await survey(root)).images.keys()]).toEqual(["linux/amd64", "linux/arm64"]);
  });

  test("reads the platform from the config where the descriptor has none", async () => {
    const { image, index, survey } = shelf();
    const root = index(image(linux("arm", "v6")), image(linux("amd64")));
    expect([...(await survey(root)).images.keys()]).toEqual(["linux/arm/v6", "linux/amd64"]);
    expect(looksMulti(root)).toBe(true);
  });

  test("keeps the first of two images of one platform", async () => {
    const { image, index, survey } = shelf();
    const [first, second] = [image({ ...linux("amd64"), author: "1" }), image({ ...linux("amd64"), author: "2" })];
    const root = index({ ...first, platform: linux("amd64") }, { ...second, platform: linux("amd64") });
    expect((await survey(root)).images.get("linux/amd64")?.digest).toBe(first.digest);
    expect(looksMulti(root)).toBe(false);
  });

  test("tells attestations by either annotation, and refuses one that names no digest", async () => {
    const { image, index, survey } = shelf();
    const subject = { ...image(linux("amd64")), platform: linux("amd64") };
    const attests = (key: string, value: string) => ({ ...image({ key }), annotations: { [key]: value } });
    const root = index(
      subject,
      attests("com.docker.reference.digest", subject.digest),
      attests("vnd.docker.reference.digest", subject.digest),
    );
    expect((await survey(root)).attestations.get(subject.digest)).toHaveLength(2);
    const broken = index(subject, attests("vnd.docker.reference.digest", "sha256:1"));
    await expect(survey(broken)).rejects.toMatchObject({ code: "invalid_digest" });
  });

  test("refuses indexes that are nested without end", async () => {
    const { image, index, survey } = shelf();
    let root = index({ ...image(linux("amd64")), platform: linux("amd64") });
    for (let level = 0; level < 12; level++) root = index(root.descriptor);
    await expect(survey(root)).rejects.toMatchObject({ code: "invalid_manifest" });
  });
});
