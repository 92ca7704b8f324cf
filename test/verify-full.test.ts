import { expect, test } from "vitest";
import { createRegistry } from "../src/server/registry.ts";
import { lacking, makeCase, publishIn, storeAt, targets, untruths, type PublishCase } from "./support/publish-case.ts";
import { simulate } from "./support/simulation.ts";

/** Takes a layer of one of the platforms away from the first target, whose tags stay as they are. */
async function loseLayer(at: PublishCase): Promise<void> {
  const [{ host, repository }] = targets;
  const store = storeAt(host, repository, at.storages[host]!);
  const index = (await store.manifest("1")).document;
  const [child] = index.kind === "index" ? index.manifests : [];
  const image = await store.manifest(child!);
  const [layer] = image.document.kind === "image" ? image.document.layers : [];
  const url = `https://${host}/v2/${repository}/blobs/${layer!.digest}`;
  expect((await createRegistry(at.storages[host]!)({ method: "DELETE", url })).status).toBe(202);
}

test.each([
  ["full", 0],
  ["manifests", 2],
] as const)(
  "a right tag before an image that lacks a layer: with --verify %s this many lack afterwards: %i",
  async (verify, left) => {
    const at = await makeCase();
    const first = await simulate({ storages: at.storages });
    await first.settle(publishIn(first));
    await loseLayer(at);
    // Two platforms share it.
    expect(await lacking(at, 0)).toHaveLength(2);

    const again = await simulate({ storages: at.storages });
    const result = await again.settle(publishIn(again, { verify }));

    expect(await lacking(at, 0)).toHaveLength(left);
    expect(untruths(result, at)).toEqual([]);
    expect(result.targets.map(({ error, tags }) => [error, ...tags.map(({ state }) => state)])).toEqual([
      [undefined, "unchanged", "unchanged"],
      [undefined, "unchanged", "unchanged"],
    ]);
  },
);

test("--verify full of what is complete sends nothing", async () => {
  const at = await makeCase();
  const first = await simulate({ storages: at.storages });
  await first.settle(publishIn(first));
  const again = await simulate({ storages: at.storages });
  const result = await again.settle(publishIn(again, { verify: "full" }));
  expect(result.targets.map(({ sentBytes }) => sentBytes)).toEqual([0, 0]);
  expect(again.trace.filter((line) => / (?:PATCH|PUT|DELETE|POST \S+\/uploads\/)/.test(line))).toEqual([]);
  const asked = again.trace.filter((line) => /HEAD .*\/(?:blobs|manifests)\/sha256/.test(line));
  expect(asked.filter((line) => line.includes("/blobs/")).length).toBeGreaterThan(4);
  expect(asked).toEqual([...new Set(asked)]);
});
