import { exitCodeOf } from "../../src/cli/exit-code.ts";
import { outcomeError } from "../../src/cli/outcome.ts";
import { faulty, type FaultRule } from "../../src/server/faults.ts";
import type { RegistryOptions } from "../../src/server/registry.ts";
import type { CreateRequest, CreateResult } from "../../src/verbs/create.ts";
import { pushImage, pushIndex } from "./images.ts";
import { makeWorld, type World } from "./world.ts";

/** Three registries to publish to. */
export const hosts = ["a.example", "b.example", "c.example"] as const;
export const source = "source.example/app:1";
export const tags = hosts.map((host) => `${host}/team/app:1`);
/** A rule for every request to `host` that matches. */
export const all = (host: string, rule: Omit<FaultRule, "when">): FaultRule => ({
  times: Infinity,
  when: ({ url }) => new URL(url).host === host,
  ...rule,
});
/** An error in the form of the specification. */
export const answer = (status: number, code: string, message: string) => ({
  kind: "status" as const,
  status,
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ errors: [{ code, message }] }),
});

/** A source with two platforms, and three registries to publish it to. */
export async function worldWith(
  rules: readonly FaultRule[],
  registries: Readonly<Record<string, RegistryOptions>> = {},
): Promise<World & { readonly root: string }> {
  const world = makeWorld({ registries, interceptors: [(next) => faulty(next, rules)] });
  const store = await world.store(source);
  const platforms = ["linux/amd64", "linux/arm64"];
  const images = await Promise.all(platforms.map((platform) => pushImage(store, { platform })));
  const index = await pushIndex(
    store,
    images.map(({ descriptor }) => descriptor),
    { platforms, tags: ["1"] },
  );
  world.forget();
  return { ...world, root: index.descriptor.digest };
}

/** Publishes to all three, or as `request` says; with the exit code that the command would end with. */
export async function publish(world: World, request: Partial<CreateRequest> = {}) {
  world.forget();
  const result = await world.create({ sources: [source], tags, ...request });
  const error = outcomeError(result);
  return { result, error, exitCode: error === undefined ? 0 : exitCodeOf(error) };
}

/** What the tags of each target came to. */
export function statesIn({ targets }: CreateResult): readonly string[] {
  return targets.map((target) => target.tags.map(({ state }) => state).join());
}
