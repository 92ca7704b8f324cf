import { describe, expect, test } from "vitest";
import { bytesOf, pushImage, pushIndex } from "../../test/support/images.ts";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { sleep } from "../async/clock.ts";
import { createMemoryStore, type MemoryStore } from "../content/memory.ts";
import type { Store } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import type { Manifest } from "../spec/manifest.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import { silent, type Report } from "../telemetry/events.ts";
import { closureOf } from "./closure.ts";
import { lookAt, type PublishTarget } from "./look.ts";
import type { PublishPolicy } from "./policy.ts";
import { publish, type PublishOptions } from "./publish.ts";
import { publicationOf } from "./publication.ts";
import { nothingEarlier, unrecorded, type Recording } from "./recording.ts";
import { parseReferrersPolicy } from "./referrers.ts";

interface Setting {
  readonly source: MemoryStore;
  readonly stores: readonly Store[];
  readonly referrers?: string;
  readonly policy?: Partial<PublishPolicy>;
  /** `moves on`: waits are over at once. */
  readonly clock?: "stands still" | "moves on";
  readonly signal?: AbortSignal;
  readonly recording?: Recording;
  readonly report?: Report;
}

async function publishTo(root: Manifest, targets: readonly PublishTarget[], setting: Setting) {
  const all = [setting.source, ...setting.stores];
  const open = async (location: Location): Promise<Store> => {
    const store = all.find((one) => formatLocation(one.location) === formatLocation(location));
    if (!store) throw new WaybillError("not_found", `Cannot open ${formatLocation(location)}`);
    return store;
  };
  const policy: PublishPolicy = { onError: "abort", ...setting.policy };
  const still = fakeClock();
  // Short waits are over at once; deadlines never come.
  let waitedMs = 0;
  const quick = {
    ...still,
    now: () => still.now() + waitedMs,
    after(delayMs: number, callback: () => void) {
      if (delayMs > 60_000) return still.after(delayMs, callback);
      queueMicrotask(() => {
        waitedMs += delayMs;
        callback();
      });
      return () => undefined;
    },
  };
  const clock = setting.clock === "moves on" ? quick : still;
  const { signal, recording, report = silent } = setting;
  const more = { ...(signal && { signal }), ...(recording && { recording }) };
  const options = { open, clock, report, policy, ...more };
  const from = [setting.source.location];
  const looked = await lookAt(targets, options);
  const closure = await closureOf(
    { manifest: root, from, origins: new Map() },
    { open, referrers: parseReferrersPolicy(setting.referrers ?? "default") },
  );
  return { closure, results: await publish(closure, looked, options) };
}

/** Notes the order of what is written to `store`. */
function recorded(store: MemoryStore, log: string[]): Store {
  return {
    ...store,
    pushBlob: async (blob, body, options) => {
      log.push(`blob ${blob.digest}`);
      return store.pushBlob(blob, body, options);
    },
    pushManifest: async (manifest, options) => {
      log.push(`manifest ${manifest.descriptor.digest} ${(options?.tags ?? []).join(",")}`);
      await store.pushManifest(manifest, options);
      for (const tag of options?.tags ?? []) options?.onTagged?.(tag);
    },
  };
}

async function twoPlatforms(source: MemoryStore): Promise<{ index: Manifest; amd64: Manifest; arm64: Manifest }> {
  const amd64 = await pushImage(source, { platform: "linux/amd64" });
  const arm64 = await pushImage(source, { platform: "linux/arm64" });
  const index = await pushIndex(source, [amd64.descriptor, arm64.descriptor], {
    platforms: ["linux/amd64", "linux/arm64"],
    tags: ["1"],
  });
  return { index, amd64, arm64 };
}

