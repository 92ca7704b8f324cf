import { describe, expect, test } from "vitest";
import { exitCodeOf } from "../src/cli/exit-code.ts";
import { outcomeError } from "../src/cli/outcome.ts";
import { isComplete } from "../src/transfer/result.ts";
import { hasCode, WaybillError } from "../src/errors.ts";
import type { Fault } from "../src/server/fault.ts";
import {
  hosts,
  lacking,
  makeCase,
  publishIn,
  registries,
  targets,
  untouched,
  untruths,
} from "./support/publish-case.ts";
import { simulate } from "./support/simulation.ts";
import {
  hideOnce,
  isContentPut,
  isTagPut,
  isUploadStep,
  strikeAlways,
  strikeOnce,
  troubles,
  type Struck,
} from "./support/torture-faults.ts";

/** Every request of a run meets every trouble only on demand, `WAYBILL_TORTURE=all`; else every third does. */
const stride = process.env["WAYBILL_TORTURE"] === "all" ? 1 : 3;

/** What is wrong with a run in which `struck` happened once; nothing where it kept every promise. */
async function wrongWith(struck: Struck, chunkSizeBytes?: number): Promise<readonly string[]> {
  const at = await makeCase();
  const chunks = chunkSizeBytes === undefined ? {} : { chunkSizeBytes };
  const simulation = await simulate({
    storages: at.storages,
    roots: [at.root, at.old],
    registries,
    faults: struck.interceptor,
    ...chunks,
  });
  try {
    const result = await simulation.settle(publishIn(simulation));
    const incomplete = result.targets.filter((target) => !isComplete(target));
    return [
      ...incomplete.map(({ error }) => `incomplete: ${String(error)}`),
      ...(await lacking(at, 0)),
      ...(await lacking(at, 1)),
      ...untruths(result, at),
      ...simulation.violations,
      ...(await simulation.leftovers()),
    ];
  } catch (error) {
    return [`threw ${String(error)}`, ...(await simulation.leftovers())];
  }
}

/** Lets it happen to one request after the other, a run for each. */
async function torture(make: (at: number) => Struck, first: number, chunkSizeBytes?: number) {
  const undisturbed = make(Number.POSITIVE_INFINITY);
  expect(await wrongWith(undisturbed, chunkSizeBytes)).toEqual([]);
  const count = undisturbed.count();
  const found: Record<number, readonly string[]> = {};
  for (let at = first % stride; at < count; at += stride) {
    const wrong = await wrongWith(make(at), chunkSizeBytes);
    if (wrong.length > 0) found[at] = wrong;
  }
  return { count, found };
}

describe("create completes", () => {
  test.each(troubles.map((trouble, at) => ({ ...trouble, at })))(
    "when any one request meets: $name",
    async (trouble) => {
      const { count, found } = await torture((at) => strikeOnce(trouble, at), trouble.at);
      expect(found).toEqual({});
      expect(count).toBeGreaterThan(10);
    },
    120_000,
  );

  test.each(troubles.map((trouble, at) => ({ ...trouble, at })))(
    "when any one step of an upload in chunks meets: $name",
    async (trouble) => {
      const fits: typeof trouble.fits = (request) => trouble.fits(request) && isUploadStep(request);
      const { found } = await torture((at) => strikeOnce({ ...trouble, fits }, at), trouble.at, 150);
      expect(found).toEqual({});
    },
    120_000,
  );

  test("when what any one write has stored does not show at first", async () => {
    const { count, found } = await torture((at) => hideOnce(at), 0);
    expect(found).toEqual({});
    expect(count).toBeGreaterThan(10);
  }, 120_000);
});

