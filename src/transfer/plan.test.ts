import { describe, expect, test } from "vitest";
import type { Descriptor } from "../spec/descriptor.ts";
import { digestOf, type Digest } from "../spec/digest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import type { Location } from "../spec/reference.ts";
import type { Closure, Node } from "./closure.ts";
import { planPublish } from "./plan.ts";
import type { PlanOptions } from "./plan-tags.ts";

const from: readonly Location[] = [{ kind: "registry", host: "source.example", repository: "app" }];
const at: Location = { kind: "registry", host: "target.example", repository: "app" };

function content(name: string, mediaType: string): Descriptor {
  return { mediaType, digest: digestOf(Buffer.from(name)), size: name.length };
}

function blob(name: string): Node {
  return { role: "blob", content: content(name, mediaTypes.ociLayer), from };
}

function manifest(name: string, children: readonly Node[], subject?: Node): Node {
  const descriptor = content(name, mediaTypes.ociIndex);
  const { mediaType } = descriptor;
  const manifests = children.map((child) => child.content);
  const document = { kind: "index", mediaType, manifests, ...(subject && { subject: subject.content }) } as const;
  return {
    role: "manifest",
    content: descriptor,
    from,
    manifest: { descriptor, bytes: Buffer.from(name), document },
    children: children.map((child) => child.content.digest),
  };
}

function closure(nodes: readonly Node[], root: Node, referrers: readonly Node[] = []): Closure {
  return {
    root: root.content.digest,
    nodes: new Map(nodes.map((node) => [node.content.digest, node])),
    referrers: referrers.map((node) => node.content.digest),
    leftBehind: {},
  };
}

function named(nodes: Readonly<Record<string, Node>>) {
  const names = new Map(Object.entries(nodes).map(([name, node]) => [node.content.digest, name]));
  return (digest: Digest) => names.get(digest);
}

const alone = { barrier: false, verify: "ack" } as const;