describe("publish", () => {
  test("writes blobs, then child manifests by digest, then the root by its tags", async () => {
    const source = createMemoryStore("source");
    const target = createMemoryStore("target");
    const log: string[] = [];
    const { index } = await twoPlatforms(source);

    const { results } = await publishTo(index, [{ at: target.location, tags: ["1", "latest"] }], {
      source,
      stores: [recorded(target, log)],
    });

    expect(results[0]?.error).toBeUndefined();
    expect(results[0]?.tags).toMatchObject([
      { tag: "1", state: "created" },
      { tag: "latest", state: "created" },
    ]);
    const manifests = log.filter((line) => line.startsWith("manifest"));
    expect(manifests).toHaveLength(3);
    expect(manifests.at(-1)).toBe(`manifest ${index.descriptor.digest} 1,latest`);
    expect(log.findLastIndex((line) => line.startsWith("blob"))).toBeLessThan(log.indexOf(manifests.at(-1)!));
    expect(target.shelf.tags.get("latest")).toBe(index.descriptor.digest);
  });

  test("counts a tag as written where the target does not tell of each but comes to its end", async () => {
    const source = createMemoryStore("source");
    const target = createMemoryStore("target");
    const silent: Store = {
      ...target,
      pushManifest: (manifest, { tags = [] } = {}) => target.pushManifest(manifest, { tags }),
    };
    const { index } = await twoPlatforms(source);

    const { results } = await publishTo(index, [{ at: target.location, tags: ["1", "latest"] }], {
      source,
      stores: [silent],
    });

    expect(results[0]?.tags).toMatchObject([
      { tag: "1", state: "created", writtenAt: expect.any(Number) },
      { tag: "latest", state: "created", writtenAt: expect.any(Number) },
    ]);
  });

  const asCancelled = (cause: unknown) => ({ code: "cancelled", cause });
  test.each([
    [undefined, "interrupted", asCancelled],
    [new Error("enough"), "interrupted", asCancelled],
    ["enough", "interrupted", asCancelled],
    [new WaybillError("timeout", "Cannot finish in time"), "failed", () => ({ code: "timeout" })],
  ] as const)(
    "tells of a run that was aborted, whatever the reason, and not of a mistake: %s is %s",
    async (reason, state, told) => {
      const source = createMemoryStore("source");
      const target = createMemoryStore("target");
      const { index } = await twoPlatforms(source);
      const controller = new AbortController();
      const aborting: Store = {
        ...target,
        async pushBlob() {
          controller.abort(reason);
          throw controller.signal.reason;
        },
      };
      const states: string[] = [];
      const travels = { referrers: "none", policy: { onError: "abort" } } as const;
      const recording: Recording = {
        ...unrecorded({
          publication: publicationOf({ manifest: index, origins: new Map() }, [], travels),
          earlier: nothingEarlier,
        }),
        end: async ({ state }) => void states.push(state),
      };

      const { results } = await publishTo(index, [{ at: target.location, tags: ["1"] }], {
        source,
        stores: [aborting],
        signal: controller.signal,
        recording,
      });

      expect(states).toEqual([state]);
      expect(results[0]?.tags).toMatchObject([{ state: "not-attempted" }]);
      expect(results[0]?.error).toMatchObject(told(controller.signal.reason));
    },
  );

  test("loses nothing to a listener that throws at every event", async () => {
    const source = createMemoryStore("source");
    const stores = ["left", "right"].map((name) => createMemoryStore(name));
    const { index } = await twoPlatforms(source);
    const report = () => {
      throw new Error("a listener with a bug");
    };

    const targets = stores.map(({ location }) => ({ at: location, tags: ["1"] }));
    const { results } = await publishTo(index, targets, { source, stores, report });

    expect(results.map(({ error }) => error)).toEqual([undefined, undefined]);
    expect(stores.map(({ shelf }) => shelf.tags.get("1"))).toEqual(stores.map(() => index.descriptor.digest));
  });

  test("writes nothing when the tags are right already and nothing new refers to the image", async () => {
    const source = createMemoryStore("source");
    const target = createMemoryStore("target");
    const log: string[] = [];
    const { index } = await twoPlatforms(source);
    await publishTo(index, [{ at: target.location, tags: ["1"] }], { source, stores: [recorded(target, [])] });

    const { results } = await publishTo(index, [{ at: target.location, tags: ["1"] }], {
      source,
      stores: [recorded(target, log)],
    });

    expect(log).toEqual([]);
    expect(results[0]?.tags).toEqual([{ tag: "1", state: "unchanged", before: index.descriptor.digest }]);
  });

  test("brings a new signature to a target whose tag is right already", async () => {
    const source = createMemoryStore("source");
    const target = createMemoryStore("target");
    const { index, amd64 } = await twoPlatforms(source);
    await publishTo(index, [{ at: target.location, tags: ["1"] }], { source, stores: [recorded(target, [])] });
    const signature = await pushImage(source, {
      layers: [bytesOf("signature")],
      subject: amd64.descriptor,
      artifactType: "application/vnd.dev.cosign.artifact.sig.v1+json",
    });

    await publishTo(index, [{ at: target.location, tags: ["1"] }], { source, stores: [recorded(target, [])] });

    expect(await target.referrers(amd64.descriptor.digest)).toMatchObject([{ digest: signature.descriptor.digest }]);
  });

  test("carries referrers by type, recursively, and counts what it leaves behind", async () => {
    const source = createMemoryStore("source");
    const target = createMemoryStore("target");
    const { index } = await twoPlatforms(source);
    const sbom = await pushImage(source, {
      layers: [bytesOf("sbom")],
      subject: index.descriptor,
      artifactType: "application/spdx+json",
    });
    const signature = await pushImage(source, {
      layers: [bytesOf("sig")],
      subject: sbom.descriptor,
      artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
    });
    await pushImage(source, {
      layers: [bytesOf("scan")],
      subject: index.descriptor,
      artifactType: "application/x-scan",
    });

    const { closure } = await publishTo(index, [{ at: target.location, tags: ["1"] }], {
      source,
      stores: [recorded(target, [])],
    });

    expect(closure.leftBehind).toEqual({ "application/x-scan": 1 });
    expect(await target.referrers(sbom.descriptor.digest)).toMatchObject([{ digest: signature.descriptor.digest }]);
    expect(await target.referrers(index.descriptor.digest)).toHaveLength(1);
  });

  test("carries no referrer and asks for none with the policy none", async () => {
    const source = createMemoryStore("source");
    const target = createMemoryStore("target");
    const { index } = await twoPlatforms(source);
    await pushImage(source, {
      layers: [bytesOf("sbom")],
      subject: index.descriptor,
      artifactType: "application/spdx+json",
    });
    source.referrers = () => Promise.reject(new Error("asked"));

    const { results } = await publishTo(index, [{ at: target.location, tags: ["1"] }], {
      source,
      stores: [target],
      referrers: "none",
    });

    expect(results[0]?.error).toBeUndefined();
    expect(await target.referrers(index.descriptor.digest)).toEqual([]);
  });

  test("tags nothing at a target whose blob is corrupted at the source, and says so", async () => {
    const source = createMemoryStore("source");
    const target = createMemoryStore("target");
    const { index, arm64 } = await twoPlatforms(source);
    const layer = arm64.document.kind === "image" ? arm64.document.layers[0]!.digest : undefined;
    source.shelf.blobs.set(layer!, bytesOf("layer for linux/ARM64"));

    const { results } = await publishTo(index, [{ at: target.location, tags: ["1"] }], { source, stores: [target] });

    expect(results[0]?.error).toMatchObject({ code: "digest_mismatch" });
    expect(results[0]?.tags).toEqual([{ tag: "1", state: "not-attempted", before: "absent" }]);
    expect(target.shelf.tags.size).toBe(0);
  });

  test("tells of a target that fails with nothing that it has failed", async () => {
    const source = createMemoryStore("source");
    const bad = createMemoryStore("bad");
    bad.pushBlob = () => Promise.reject(undefined);
    const { index } = await twoPlatforms(source);

    const { results } = await publishTo(index, [{ at: bad.location, tags: ["1"] }], { source, stores: [bad] });

    expect(results).toMatchObject([{ heldBack: false, error: { code: "internal" } }]);
  });

  test("finishes the healthy target when the other one fails and each is for itself", async () => {
    const source = createMemoryStore("source");
    const good = createMemoryStore("good");
    const bad = createMemoryStore("bad");
    bad.pushBlob = () => Promise.reject(new WaybillError("auth_denied", "Cannot push blob: 403"));
    const { index } = await twoPlatforms(source);

    const { results } = await publishTo(
      index,
      [
        { at: bad.location, tags: ["1"] },
        { at: good.location, tags: ["1"] },
      ],
      { source, stores: [recorded(good, []), bad], policy: { onError: "keep-going" } },
    );

    expect(results.map((result) => (result.error as WaybillError | undefined)?.code)).toEqual([
      "auth_denied",
      undefined,
    ]);
    expect(good.shelf.tags.get("1")).toBe(index.descriptor.digest);
  });

  test("sends a blob again when the manifest is refused for want of it", async () => {
    const source = createMemoryStore("source");
    const target = createMemoryStore("target");
    const image = await pushImage(source, { tags: ["1"] });
    const layer = image.document.kind === "image" ? image.document.layers[0]! : undefined;
    const forgetful: Store = {
      ...target,
      pushBlob: async (blob, body, options) =>
        blob.digest === layer!.digest && !options?.distrustPresence ? "existed" : target.pushBlob(blob, body, options),
    };

    const { results } = await publishTo(image, [{ at: target.location, tags: ["1"] }], { source, stores: [forgetful] });

    expect(results[0]?.error).toBeUndefined();
    expect(target.shelf.tags.get("1")).toBe(image.descriptor.digest);
  });

  test("waits for a registry that does not count what it was just sent, and sends none of it twice", async () => {
    const source = createMemoryStore("source");
    const target = createMemoryStore("target");
    const image = await pushImage(source, { tags: ["1"] });
    const missing = image.document.kind === "image" ? [image.document.layers[0]!.digest] : [];
    const log: string[] = [];
    const recording = recorded(target, log);
    let refusals = 3;
    const late: Store = {
      ...recording,
      pushManifest: async (manifest, options) => {
        if (refusals-- > 0) throw new WaybillError("blob_unknown", "Cannot push manifest: 404", { missing });
        return recording.pushManifest(manifest, options);
      },
    };

    const { results } = await publishTo(image, [{ at: target.location, tags: ["1"] }], {
      source,
      stores: [late],
      clock: "moves on",
    });

    expect(results[0]?.error).toBeUndefined();
    expect(target.shelf.tags.get("1")).toBe(image.descriptor.digest);
    expect(new Set(log).size).toBe(log.length);
  });

  test("sends a child again by its digest only, never under the tag that its parent is for", async () => {
    const source = createMemoryStore("source");
    const target = createMemoryStore("target");
    const image = await pushImage(source, { platform: "linux/amd64" });
    const index = await pushIndex(source, [image.descriptor], { platforms: ["linux/amd64"], tags: ["1"] });
    const refuse = () => {
      const missing = [image.descriptor.digest];
      throw new WaybillError("blob_unknown", "Cannot push manifest: a child is missing", { missing });
    };
    const refusing: Store = {
      ...target,
      pushManifest: async (manifest, options) =>
        manifest.descriptor.digest === index.descriptor.digest && options?.tags?.length
          ? refuse()
          : target.pushManifest(manifest, options),
    };

    const { results } = await publishTo(index, [{ at: target.location, tags: ["1"] }], {
      source,
      stores: [refusing],
      clock: "moves on",
    });

    expect(results[0]).toMatchObject({ error: { code: "unavailable" }, tags: [{ tag: "1", state: "failed" }] });
    expect(target.shelf.tags.has("1")).toBe(false);
  });

  test("asks the registry what a tag names when the answer to its write was lost", async () => {
    const source = createMemoryStore("source");
    const target = createMemoryStore("target");
    const image = await pushImage(source, { tags: ["1"] });
    const lossy: Store = {
      ...target,
      pushManifest: async (manifest, options) => {
        await target.pushManifest(manifest, options);
        throw new WaybillError("connection_failed", "Cannot push manifest: reset", { sent: "all" });
      },
    };

    const { results } = await publishTo(image, [{ at: target.location, tags: ["1"] }], { source, stores: [lossy] });

    expect(results[0]?.tags).toMatchObject([{ tag: "1", state: "created", before: "absent" }]);
    expect(results[0]?.error).toMatchObject({ code: "connection_failed" });
  });

  test("stages nothing to the place that the image is read from", async () => {
    const source = createMemoryStore("source");
    const log: string[] = [];
    const { index } = await twoPlatforms(source);

    await publishTo(index, [{ at: source.location, tags: ["2"] }], {
      source: recorded(source, log) as MemoryStore,
      stores: [],
    });

    expect(log).toEqual([`manifest ${index.descriptor.digest} 2`]);
  });
});

