import { describe, expect, test } from "vitest";
import { attestation, attestationEntry, image, index, referrer, type Tree } from "../../test/support/trees.ts";
import { createMemoryStore } from "../content/memory.ts";
import type { Source } from "../content/store.ts";
import { asReferrer } from "../content/needs.ts";
import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Index } from "../spec/manifest.ts";
import { referrersOf, rescued, unattested } from "./attestations.ts";

const amd = image();
const arm = image({ config: { os: "linux", architecture: "arm64" } });
const inline = attestation(amd);
const loose = attestation(amd, true);
const digest = (tree: Tree) => tree.manifest.descriptor.digest;
const children = (tree: Tree): readonly Descriptor[] => (tree.manifest.document as Index).manifests;
const listed = (subject: Tree, ...trees: readonly Tree[]) =>
  new Map([[digest(subject), trees.map(({ manifest }) => asReferrer(manifest))]]);

describe("unattested", () => {
  test("lists images without an attestation and no attestation, orphan or not", () => {
    const list = index([
      { tree: amd },
      { tree: arm },
      attestationEntry(inline, amd),
      attestationEntry(loose, image({ seed: "x" })),
    ]);
    expect(unattested(children(list)).map((child) => child.digest)).toEqual([digest(arm)]);
  });
});

describe("rescued", () => {
  test("appends the first attestation among the referrers, marked as buildx marks it", () => {
    const list = children(index([{ tree: amd }, { tree: arm }]));
    const found = listed(amd, referrer(amd, "application/vnd.dev.cosign.artifact.sig.v1+json"), loose);
    const all = rescued(list, found);
    expect(all.slice(0, 2)).toEqual(list);
    expect(JSON.parse(JSON.stringify(all[2]))).toEqual({
      mediaType: loose.manifest.descriptor.mediaType,
      digest: digest(loose),
      size: loose.manifest.bytes.byteLength,
      platform: { architecture: "unknown", os: "unknown" },
      annotations: {
        "vnd.docker.reference.type": "attestation-manifest",
        "vnd.docker.reference.digest": digest(amd),
      },
    });
  });

  test("keeps the list itself when there is nothing to add", () => {
    const attested = children(index([{ tree: amd }, attestationEntry(inline, amd)]));
    expect(rescued(attested, listed(amd, loose))).toBe(attested);
    const bare = children(index([{ tree: amd }]));
    expect(rescued(bare, listed(amd, referrer(amd, "application/spdx+json")))).toBe(bare);
    expect(rescued(bare, new Map())).toBe(bare);
  });

  test("does not list an attestation twice when it is there under another name", () => {
    const list = children(index([{ tree: amd }, { tree: loose }]));
    expect(rescued(list, listed(amd, loose))).toBe(list);
  });

  test("appends in the order of the children, whatever the order of the answers", () => {
    const list = children(index([{ tree: amd }, { tree: arm }]));
    const ofArm = attestation(arm, true);
    const found = new Map([...listed(arm, ofArm), ...listed(amd, loose)]);
    expect(rescued(list, found).map((child) => child.digest)).toEqual([
      digest(amd),
      digest(arm),
      digest(loose),
      digest(ofArm),
    ]);
  });
});

describe("referrersOf", () => {
  const failing = (code: "not_found" | "auth_denied"): Source => ({
    ...createMemoryStore(),
    async referrers() {
      throw new WaybillError(code, "no");
    },
  });

  test("is empty when the source does not know the subject, and fails when it may not be asked", async () => {
    expect(await referrersOf(failing("not_found"), digest(amd), {})).toEqual([]);
    await expect(referrersOf(failing("auth_denied"), digest(amd), {})).rejects.toMatchObject({ code: "auth_denied" });
  });
});
