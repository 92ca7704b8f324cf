import { describe, expect, test } from "vitest";
import type { HttpRequest, Interceptor } from "../src/http/send.ts";
import { faulty } from "../src/server/faults.ts";
import { hosts, makeCase, publishIn, registries, targets, untouched, untruths } from "./support/publish-case.ts";
import { simulate, type Simulation } from "./support/simulation.ts";
import { isTagPut, strikeAlways, strikeOnce, troubles } from "./support/torture-faults.ts";

const refusal = { kind: "status", status: 403, body: "" } as const;
const isRefused = (request: HttpRequest) => isTagPut(request) && new URL(request.url).host === hosts.second;

/** The second target refuses its tags; from then on `later` has the word about the first. */
function refusingThen(later: Interceptor): Interceptor {
  return (next) => {
    const refusing = faulty(next, [{ fault: refusal, when: isRefused, times: Infinity }]);
    const troubled = later(refusing);
    let isOver = false;
    return (request) => {
      isOver ||= isRefused(request);
      const isFirst = new URL(request.url).host === hosts.first;
      return isOver && isFirst ? troubled(request) : refusing(request);
    };
  };
}

async function undoneWith(later: (world: Pick<Simulation, "expireTokens" | "random">) => Interceptor) {
  const at = await makeCase();
  const simulation = await simulate({
    storages: at.storages,
    roots: [at.root, at.old],
    registries,
    faults: (world) => refusingThen(later(world)),
  });
  const policy = { onTagError: "rollback", deleteCreatedTags: true } as const;
  const result = await simulation.settle(publishIn(simulation, policy));
  const wrong = [...untruths(result, at), ...simulation.violations, ...(await simulation.leftovers())];
  const deleted = simulation.trace.filter((line) => /DELETE \S+\/manifests\/sha256:/.test(line));
  return { at, result, wrong: [...wrong, ...deleted] };
}

/** Nobody can bring what a registry has lost of the old image; and undoing uploads nothing. */
const passing = troubles.filter(({ name }) => name !== "manifest blob unknown" && !name.startsWith("upload "));

describe("a roll-back that deletes new tags", () => {
  test.each(passing)(
    "leaves every tag as it was when any one of its requests meets: $name",
    async (trouble) => {
      const undisturbed = strikeOnce(trouble, Infinity);
      expect((await undoneWith(undisturbed.interceptor)).wrong).toEqual([]);
      expect(undisturbed.count()).toBeGreaterThan(0);
      const found: Record<number, readonly string[]> = {};
      for (let request = 0; request < undisturbed.count(); request++) {
        const { at, wrong } = await undoneWith(strikeOnce(trouble, request).interceptor);
        const moved = targets.flatMap(({ host }, index) => (untouched(at, index) ? [] : [`${host} is not as before`]));
        if (wrong.length + moved.length > 0) found[request] = [...wrong, ...moved];
      }
      expect(found, "by request").toEqual({});
    },
    120_000,
  );

  test.each([
    ["reads", ({ method }: HttpRequest) => method === "GET" || method === "HEAD"],
    ["writes", ({ method }: HttpRequest) => method === "PUT"],
    ["deletions", ({ method }: HttpRequest) => method === "DELETE"],
    ["everything", () => true],
  ] as const)("tells the truth when it cannot be done because of failing %s", async (_what, fits) => {
    for (const fault of [
      refusal,
      { kind: "status", status: 500 },
      { kind: "refuse" },
      { kind: "lose-answer" },
    ] as const) {
      const { wrong } = await undoneWith(() => strikeAlways(hosts.first, fault, fits));
      expect(wrong, JSON.stringify(fault)).toEqual([]);
    }
  });
});