/** `store`, whose tag `1` somebody else gives to `theirs` while content is on its way. */
function takenMeanwhile(store: MemoryStore, theirs: Manifest): Store {
  return {
    ...store,
    pushBlob: async (blob, body, options) => {
      store.shelf.tags.set("1", theirs.descriptor.digest);
      return store.pushBlob(blob, body, options);
    },
  };
}

/** Every call that a publish makes to a target, in the order of the phases. */
const points = [
  "tagged",
  "pushBlob",
  "pushManifest by digest",
  "exists",
  "tagged again",
  "pushManifest by tag",
  "confirm",
] as const;
type Point = (typeof points)[number];

/** `store`, failing for good from the first time that `point` is reached. */
function failingAt(store: MemoryStore, point: Point, skip = 0): Store {
  let looks = 0;
  let skips = skip;
  const stop = (here: Point) => {
    if (here === point && skips-- <= 0) throw new WaybillError("unavailable", `Cannot go on: 503 at ${here}`);
  };
  return {
    ...store,
    tagged: async (tag, options) => {
      looks += 1;
      stop(looks === 1 ? "tagged" : looks === 2 ? "tagged again" : "confirm");
      return store.tagged(tag, options);
    },
    exists: async (content, options) => {
      stop("exists");
      return store.exists(content, options);
    },
    pushBlob: async (blob, body, options) => {
      stop("pushBlob");
      return store.pushBlob(blob, body, options);
    },
    pushManifest: async (manifest, options) => {
      stop(options?.tags?.length ? "pushManifest by tag" : "pushManifest by digest");
      return store.pushManifest(manifest, options);
    },
  };
}

