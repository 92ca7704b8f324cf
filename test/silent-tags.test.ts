import { describe, expect, test } from "vitest";
import type { HttpRequest } from "../src/http/send.ts";
import type { FaultRule } from "../src/server/faults.ts";
import type { CreateRequest } from "../src/verbs/create.ts";
import { pushImage } from "./support/images.ts";
import { answer, hosts, publish, statesIn, tags, worldWith } from "./support/three-registries.ts";
import type { World } from "./support/world.ts";

/** What some registries answer for what is not there, and for what may not be read. */
const denied = answer(403, "DENIED", "requested access to the resource is denied");
const isAboutTag = ({ method, url }: HttpRequest) => /^(?:HEAD|GET)$/.test(method) && url.endsWith("/manifests/1");
const second = "b.example";

/** The second registry does not say what its tag names. */
const silent: FaultRule = {
  when: (request) => request.url.includes(second) && isAboutTag(request),
  times: Infinity,
  fault: denied,
};

/** The same until it has been sent something: it makes repositories on push. */
function silentUntilWritten(): FaultRule {
  let isWritten = false;
  return {
    ...silent,
    when(request) {
      if (!request.url.includes(second)) return false;
      isWritten ||= request.method === "PUT";
      return !isWritten && isAboutTag(request);
    },
  };
}

/** Puts another image under the second registry's tag. */
async function pushOld(world: World): Promise<string> {
  const { descriptor } = await pushImage(await world.store(`${second}/team/app`), { tags: ["1"] });
  return descriptor.digest;
}

async function named(world: World): Promise<string | undefined> {
  return (await world.store(`${second}/team/app`)).tagged("1").then((found) => found?.digest);
}

function secondTag({ targets }: Awaited<ReturnType<typeof publish>>["result"]) {
  return targets.find(({ at }) => at.kind === "registry" && at.host === second)?.tags[0];
}

describe("a registry that does not say what a tag names", () => {
  test("is asked again when it has the content: a tag that it then does not know was new", async () => {
    const world = await worldWith([silentUntilWritten()]);

    const { result, exitCode } = await publish(world);

    expect(exitCode).toBe(0);
    expect(secondTag(result)).toMatchObject({ state: "created", before: "absent" });
  });

  test("is asked again even where it is the only target", async () => {
    const world = await worldWith([silentUntilWritten()]);

    const { result } = await publish(world, { tags: tags.slice(1, 2) });

    expect(secondTag(result)).toMatchObject({ state: "created", before: "absent" });
  });

  test("that never says so has its tag written, and nothing is claimed of what it named", async () => {
    const world = await worldWith([silent]);

    const { result, exitCode } = await publish(world, { verify: "ack" });

    expect(exitCode).toBe(0);
    expect(statesIn(result)).toEqual(["created", "moved", "created"]);
    expect(secondTag(result)).not.toHaveProperty("before");
  });
});

describe.each<[string, Partial<CreateRequest>]>([
  ["--no-clobber", { noClobber: true }],
  ["--expect-digest =absent", { expectDigests: [`${tags[1]}=absent`] }],
])("%s at a registry that does not say what a tag names", (_flag, demand) => {
  test.each([1, 3])("lets a new tag be written, once it is known to be new (%d targets)", async (count) => {
    const world = await worldWith([silentUntilWritten()]);

    const { result, exitCode } = await publish(world, { ...demand, tags: count === 1 ? [tags[1] ?? ""] : tags });

    expect(exitCode).toBe(0);
    expect(secondTag(result)).toMatchObject({ state: "created" });
  });

  test.each([1, 3])("moves no tag that turns out to be there (%d targets)", async (count) => {
    let rules: readonly FaultRule[] = [];
    const world = await worldWith([{ ...silent, when: (request) => rules.some((rule) => rule.when?.(request)) }]);
    const old = await pushOld(world);
    rules = [silentUntilWritten()];

    const { result, error, exitCode } = await publish(world, { ...demand, tags: count === 1 ? [tags[1] ?? ""] : tags });

    expect(exitCode).toBe(7);
    expect(error).toMatchObject({ message: expect.stringContaining(`it must name nothing, now ${old}`) });
    expect(statesIn(result).filter((state) => /created|moved|unchanged/.test(state))).toEqual([]);
    expect(await named(world)).toBe(old);
  });

  test("writes nothing where nobody can know", async () => {
    const world = await worldWith([silent]);

    const { error, exitCode, result } = await publish(world, { ...demand, verify: "ack" });

    expect(exitCode).toBe(7);
    expect(error).toMatchObject({ message: expect.stringContaining("does not say what it names") });
    expect(statesIn(result)).toEqual(hosts.map(() => "not-attempted"));
  });
});

test("rollback leaves a tag alone of which nobody knows what it named", async () => {
  const refused: FaultRule = {
    method: "PUT",
    path: /\/manifests\/1$/,
    when: ({ url }) => url.includes("c.example"),
    times: Infinity,
    fault: denied,
  };
  const world = await worldWith([silent, refused]);

  const { result, exitCode } = await publish(world, {
    verify: "ack",
    onTagError: "rollback",
    deleteCreatedTags: true,
  });

  expect(exitCode).toBe(3);
  expect(secondTag(result)).toMatchObject({ state: "left-behind", why: "what it named before is not known" });
  expect(
    world.requests.filter((line) => line.startsWith("DELETE") && line.includes(`${second}/v2/team/app/manifests`)),
  ).toEqual([]);
});

test("a target that may not be written to is told with what its tags name", async () => {
  const world = await worldWith([
    { method: "POST", when: ({ url }) => url.includes(second), times: Infinity, fault: denied },
  ]);

  const { result } = await publish(world);

  expect(secondTag(result)).toEqual({ tag: "1", state: "not-attempted", before: "absent" });
});