const lasting: readonly { name: string; fault: Fault; code: string; exit: number }[] = [
  { name: "500", fault: { kind: "status", status: 500 }, code: "unavailable", exit: 8 },
  { name: "refused connections", fault: { kind: "refuse" }, code: "connection_failed", exit: 8 },
  { name: "lost answers", fault: { kind: "lose-answer" }, code: "connection_failed", exit: 8 },
  { name: "403", fault: { kind: "status", status: 403 }, code: "auth_denied", exit: 4 },
  { name: "429", fault: { kind: "status", status: 429 }, code: "rate_limited", exit: 5 },
  {
    name: "429 for an hour",
    fault: { kind: "status", status: 429, headers: { "retry-after": "3600" } },
    code: "rate_limited",
    exit: 5,
  },
];
const places = [
  { place: "uploads", fits: isUploadStep },
  { place: "manifests by digest", fits: isContentPut },
  { place: "tags", fits: isTagPut },
];

describe.each(places)("create, when $place of one target fail for good,", ({ place, fits }) => {
  test.each(lasting)("leaves its tags alone and completes the other, keep-going: $name", async (trouble) => {
    const at = await makeCase();
    const faults = () => strikeAlways(hosts.first, trouble.fault, fits);
    const simulation = await simulate({ storages: at.storages, roots: [at.root, at.old], registries, faults });
    const result = await simulation.settle(publishIn(simulation, { onError: "keep-going" }));
    const [failed, other] = result.targets;

    expect(await lacking(at, 1)).toEqual([]);
    expect(isComplete(other!)).toBe(true);
    // What was written although its answer was lost is found out: nothing needs to be wrong then.
    if (trouble.name !== "lost answers") {
      expect(failed?.error).toMatchObject({ code: trouble.code, context: targets[0] && contextOf(0) });
      expect(failed?.tags.map(({ state }) => state)).not.toContain("moved");
      expect(untouched(at, 0)).toBe(true);
      expect(exitCodeOf(outcomeError(result))).toBe(3);
    }
    expect(untruths(result, at)).toEqual([]);
    expect(simulation.violations).toEqual([]);
    expect(await simulation.leftovers()).toEqual([]);
  });

  test.each(lasting)("writes no tag before every target is staged: $name", async (trouble) => {
    const at = await makeCase();
    const faults = () => strikeAlways(hosts.first, trouble.fault, fits);
    const simulation = await simulate({ storages: at.storages, roots: [at.root, at.old], registries, faults });
    const result = await simulation.settle(publishIn(simulation));

    if (place !== "tags" && trouble.name !== "lost answers") {
      expect([untouched(at, 0), untouched(at, 1)]).toEqual([true, true]);
      expect(result.targets[1]).toMatchObject({ heldBack: true });
      expect(exitCodeOf(outcomeError(result))).toBe(trouble.exit);
    }
    const error = outcomeError(result);
    if (error !== undefined) expect(error).toBeInstanceOf(WaybillError);
    expect(untruths(result, at)).toEqual([]);
    expect(simulation.violations).toEqual([]);
    expect(await simulation.leftovers()).toEqual([]);
  });
});

function contextOf(target: number) {
  const { host, repository } = targets[target]!;
  return { registry: host, repository };
}

test("create says at once that a target asks to wait for an hour", async () => {
  const at = await makeCase();
  const fault: Fault = { kind: "status", status: 429, headers: { "retry-after": "3600" } };
  const simulation = await simulate({
    storages: at.storages,
    roots: [at.root, at.old],
    registries,
    faults: () => strikeAlways(hosts.first, fault),
  });
  const before = simulation.clock.now();
  const result = await simulation.settle(publishIn(simulation));
  expect(result.targets[0]?.error).toMatchObject({ code: "rate_limited", context: { retryAfterMs: 3_600_000 } });
  expect(simulation.clock.now() - before).toBeLessThan(1000);
});

test("create throws a typed error and writes nothing when the source fails for good", async () => {
  for (const { fault, code } of lasting) {
    const at = await makeCase();
    const simulation = await simulate({
      storages: at.storages,
      registries,
      faults: () => strikeAlways(hosts.source, fault),
    });
    const error = await simulation.settle(publishIn(simulation)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code, context: { registry: hosts.source, repository: "app" } });
    expect(hasCode(error, "internal")).toBe(false);
    expect([untouched(at, 0), untouched(at, 1)]).toEqual([true, true]);
    expect(await simulation.leftovers()).toEqual([]);
  }
});