describe("publish to several targets as one", () => {
  const cases = points.flatMap((point) => [0, 1, 2].map((failing) => [failing, point] as const));

  test.each(cases)(
    "moves no tag before all is staged, and tells the truth, when target %s fails at %s",
    async (failing, point) => {
      const source = createMemoryStore("source");
      const { index } = await twoPlatforms(source);
      const shelves = ["a", "b", "c"].map((name) => createMemoryStore(name));
      const old = await Promise.all(
        shelves.map((store) => pushImage(store, { layers: [bytesOf("old")], tags: ["1"] })),
      );
      const stores = shelves.map((store, at) => (at === failing ? failingAt(store, point) : store));

      const { results } = await publishTo(
        index,
        shelves.map((store) => ({ at: store.location, tags: ["1"] })),
        { source, stores },
      );

      const isTagPhase = ["pushManifest by tag", "confirm"].includes(point);
      for (const [at, result] of results.entries()) {
        const now = shelves[at]!.shelf.tags.get("1");
        const isMoved = result.tags[0]?.state === "moved";
        expect(isMoved).toBe(now === index.descriptor.digest);
        expect(isMoved || now === old[at]!.descriptor.digest).toBe(true);
        expect(isMoved).toBe(at === failing ? point === "confirm" : isTagPhase);
        expect(result.error !== undefined).toBe(at === failing);
        expect(result.heldBack).toBe(at !== failing && !isTagPhase);
      }
    },
  );

  test("leaves every target alone when a tag does not name what it must", async () => {
    const source = createMemoryStore("source");
    const { index } = await twoPlatforms(source);
    const [a, b] = [createMemoryStore("a"), createMemoryStore("b")];
    const log: string[] = [];
    await pushImage(b, { tags: ["1"] });

    const { results } = await publishTo(
      index,
      [a, b].map((store) => ({ at: store.location, tags: ["1"] })),
      { source, stores: [recorded(a, log), recorded(b, log)], policy: { onError: "abort", noClobber: true } },
    );

    expect(log).toEqual([]);
    expect(results.map(({ heldBack, error }) => [heldBack, (error as WaybillError | undefined)?.code])).toEqual([
      [true, undefined],
      [false, "precondition_failed"],
    ]);
  });

  test("moves no tag anywhere when somebody else has moved one in the meantime", async () => {
    const source = createMemoryStore("source");
    const { index } = await twoPlatforms(source);
    const [a, b] = [createMemoryStore("a"), createMemoryStore("b")];
    const theirs = await pushImage(b, { layers: [bytesOf("theirs")] });

    const { results } = await publishTo(
      index,
      [a, b].map((store) => ({ at: store.location, tags: ["1"] })),
      { source, stores: [a, takenMeanwhile(b, theirs)] },
    );

    expect(b.shelf.tags.get("1")).toBe(theirs.descriptor.digest);
    expect(a.shelf.tags.size).toBe(0);
    expect(results[1]?.error).toMatchObject({ code: "precondition_failed" });
    expect(results.map(({ heldBack }) => heldBack)).toEqual([true, false]);
    expect(results.flatMap(({ tags }) => tags.map(({ state }) => state))).toEqual(["not-attempted", "not-attempted"]);
  });

  test("compares the tag of a single target once more where something is demanded of it", async () => {
    const source = createMemoryStore("source");
    const { index } = await twoPlatforms(source);
    const target = createMemoryStore("target");
    const theirs = await pushImage(target, { layers: [bytesOf("theirs")] });
    const publishOnce = (policy: Partial<PublishPolicy>) =>
      publishTo(index, [{ at: target.location, tags: ["1"] }], {
        source,
        stores: [takenMeanwhile(target, theirs)],
        policy,
      });

    for (const policy of [{ noClobber: true }, { compare: true }]) {
      const { results } = await publishOnce(policy);
      expect(results[0]).toMatchObject({ error: { code: "precondition_failed" }, tags: [{ state: "failed" }] });
      expect(target.shelf.tags.get("1")).toBe(theirs.descriptor.digest);
      target.shelf.tags.clear();
      target.shelf.blobs.clear();
    }
  });

  test("waits for a registry that shows its writes late", async () => {
    const source = createMemoryStore("source");
    const { index } = await twoPlatforms(source);
    const [a, b] = [createMemoryStore("a"), createMemoryStore("b")];
    let answers = 0;
    const late: Store = { ...b, exists: async (content, options) => answers++ > 2 && b.exists(content, options) };

    const { results } = await publishTo(
      index,
      [a, b].map((store) => ({ at: store.location, tags: ["1"] })),
      {
        source,
        stores: [a, late],
        clock: "moves on",
      },
    );

    expect(results.map(({ error }) => error)).toEqual([undefined, undefined]);
  });

  test.each([0, 1, 2])(
    "puts every moved tag back when target %s refuses its tag, and writes no new one",
    async (failing) => {
      const source = createMemoryStore("source");
      const { index } = await twoPlatforms(source);
      const shelves = ["a", "b", "c"].map((name) => createMemoryStore(name));
      const old = await Promise.all(
        shelves.map((store) => pushImage(store, { layers: [bytesOf("old")], tags: ["1"] })),
      );
      const stores = shelves.map((store, at) => (at === failing ? failingAt(store, "pushManifest by tag") : store));

      const { results } = await publishTo(
        index,
        shelves.map((store) => ({ at: store.location, tags: ["new", "1"] })),
        {
          source,
          stores,
          policy: { onTagError: "rollback" },
        },
      );

      for (const [at, result] of results.entries()) {
        expect(shelves[at]!.shelf.tags.get("1")).toBe(old[at]!.descriptor.digest);
        expect(shelves[at]!.shelf.tags.has("new")).toBe(false);
        const moved = result.tags.find(({ tag }) => tag === "1")?.state;
        expect(["rolled-back", "not-attempted", "failed"]).toContain(moved);
        expect(moved === "failed").toBe(at === failing);
      }
    },
  );

  test("puts back only the target whose tag was refused when each is for itself", async () => {
    const source = createMemoryStore("source");
    const { index } = await twoPlatforms(source);
    const [a, b] = [createMemoryStore("a"), createMemoryStore("b")];
    const old = await Promise.all(
      [a, b].map((store) => pushImage(store, { layers: [bytesOf("old")], tags: ["1", "2"] })),
    );
    const refusing: Store = {
      ...b,
      pushManifest: async (manifest, options) => {
        if (!options?.tags?.length) return b.pushManifest(manifest, options);
        const isFinal = manifest.descriptor.digest === index.descriptor.digest;
        await b.pushManifest(manifest, { ...options, tags: options.tags.slice(0, 1) });
        if (isFinal) throw new WaybillError("auth_denied", "Cannot push manifest: 403");
      },
    };

    const { results } = await publishTo(
      index,
      [a, b].map((store) => ({ at: store.location, tags: ["1", "2"] })),
      { source, stores: [a, refusing], policy: { onError: "keep-going", onTagError: "rollback" } },
    );

    expect(a.shelf.tags.get("1")).toBe(index.descriptor.digest);
    expect(b.shelf.tags.get("1")).toBe(old[1]!.descriptor.digest);
    expect(results.map(({ tags }) => tags.map(({ state }) => state))).toEqual([
      ["moved", "moved"],
      ["rolled-back", "failed"],
    ]);
  });

  test("tells which tags it could not put back: new ones, and those of a registry that refuses", async () => {
    const source = createMemoryStore("source");
    const { index } = await twoPlatforms(source);
    const [a, b] = [createMemoryStore("a"), createMemoryStore("b")];
    const old = await pushImage(a, { layers: [bytesOf("old")], tags: ["1"] });
    await pushImage(b, { layers: [bytesOf("old")], tags: ["1"] });
    const stores = [a, failingAt(b, "pushManifest by tag", 1)];

    const { results } = await publishTo(
      index,
      [a, b].map((store) => ({ at: store.location, tags: ["1", "new"] })),
      {
        source,
        stores,
        policy: { onTagError: "rollback" },
      },
    );

    expect(results.map(({ tags }) => tags.map(({ state }) => state))).toEqual([
      ["rolled-back", "left-behind"],
      ["moved", "failed"],
    ]);
    expect(b.shelf.tags.get("1")).toBe(index.descriptor.digest);
    expect(a.shelf.tags.get("1")).toBe(old.descriptor.digest);
    expect(a.shelf.tags.get("new")).toBe(index.descriptor.digest);
  });

  test("does not put back a tag that somebody else has moved on", async () => {
    const source = createMemoryStore("source");
    const { index } = await twoPlatforms(source);
    const [a, b] = [createMemoryStore("a"), createMemoryStore("b")];
    await pushImage(a, { layers: [bytesOf("old")], tags: ["1"] });
    await pushImage(b, { layers: [bytesOf("old")], tags: ["1"] });
    const theirs = await pushImage(a, { layers: [bytesOf("theirs")] });
    const refusing: Store = {
      ...b,
      pushManifest: async (manifest, options) => {
        if (!options?.tags?.length) return b.pushManifest(manifest, options);
        a.shelf.tags.set("1", theirs.descriptor.digest);
        throw new WaybillError("auth_denied", "Cannot push manifest: 403");
      },
    };

    const { results } = await publishTo(
      index,
      [a, b].map((store) => ({ at: store.location, tags: ["1"] })),
      {
        source,
        stores: [a, refusing],
        policy: { onTagError: "rollback" },
      },
    );

    expect(a.shelf.tags.get("1")).toBe(theirs.descriptor.digest);
    // It does not name what it named before: no exit code may promise that.
    expect(results[0]?.tags).toMatchObject([{ state: "failed", now: theirs.descriptor.digest, mayDiffer: true }]);
  });
});

