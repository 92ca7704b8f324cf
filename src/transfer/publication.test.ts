import { assert, jsonValue, property } from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesOf, pushImage, pushIndex } from "../../test/support/images.ts";
import { createMemoryStore } from "../content/memory.ts";
import { digestOf } from "../spec/digest.ts";
import { parseManifest } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { formatLocation, parseReference } from "../spec/reference.ts";
import {
  closureRootOf,
  locationOf,
  parsePublication,
  publicationId,
  publicationOf,
  targetsOf,
  type SeenTarget,
} from "./publication.ts";
import type { PublishPolicy } from "./policy.ts";

const at = (text: string) => parseReference(text).location;
const options = { referrers: "default", policy: { onError: "abort" } } as const;

async function sample(tags: readonly string[] = ["1", "latest"]) {
  const store = createMemoryStore("source");
  const image = await pushImage(store);
  const index = await pushIndex(store, [image.descriptor]);
  const origins = new Map([[image.descriptor.digest, [at("a.example/app"), at("oci-layout://x:y/z")]]]);
  const looked: SeenTarget[] = [
    {
      target: { at: at("b.example:5000/team/app"), tags },
      before: { "1": digestOf(bytesOf("old")), latest: "absent" },
    },
    { target: { at: at("oci-layout://out"), tags: ["1"] } },
  ];
  return { index, image, looked, publication: publicationOf({ manifest: index, origins }, looked, options) };
}

describe("publicationOf", () => {
  test("publicationOf keeps all that is needed to go on, through JSON and back", async () => {
    const { publication, index, image } = await sample();
    const read = parsePublication(JSON.parse(JSON.stringify(publication)), "record");

    expect(read).toEqual(publication);
    expect(targetsOf(read)).toEqual([
      { at: at("b.example:5000/team/app"), tags: ["1", "latest"] },
      { at: at("oci-layout://out"), tags: ["1"] },
    ]);
    const root = closureRootOf(read);
    expect(root.manifest.descriptor).toEqual(index.descriptor);
    expect(Buffer.from(root.manifest.bytes).equals(index.bytes)).toBe(true);
    expect(root.origins.get(image.descriptor.digest)).toEqual([at("a.example/app"), at("oci-layout://x:y/z")]);
  });

  test("closureRootOf takes a root of as many descriptors as were published", async () => {
    const { image, looked } = await sample();
    const text = JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociIndex,
      manifests: Array.from({ length: 5001 }, () => image.descriptor),
    });
    const manifest = parseManifest(bytesOf(text), { maxDescriptors: 5001 });
    const publication = publicationOf({ manifest, origins: new Map() }, looked, options);

    expect(closureRootOf(publication).manifest.descriptor).toEqual(manifest.descriptor);
  });

  test("closureRootOf refuses a record whose root was exchanged", async () => {
    const { publication, image } = await sample();
    const bytes = Buffer.from(image.bytes).toString("base64");
    const changed = { ...publication, root: { ...publication.root, bytes } };
    expect(() => closureRootOf(changed)).toThrow(/the record holds another root/);
  });

  test("publicationId depends on root, targets and tags in their order, and on nothing else", async () => {
    const { publication } = await sample();
    const id = publicationId(publication);
    expect(id).toMatch(/^[0-9a-f]{16}$/);
    expect(publicationId({ ...publication, targets: publication.targets.map((one) => ({ ...one, before: {} })) })).toBe(
      id,
    );
    expect(publicationId({ ...publication, targets: publication.targets.toReversed() })).not.toBe(id);
    expect(publicationId((await sample(["1"])).publication)).not.toBe(id);
  });
});

describe("parsePublication", () => {
  test.each([
    ["no target", { targets: [] }],
    ["no digest", { root: { digest: "sha256:1" } }],
    ["a repository with an escape", { targets: [{ target: "a.example/\u001b[31m", tags: [], before: {} }] }],
    ["a tag that is none", { targets: [{ target: "a.example/app", tags: ["-rf /"], before: {} }] }],
    ["a policy that is none", { policy: { onError: "shrug" } }],
    ["an origin that is none", { origins: { [digestOf(bytesOf("x"))]: ["http://169.254.169.254/"] } }],
  ])("parsePublication refuses %s", async (_name, change) => {
    const { publication } = await sample();
    expect(() => parsePublication({ ...publication, ...change }, "record")).toThrow(/^Cannot read record: /);
  });

  test("parsePublication keeps every part of the policy", async () => {
    const { publication } = await sample();
    const policy: Required<PublishPolicy> = {
      onError: "keep-going",
      onTagError: "rollback",
      deleteCreatedTags: true,
      verify: "full",
      noClobber: true,
      compare: true,
      strategy: "serial",
    };
    expect(parsePublication({ ...publication, policy }, "record").policy).toEqual(policy);
  });

  test("parsePublication throws nothing but typed errors, whatever it is given", () => {
    assert(
      property(jsonValue(), (raw) => {
        try {
          parsePublication(raw, "record");
          return false;
        } catch (error) {
          return (error as { code?: string }).code === "invalid_argument";
        }
      }),
    );
  });
});

test("locationOf reads back what formatLocation writes", () => {
  for (const text of [
    "docker.io/library/alpine",
    "[::1]:5000/a/b",
    "localhost:5000/x",
    "oci-layout://C:\\out",
    "oci-layout:///a b/c",
  ]) {
    expect(formatLocation(locationOf(text))).toBe(text);
  }
});
