import { expect, test } from "vitest";
import { createMemoryStore, type MemoryStore } from "../src/content/memory.ts";
import type { CallOptions, Store } from "../src/content/store.ts";
import { WaybillError } from "../src/errors.ts";
import type { Digest } from "../src/spec/digest.ts";
import type { Manifest } from "../src/spec/manifest.ts";
import { formatLocation, type Location } from "../src/spec/reference.ts";
import { closureOf } from "../src/transfer/closure.ts";
import type { TargetResult } from "../src/transfer/result.ts";
import { lookAt } from "../src/transfer/look.ts";
import type { PublishPolicy } from "../src/transfer/policy.ts";
import { publish } from "../src/transfer/publish.ts";
import { parseReferrersPolicy } from "../src/transfer/referrers.ts";
import { fakeClock } from "./support/fake-clock.ts";
import { bytesOf, pushImage } from "./support/images.ts";

/** Where a target can fail, from the last step before the barrier on; `lost`: the tag is written, and the answer does not arrive. */
const points = ["verify", "compare", "tag", "lost", "confirm"] as const;
type Point = (typeof points)[number];

interface Failure {
  readonly target: number;
  readonly point: Point;
}

/** So often nobody waits for a turn while a publish works. */
const mostIdle = 200;

/** Calls that wait for their turn, in the order in which they came. */
class Turns {
  readonly #waiting: (() => void)[] = [];
  /** How many could have gone, and which went, each time that one was let go. */
  readonly choices: { readonly of: number; readonly taken: number }[] = [];

  wait({ signal }: CallOptions = {}): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const go = () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(signal?.reason as Error);
      };
      signal?.addEventListener("abort", leave, { once: true });
      this.#waiting.push(go);
    });
  }

  /** Lets one go at a time, as `path` says, else the first, whenever nothing else can happen, until `work` has ended. */
  async play<T>(work: Promise<T>, path: readonly number[]): Promise<T> {
    const state = { isOver: false };
    let idle = 0;
    const ended = work.finally(() => (state.isOver = true));
    while (!state.isOver) {
      await new Promise((resolve) => setImmediate(resolve));
      const of = this.#waiting.length;
      if (of === 0 && (idle += 1) > mostIdle)
        throw new Error("nothing can happen any more, and the publish has not ended");
      if (of === 0) continue;
      idle = 0;
      const taken = path[this.choices.length] ?? 0;
      this.choices.push({ of, taken });
      const [go] = this.#waiting.splice(taken, 1);
      go?.();
    }
    return ended;
  }
}

/** The path after this one, depth first; `undefined` after the last. */
function nextPath(choices: Turns["choices"]): readonly number[] | undefined {
  const at = choices.findLastIndex(({ of, taken }) => taken + 1 < of);
  const turn = choices[at];
  return turn && [...choices.slice(0, at).map(({ taken }) => taken), turn.taken + 1];
}

interface Case {
  readonly targets: number;
  readonly policy: PublishPolicy;
  readonly failure: Failure | undefined;
  /** Whether verifying takes turns too. */
  readonly ordersVerify: boolean;
}

interface Setting {
  readonly source: MemoryStore;
  readonly root: Manifest;
  readonly old: Manifest;
}

async function setting(): Promise<Setting> {
  const source = createMemoryStore("source");
  return {
    source,
    root: await pushImage(source, { layers: [bytesOf("new")], tags: ["1"] }),
    old: await pushImage(source, { layers: [bytesOf("old")] }),
  };
}

/** A target whose tag names the old image. */
async function targetNamed(name: string): Promise<MemoryStore> {
  const store = createMemoryStore(name);
  await pushImage(store, { layers: [bytesOf("old")], tags: ["1"] });
  return store;
}

/** Final at once: a 403 for what was just written may pass, and is asked about again. */
const refusal = () => new WaybillError("rejected", "Cannot go on: 400");
const lostAnswer = () => new WaybillError("connection_failed", "Cannot go on: no answer", { sent: "all" });

/** `store`, whose calls from the barrier on take turns, and of which one may fail. */
function inTurns(
  store: MemoryStore,
  {
    turns,
    fails,
    root,
    ordersVerify,
    onTag,
  }: {
    readonly turns: Turns;
    readonly fails: Point | undefined;
    readonly root: Digest;
    readonly ordersVerify: boolean;
    readonly onTag: () => void;
  },
): Store {
  let looks = 0;
  const turn = async (point: Point, call: CallOptions | undefined) => {
    await turns.wait(call);
    if (fails === point) throw refusal();
  };
  return {
    ...store,
    async exists(content, call) {
      if (ordersVerify) await turn("verify", call);
      else if (fails === "verify") throw refusal();
      return store.exists(content, call);
    },
    async tagged(tag, call) {
      looks += 1;
      // The first is the look before the plan; what comes after the third finds out what became of a tag.
      if (looks === 2) await turn("compare", call);
      if (looks === 3 && fails !== "lost" && fails !== "tag") await turn("confirm", call);
      return store.tagged(tag, call);
    },
    async pushManifest(manifest, options) {
      if (manifest.descriptor.digest !== root || !options?.tags?.length) return store.pushManifest(manifest, options);
      await turn("tag", options);
      onTag();
      await store.pushManifest(manifest, options);
      if (fails === "lost") throw lostAnswer();
    },
  };
}