describe("publish in series", () => {
  /** Writes to `store` are noted under `name`, as they begin and end. */
  function timed(store: MemoryStore, name: string, log: string[]): Store {
    const noted = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
      log.push(`${name} begins ${what}`);
      const result = await work();
      await new Promise((resolve) => setImmediate(resolve));
      log.push(`${name} ends ${what}`);
      return result;
    };
    return {
      ...store,
      pushBlob: (blob, body, options) => noted("blob", () => store.pushBlob(blob, body, options)),
      pushManifest: (manifest, options) =>
        noted(options?.tags?.length ? "tag" : "manifest", () => store.pushManifest(manifest, options)),
    };
  }

  async function inSeries(onError: "abort" | "keep-going") {
    const [source, left, right] = ["source", "left", "right"].map((name) => createMemoryStore(name));
    const log: string[] = [];
    const { index } = await twoPlatforms(source!);
    const stores = [timed(left!, "left", log), timed(right!, "right", log)];
    const targets = stores.map(({ location }) => ({ at: location, tags: ["1"] }));
    const { results } = await publishTo(index, targets, {
      source: source!,
      stores,
      policy: { strategy: "serial", onError },
    });
    expect(results.map(({ error }) => error)).toEqual([undefined, undefined]);
    return log;
  }

  test("writes one thing at a time, stages the targets in their order and tags them in their order", async () => {
    const log = await inSeries("abort");
    const begun = log.filter((_, at) => at % 2 === 0);
    expect(log).toEqual(begun.flatMap((line) => [line, line.replace("begins", "ends")]));
    const withoutRepeats = begun.map((line) => line.replace(/blob|manifest/, "content"));
    expect(withoutRepeats.filter((line, at) => line !== withoutRepeats[at - 1])).toEqual([
      "left begins content",
      "right begins content",
      "left begins tag",
      "right begins tag",
    ]);
  });

  test("brings one target to its end before the next where each is for itself", async () => {
    const log = await inSeries("keep-going");
    expect(log.findLastIndex((line) => line.startsWith("left"))).toBe(log.indexOf("left ends tag"));
    expect(log.findIndex((line) => line.startsWith("right"))).toBe(log.indexOf("left ends tag") + 1);
  });
});