describe("planPublish", () => {
  test("stages the root by its tag's PUT when there is nothing that refers to it", () => {
    const layer = blob("layer");
    const root = manifest("root", [layer]);
    const { steps } = planPublish(
      closure([layer, root], root),
      [{ at, tags: ["1"], before: { "1": "absent" } }],
      alone,
    );
    expect(steps.map((step) => step.kind)).toEqual(["stage", "tag"]);
  });

  test("stages the root by digest before what refers to it, and tags last", () => {
    const layer = blob("layer");
    const root = manifest("root", [layer]);
    const signature = manifest("signature", [], root);
    const nameOf = named({ layer, root, signature });
    const { steps } = planPublish(
      closure([layer, root, signature], root, [signature]),
      [{ at, tags: ["1"], before: { "1": "absent" } }],
      alone,
    );
    expect(steps.map((step) => `${step.kind} ${step.kind === "barrier" ? "" : nameOf(step.content.digest)}`)).toEqual([
      "stage layer",
      "stage root",
      "stage signature",
      "tag root",
    ]);
    expect(steps.at(-1)?.after).toEqual(steps.slice(0, 3).map((step) => step.id));
  });

  test("lists every step after those it waits for, whatever the order of referrers", () => {
    const sbom = manifest("sbom", []);
    const root = manifest("root", [blob("layer")]);
    const signature = manifest("signature", [], sbom);
    const { steps } = planPublish(
      closure([blob("layer"), root, signature, sbom], root, [signature, sbom]),
      [{ at, tags: ["1"], before: { "1": "absent" } }],
      alone,
    );
    const seen = new Set<string>();
    for (const step of steps) {
      expect(step.after.filter((id) => !seen.has(id))).toEqual([]);
      seen.add(step.id);
    }
  });

  test("asks for a manifest of many blobs first, and makes its blobs depend on the answer", () => {
    const layers = Array.from({ length: 7 }, (_, index) => blob(`layer ${index}`));
    const child = manifest("child", layers);
    const root = manifest("root", [child]);
    const { steps } = planPublish(
      closure([...layers, child, root], root),
      [{ at, tags: ["1"], before: { "1": "absent" } }],
      alone,
    );
    const check = steps.find((step) => step.kind === "check");
    expect(check?.content.digest).toBe(child.content.digest);
    const stages = steps.filter((step) => step.kind === "stage");
    expect(stages).toHaveLength(8);
    expect(stages.every((step) => step.unless?.[0] === check?.id)).toBe(true);
  });

  test("stages a blob that one checked and one unchecked manifest share", () => {
    const layers = Array.from({ length: 7 }, (_, index) => blob(`layer ${index}`));
    const large = manifest("large", layers);
    const small = manifest("small", layers.slice(0, 1));
    const root = manifest("root", [large, small]);
    const { steps } = planPublish(
      closure([...layers, large, small, root], root),
      [{ at, tags: ["1"], before: { "1": "absent" } }],
      alone,
    );
    const shared = steps.find((step) => step.kind === "stage" && step.content.digest === layers[0]?.content.digest);
    expect(shared).not.toHaveProperty("unless");
  });

  test("writes only the tags that do not name the root yet", () => {
    const root = manifest("root", []);
    const { steps } = planPublish(
      closure([root], root),
      [{ at, tags: ["1", "latest"], before: { "1": root.content.digest, latest: "absent" } }],
      alone,
    );
    expect(steps).toMatchObject([{ kind: "tag", tags: ["latest"] }]);
  });

  test("lets no tag step begin before everything at every target is staged and verified, when there is a barrier", () => {
    const layer = blob("layer");
    const child = manifest("child", [layer]);
    const root = manifest("root", [child]);
    const other: Location = { kind: "registry", host: "other.example", repository: "app" };
    const targets = [at, other].map((place) => ({ at: place, tags: ["1"], before: { "1": "absent" as const } }));
    const { steps } = planPublish(closure([layer, child, root], root), targets, { barrier: true, verify: "manifests" });
    const [barrier, compared] = steps.filter((step) => step.kind === "barrier");
    const before = steps.filter((step) => step.kind === "stage" || step.kind === "verify");
    expect(before.map((step) => `${step.kind} ${step.at.kind === "registry" ? step.at.host : ""}`).toSorted()).toEqual([
      ...["other", "target"].flatMap((host) => Array.from({ length: 3 }, () => `stage ${host}.example`)),
      ...["other", "target"].flatMap((host) => Array.from({ length: 2 }, () => `verify ${host}.example`)),
    ]);
    expect(barrier?.after.toSorted()).toEqual(before.map((step) => step.id).toSorted());
    const compares = steps.filter((step) => step.kind === "compare");
    expect(compares.map((step) => step.after)).toEqual([[barrier?.id], [barrier?.id]]);
    expect(compared?.after).toEqual([barrier?.id, ...compares.map((step) => step.id)]);
    expect(steps.filter((step) => step.kind === "tag").map((step) => [step.after, step.compare])).toEqual([
      [[compared?.id], false],
      [[compared?.id], false],
    ]);
    expect(steps.filter((step) => step.kind === "confirm")).toHaveLength(2);
  });

  describe("with new tags last", () => {
    const layer = blob("layer");
    const root = manifest("root", [layer]);
    const old = digestOf(Buffer.from("old"));
    const other: Location = { kind: "registry", host: "other.example", repository: "app" };
    const moving = { at, tags: ["new", "1"], before: { new: "absent", "1": old } } as const;
    const fresh = { at: other, tags: ["new"], before: { new: "absent" } } as const;
    const planned = (options: Pick<PlanOptions, "barrier" | "verify">) =>
      planPublish(closure([layer, root], root), [moving, fresh], { ...options, newTagsLast: true }).steps;

    test("writes those that name nothing yet when all others are written, and says that they cannot be put back", () => {
      const steps = planned({ barrier: true, verify: "manifests" });
      const tags = steps.filter((step) => step.kind === "tag");
      expect(tags.map((step) => [step.tags, step.irreversible])).toEqual([
        [["1"], undefined],
        [["new"], true],
        [["new"], true],
      ]);
      const [staged, compared, moved] = steps.filter((step) => step.kind === "barrier");
      expect(compared?.after).toContain(staged?.id);
      expect(moved?.after).toContain(tags[0]?.id);
      expect(tags.slice(1).map((step) => step.after)).toEqual([
        [compared?.id, moved?.id],
        [compared?.id, moved?.id],
      ]);
    });

    test("waits for nothing but the target's own content and tags where each target is for itself", () => {
      const steps = planned({ barrier: false, verify: "ack" });
      const staging = (place: Location) =>
        steps.filter((step) => step.kind === "stage" && step.at === place).map((step) => step.id);
      const [first, last, lone] = steps.filter((step) => step.kind === "tag");
      expect(first?.after).toEqual(staging(at));
      expect(last?.after).toEqual([...staging(at), first?.id]);
      expect(lone?.after).toEqual(staging(other));
    });
  });

  test("gives the same plan for the same input", () => {
    const root = manifest("root", [blob("layer")]);
    const input = closure([blob("layer"), root], root);
    const targets = [{ at, tags: ["1"], before: { "1": "absent" as const } }];
    expect(JSON.stringify(planPublish(input, targets, alone))).toBe(JSON.stringify(planPublish(input, targets, alone)));
  });
});
