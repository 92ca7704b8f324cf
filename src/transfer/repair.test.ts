import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { WaybillError } from "../errors.ts";
import { digestOf } from "../spec/digest.ts";
import { pushRepairing } from "./repair.ts";

const [layer, config] = ["layer", "config"].map((name) => digestOf(Buffer.from(name))) as [never, never];

function lacking(...missing: string[]): WaybillError {
  return new WaybillError("blob_unknown", "Cannot push manifest: 404", { missing });
}

/** Pushes until `refusals` are used up; notes waits and what is brought again. */
async function pushed(refusals: readonly WaybillError[], brought: readonly string[]) {
  const still = fakeClock();
  const log: string[] = [];
  let now = 0;
  const clock = {
    ...still,
    now: () => now,
    after(delayMs: number, callback: () => void) {
      log.push(`wait ${delayMs}`);
      now += delayMs;
      queueMicrotask(callback);
      return () => undefined;
    },
  };
  const left = [...refusals];
  const push = async () => {
    const refusal = left.shift();
    if (refusal) throw refusal;
    log.push("pushed");
  };
  const outcome = await pushRepairing(push, {
    children: [config, layer],
    isBrought: (digest) => brought.includes(digest),
    bringAgain: async (digests) => void log.push(`bring ${digests.length}`),
    clock,
    signal: new AbortController().signal,
  }).catch((error: unknown) => error);
  return { log, outcome };
}

describe("pushRepairing", () => {
  test("asks again in growing waits for what this run has brought", async () => {
    const { log } = await pushed(
      Array.from({ length: 3 }, () => lacking(layer)),
      [layer],
    );
    expect(log).toEqual(["wait 250", "wait 500", "wait 1000", "pushed"]);
  });

  test("brings at once what had been there before the run and is gone", async () => {
    const { log } = await pushed([lacking(layer)], [config]);
    expect(log).toEqual(["bring 1", "pushed"]);
  });

  test("takes all children for missing where the registry names none", async () => {
    const { log } = await pushed([lacking(), lacking("sha256:of-somebody-else")], [config]);
    expect(log).toEqual(["bring 2", "bring 2", "pushed"]);
  });

  test("brings again what does not show within half a minute, and gives up after three rounds", async () => {
    const { log, outcome } = await pushed(
      Array.from({ length: 99 }, () => lacking(layer)),
      [layer],
    );
    const turns = log.join(",").split("bring 1");
    expect(turns).toHaveLength(4);
    for (const turn of turns) {
      const waitedMs = (turn.match(/\d+/g) ?? []).reduce((sum, wait) => sum + Number(wait), 0);
      expect(waitedMs).toBeGreaterThan(15_000);
      expect(waitedMs).toBeLessThanOrEqual(30_000);
    }
    expect(outcome).toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("has acknowledged sha256:"),
    });
  });

  test("takes the registry by its word where it does not name what it lacks", async () => {
    const { outcome } = await pushed(
      Array.from({ length: 99 }, () => lacking()),
      [layer],
    );
    expect(outcome).toMatchObject({ code: "blob_unknown" });
  });

  test("repairs nothing else", async () => {
    const denied = new WaybillError("auth_denied", "Cannot push manifest: 403");
    expect(await pushed([denied], [layer])).toEqual({ log: [], outcome: denied });
  });
});