describe("publish to a slow target", () => {
  const minute = 60_000;

  /** Publishes an image of two blobs, each of which takes so many minutes, a byte in each; and whether that is over. */
  async function slowly(minutes: number, options: Pick<PublishOptions, "blobsInFlight" | "leastBytesPerSecond">) {
    const clock = fakeClock();
    const [source, target] = [createMemoryStore("source"), createMemoryStore("target")];
    const image = await pushImage(source, { layers: [bytesOf("layer")] });
    const slow: Store = {
      ...target,
      pushBlob: async (blob, body, call) => {
        for (let passed = 0; passed < minutes; passed++) {
          await sleep(clock, minute, call?.signal);
          call?.onProgress?.(1);
        }
        return target.pushBlob(blob, body, call);
      },
    };
    const open = async (at: Location) => (formatLocation(at) === formatLocation(target.location) ? slow : source);
    const common = { open, clock, report: () => undefined };
    const looked = await lookAt([{ at: target.location, tags: ["1"] }], common);
    const closure = await closureOf(
      { manifest: image, from: [source.location], origins: new Map() },
      { open, referrers: parseReferrersPolicy("none") },
    );
    const publishing = { isOver: false };
    const results = publish(closure, looked, { ...common, ...options }).finally(() => (publishing.isOver = true));
    const pass = async (count: number) => {
      for (let passed = 0; passed < count; passed++) await clock.advanceSlowly(minute, minute);
    };
    return { publishing, pass, errorOf: async () => (await results)[0]?.error };
  }

  test("publish gives up a blob that takes longer than a quarter of an hour and what the least rate gives it", async () => {
    const { publishing, pass, errorOf } = await slowly(99, { leastBytesPerSecond: 1 / 60 });
    await pass(16);
    expect(publishing.isOver).toBe(false);
    // Config and layer have two and five bytes.
    await pass(5);
    expect(await errorOf()).toMatchObject({ code: "timeout" });
  });

  test("publish does not count the time in which a blob waits for its turn", async () => {
    const { publishing, pass, errorOf } = await slowly(10, { blobsInFlight: 1 });
    await pass(19);
    expect(publishing.isOver).toBe(false);
    await pass(3);
    expect(await errorOf()).toBeUndefined();
  });
});
