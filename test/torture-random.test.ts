import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isComplete } from "../src/transfer/result.ts";
import { WaybillError } from "../src/errors.ts";
import { lacking, makeCase, publishIn, registries, targets, untouched, untruths } from "./support/publish-case.ts";
import { simulate, type Simulation } from "./support/simulation.ts";
import { strikeOften } from "./support/torture-faults.ts";

interface Seen {
  readonly complete: boolean;
  /** Promises that were broken, as sentences. */
  readonly broken: readonly string[];
  readonly trace: readonly string[];
}

/** One publish, of which everything follows from `seed`. */
async function publishWith(seed: number, probability: number): Promise<Seen> {
  const at = await makeCase();
  const simulation = await simulate({
    seed,
    storages: at.storages,
    roots: [at.root, at.old],
    registries,
    faults: strikeOften(probability),
    latencyMs: (random) => Math.floor(random() * 20),
    ...(seed % 3 === 0 && { chunkSizeBytes: 150 }),
  });
  const onError = seed % 2 === 0 ? "abort" : "keep-going";
  const broken: string[] = [];
  let complete = false;
  try {
    const result = await simulation.settle(publishIn(simulation, { onError }));
    complete = result.targets.every(isComplete);
    broken.push(...untruths(result, at));
    for (const [index, target] of result.targets.entries()) {
      if (isComplete(target)) broken.push(...(await lacking(at, index)));
      else if (!target.heldBack) broken.push(...untyped(target.error, index));
    }
  } catch (error) {
    broken.push(...untyped(error));
    if (!targets.every((_, index) => untouched(at, index))) broken.push("a tag has moved although create threw");
  }
  broken.push(...simulation.violations, ...(await leftOver(simulation, probability)));
  return { complete, broken, trace: simulation.trace };
}

/** Cancelling an upload is tried for five seconds; where most answers fail, the token for it can take longer than that. */
async function leftOver(simulation: Simulation, probability: number): Promise<readonly string[]> {
  const left = await simulation.leftovers();
  return probability < 0.3 ? left : left.filter((name) => !name.startsWith("upload "));
}

function untyped(error: unknown, target?: number): readonly string[] {
  if (!(error instanceof WaybillError) || error.code === "internal") return [`untyped error: ${String(error)}`];
  const { registry, repository } = error.context;
  const wanted = target === undefined ? undefined : targets[target];
  if (registry !== undefined && repository !== undefined && wanted !== undefined) return [];
  return registry === undefined ? [`no registry in: ${error.message} (target ${wanted?.host})`] : [];
}

const warnings: string[] = [];
const warned = ({ message }: Error) => void warnings.push(message);
beforeAll(() => void process.on("warning", warned));
afterAll(() => {
  process.off("warning", warned);
  expect(warnings).toEqual([]);
});

const rates = [
  { probability: 0.02, seeds: 120, atLeast: 1 },
  { probability: 0.1, seeds: 120, atLeast: 0.97 },
  { probability: 0.3, seeds: 80, atLeast: 0 },
];

describe.each(rates)("create, when $probability of all requests fail,", ({ probability, seeds, atLeast }) => {
  test("keeps every promise, whatever the seed", async () => {
    const found: Record<number, readonly string[]> = {};
    let completed = 0;
    for (let seed = 0; seed < seeds; seed++) {
      const { complete, broken } = await publishWith(seed, probability);
      if (broken.length > 0) found[seed] = broken;
      completed += Number(complete);
    }
    expect(found, "by seed").toEqual({});
    expect(completed / seeds).toBeGreaterThanOrEqual(atLeast);
  }, 120_000);

  test("sends the same requests at the same time when the seed is the same", async () => {
    for (const seed of [1, 2, 3]) {
      const [first, second] = [await publishWith(seed, probability), await publishWith(seed, probability)];
      expect(second.trace, `seed ${seed}`).toEqual(first.trace);
    }
  }, 60_000);
});
