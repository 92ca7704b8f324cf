import { describe, expect, test } from "vitest";
import type { FaultRule } from "../src/server/faults.ts";
import type { CreateRequest } from "../src/verbs/create.ts";
import { bytesOf, pushImage } from "./support/images.ts";
import { all, answer, hosts, publish, statesIn, worldWith } from "./support/three-registries.ts";

/** On each registry one tag that moves, one that is new, and one that names the image already. */
const names = hosts.flatMap((host) => ["moving", "new", "right"].map((tag) => `${host}/team/app:${tag}`));
const request: Partial<CreateRequest> = { tags: names, onTagError: "rollback", deleteCreatedTags: true };
const refusal = answer(403, "DENIED", "permission_denied: write_package");
/** c.example writes one tag and refuses the next one. */
const refusesNewTag = all("c.example", { method: "PUT", path: "/manifests/new", fault: refusal });

async function prepared(rules: readonly FaultRule[]) {
  const world = await worldWith(rules);
  for (const host of hosts) {
    const store = await world.store(`${host}/team/app`);
    await pushImage(store, { layers: [bytesOf(`old at ${host}`)], tags: ["moving"] });
  }
  await publish(world, { tags: names.filter((name) => name.endsWith(":right")) });
  const digests = () => Promise.all(names.map((name) => world.digestAt(name)));
  return { world, digests, before: await digests() };
}

describe("--delete-created-tags", () => {
  test("leaves every tag as it was, with the exit code of the failure, where that can be", async () => {
    const { world, digests, before } = await prepared([refusesNewTag]);

    const { result, exitCode } = await publish(world, request);

    expect(exitCode).toBe(4);
    expect(await digests()).toEqual(before);
    expect(statesIn(result)).toEqual([
      "rolled-back,rolled-back,unchanged",
      "rolled-back,rolled-back,unchanged",
      "rolled-back,failed,unchanged",
    ]);
    const image = (await (await world.store("a.example/team/app")).manifest(world.root)).descriptor;
    for (const host of hosts) expect(await (await world.store(`${host}/team/app`)).exists(image)).toBe(true);
  });

  test("deletes by tag only, and pushes nothing but what was there", async () => {
    const { world } = await prepared([refusesNewTag]);

    await publish(world, request);

    const deleted = world.requests.filter((line) => /^DELETE .*\/manifests\//.test(line));
    expect(deleted).toEqual(["a.example", "b.example"].map((host) => `DELETE ${host}/v2/team/app/manifests/new`));
  });

  test("leaves new tags alone without the flag, and says what would take them away", async () => {
    const { world } = await prepared([refusesNewTag]);

    const { result, exitCode } = await publish(world, { ...request, deleteCreatedTags: false });

    expect(exitCode).toBe(3);
    expect(statesIn(result)[0]).toBe("rolled-back,left-behind,unchanged");
    expect(result.targets[0]?.tags[1]?.why).toContain("--delete-created-tags");
    expect(world.requests.filter((line) => /^DELETE .*\/manifests\//.test(line))).toEqual([]);
  });

  test("leaves them where it is not known what goes with a tag, and where the registry refuses", async () => {
    const unknown = all("a.example", { fault: { kind: "headers", set: { server: "nginx" } } });
    const refuses = all("b.example", { method: "DELETE", fault: answer(405, "UNSUPPORTED", "no deletes here") });
    const { world, digests, before } = await prepared([refusesNewTag, unknown, refuses]);

    const { result, exitCode } = await publish(world, request);

    expect(exitCode).toBe(3);
    expect(statesIn(result)).toEqual([
      "rolled-back,left-behind,unchanged",
      "rolled-back,left-behind,unchanged",
      "rolled-back,failed,unchanged",
    ]);
    expect(result.targets[0]?.tags[1]?.why).toContain("docs/registries.md");
    expect(result.targets[1]?.tags[1]?.why).toContain("no deletes here");
    expect(await digests()).toEqual(before.with(1, world.root).with(4, world.root));
  });
});

test("--delete-created-tags is refused where nothing would ever be taken back", async () => {
  const world = await worldWith([]);

  await expect(publish(world, { deleteCreatedTags: true })).rejects.toMatchObject({ code: "invalid_argument" });
});
