import { describe, expect, test } from "vitest";
import type { FaultRule } from "../src/server/faults.ts";
import { isComplete } from "../src/transfer/result.ts";
import { create, type CreateRequest } from "../src/verbs/create.ts";
import { missingBelow } from "./support/closures.ts";
import { hosts as caseHosts, makeCase } from "./support/publish-case.ts";
import { simulate } from "./support/simulation.ts";
import { source, worldWith } from "./support/three-registries.ts";
import { strikeOnce, troubles, type Struck } from "./support/torture-faults.ts";
import type { World } from "./support/world.ts";

const repositories = ["a.example/prod/app", "a.example/staging/app", "a.example/edge/app", "b.example/app"];
const tags = repositories.map((repository) => `${repository}:1`);

async function publish(world: World, request: Partial<CreateRequest> = {}) {
  world.forget();
  const result = await world.create({ sources: [source], tags, ...request });
  const uploads = world.requests.filter((line) =>
    /^(?:PUT|PATCH) .*\/blobs\/uploads\/|^POST .*\/uploads\/\?digest=/.test(line),
  );
  const reads = world.requests.filter((line) => /^GET .*\/blobs\/sha256:/.test(line));
  return {
    result,
    uploadsTo: (host: string) => uploads.filter((line) => line.includes(` ${host}/`)).length,
    readsFrom: (host: string) => reads.filter((line) => line.includes(` ${host}/`)).length,
    blobs: new Set(reads.map((line) => line.split("/").at(-1))).size,
  };
}

describe("a publish to several repositories of one registry", () => {
  test.each<Partial<CreateRequest>>([{}, { strategy: "serial" }, { onError: "keep-going" }])(
    "sends each blob once to the registry and reads it once (%j)",
    async (request) => {
      const world = await worldWith([]);

      const { result, uploadsTo, readsFrom, blobs } = await publish(world, request);

      expect(result.targets.map(({ error }) => error)).toEqual(tags.map(() => undefined));
      expect([uploadsTo("a.example"), uploadsTo("b.example")]).toEqual([blobs, blobs]);
      expect([readsFrom("source.example"), readsFrom("a.example")]).toEqual([blobs, 0]);
      const [first, second] = result.targets;
      expect(first).toMatchObject({ mountedBytes: 0 });
      expect(second?.mountedBytes).toBeGreaterThan(0);
    },
  );

  test("copies from the first repository where the registry mounts nothing", async () => {
    const world = await worldWith([], { "a.example": { mounts: false } });

    const { result, readsFrom, blobs } = await publish(world);

    expect(result.targets.map(({ error }) => error)).toEqual(tags.map(() => undefined));
    expect(readsFrom("source.example")).toBe(blobs);
    expect(readsFrom("a.example")).toBe(2 * blobs);
  });

  test("takes what it lacks from a repository that has everything already", async () => {
    const world = await worldWith([]);
    await publish(world, { tags: tags.slice(1, 2) });

    const { result, uploadsTo, readsFrom } = await publish(world, { tags: tags.slice(0, 2) });

    expect(result.targets.map(({ tags: [tag] }) => tag?.state)).toEqual(["created", "unchanged"]);
    expect([uploadsTo("a.example"), readsFrom("source.example")]).toEqual([0, 0]);
  });

  test("sends to the others from the source where the first refuses it, and each is for itself", async () => {
    const refused: FaultRule = {
      method: ["POST", "PUT", "PATCH"],
      path: "/prod/app/blobs/uploads/",
      times: Infinity,
      fault: { kind: "status", status: 403 },
    };
    const world = await worldWith([refused]);

    const { result } = await publish(world, { onError: "keep-going" });

    expect(result.targets.map(({ error }) => error === undefined)).toEqual([false, true, true, true]);
    for (const tag of tags.slice(1)) expect(await world.digestAt(tag)).toBe(result.root.descriptor.digest);
  });
});

/** Publishes from the case's source to two repositories of one registry. @returns what is wrong, as sentences. */
async function wrongBeside(struck: Struck): Promise<readonly string[]> {
  const { storages, root } = await makeCase();
  const simulation = await simulate({ storages, roots: [root], faults: struck.interceptor });
  const host = caseHosts.second;
  const names = ["one/app", "two/app"];
  const tags = names.map((name) => `${host}/${name}:1`);
  const result = await simulation.settle(create({ sources: [`${caseHosts.source}/app:1`], tags }, simulation.context));
  const lacking = await Promise.all(names.map((name) => missingBelow(storages[host]!, name, root)));
  return [
    ...result.targets.filter((target) => !isComplete(target)).map(({ error }) => `incomplete: ${String(error)}`),
    ...lacking.flat(),
    ...simulation.violations,
    ...(await simulation.leftovers()),
  ];
}

test.each(troubles.map((trouble, at) => [trouble.name, trouble, at] as const))(
  "a publish to two repositories of one registry completes when any one request meets: %s",
  async (_name, trouble, first) => {
    const undisturbed = strikeOnce(trouble, Number.POSITIVE_INFINITY);
    expect(await wrongBeside(undisturbed)).toEqual([]);
    const found: Record<number, readonly string[]> = {};
    for (let at = first % 3; at < undisturbed.count(); at += 3) {
      const wrong = await wrongBeside(strikeOnce(trouble, at));
      if (wrong.length > 0) found[at] = wrong;
    }
    expect(found).toEqual({});
  },
  60_000,
);