/** Publishes in one order. @returns what is wrong, as sentences. */
async function wrongIn(at: Case, path: readonly number[], shared: Setting) {
  const { source, root, old } = shared;
  const { digest } = root.descriptor;
  const turns = new Turns();
  const shelves = await Promise.all(Array.from({ length: at.targets }, (_, index) => targetNamed(`target${index}`)));
  const wrong: string[] = [];
  const onTag = () => {
    if (!shelves.every(({ shelf }) => shelf.manifests.has(digest))) wrong.push("a tag is written before all is staged");
    if (at.failure?.point === "verify" || at.failure?.point === "compare") wrong.push("a tag is written all the same");
  };
  const stores: readonly Store[] = shelves.map((store, index) => {
    const fails = at.failure?.target === index ? at.failure.point : undefined;
    return inTurns(store, { turns, fails, root: digest, ordersVerify: at.ordersVerify, onTag });
  });
  const open = async (location: Location): Promise<Store> =>
    [source, ...stores].find((store) => formatLocation(store.location) === formatLocation(location)) ?? source;
  const options = { open, clock: fakeClock(), report: () => undefined, policy: at.policy };
  const looked = await lookAt(
    shelves.map(({ location }) => ({ at: location, tags: ["1"] })),
    options,
  );
  const closure = await closureOf(
    { manifest: root, from: [source.location], origins: new Map() },
    { open, referrers: parseReferrersPolicy("none") },
  );
  const results = await turns.play(publish(closure, looked, options), path);
  const names = shelves.map(({ shelf }) => shelf.tags.get("1"));
  wrong.push(...untruths(results, names, { root: digest, old: old.descriptor.digest, failure: at.failure }));
  if (at.policy.onTagError === "rollback" && at.failure && names.some((name) => name !== old.descriptor.digest))
    wrong.push("a tag was not put back");
  return { wrong, choices: turns.choices };
}

function untruths(
  results: readonly TargetResult[],
  names: readonly (Digest | undefined)[],
  { root, old, failure }: { readonly root: Digest; readonly old: Digest; readonly failure: Failure | undefined },
): readonly string[] {
  return results.flatMap(({ tags: [tag], error }, index) => {
    const says = tag?.state === "moved" ? root : old;
    const isLost = failure?.point === "lost" && failure.target === index;
    return [
      ...(names[index] === says ? [] : [`target ${index} names ${names[index]}, and is told as ${tag?.state}`]),
      ...((error !== undefined) === (failure?.target === index) || isLost
        ? []
        : [`target ${index} is told with the error ${String(error)}`]),
    ];
  });
}

const isThorough = process.env["WAYBILL_TORTURE"] === "all";

const settings = [
  { targets: 3, ordersVerify: isThorough, policy: { onError: "abort", verify: "manifests" } },
  { targets: 2, ordersVerify: true, policy: { onError: "abort", verify: "manifests", onTagError: "rollback" } },
  { targets: 3, ordersVerify: false, policy: { onError: "abort", verify: "ack", onTagError: "rollback" } },
  { targets: 2, ordersVerify: true, policy: { onError: "abort", verify: "manifests" } },
] as const;

test.each(settings)(
  "no order of verifying, barrier, tags and confirming moves a tag early or tells what is not so, wherever a target fails (%j)",
  async (given) => {
    const shared = await setting();
    const reached = points.filter((point) => given.policy.verify !== "ack" || !/verify|confirm/.test(point));
    const failures = Array.from({ length: given.targets }, (_, target) => reached.map((point) => ({ target, point })));
    const found: string[] = [];
    let orders = 0;
    for (const failure of [...failures.flat(), undefined]) {
      for (let path: readonly number[] | undefined = []; path && found.length === 0;) {
        const { wrong, choices } = await wrongIn({ ...given, failure }, path, shared);
        orders += 1;
        const how = `${JSON.stringify(failure)} in order ${choices.map(({ taken }) => taken).join("")}`;
        found.push(...wrong.map((sentence) => `${sentence}: ${how}`));
        path = nextPath(choices);
      }
    }
    expect(found).toEqual([]);
    expect(orders).toBeGreaterThan(given.targets === 3 ? 300 : 50);
  },
  600_000,
);
