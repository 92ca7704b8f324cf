import { describe, expect, test } from "vitest";
import type { Interceptor } from "../src/http/send.ts";
import { faulty } from "../src/server/faults.ts";
import { bytesOf, pushImage, pushIndex } from "./support/images.ts";
import { makeWorld, type World } from "./support/world.ts";

const platforms = ["linux/amd64", "linux/arm64"];
const targets = ["b.example/copy:1", "c.example/copy:1", "d.example/copy:1"];

async function fill(world: World): Promise<void> {
  const store = await world.store("a.example/app");
  const images = [];
  for (const platform of platforms) {
    const layers = Array.from({ length: 5 }, (_, at) => new Uint8Array(200_000 + at).fill(10 * images.length + at));
    images.push(await pushImage(store, { platform, layers: [...layers, bytesOf(platform)] }));
  }
  const children = images.map((image) => image.descriptor);
  await pushIndex(store, children, { platforms, tags: ["1"] });
  world.forget();
}

/** How often each blob was asked for at the source. */
function reads(world: World): readonly number[] {
  const counts = new Map<string, number>();
  for (const request of world.requests) {
    if (request.startsWith("GET a.example/v2/app/blobs/")) counts.set(request, (counts.get(request) ?? 0) + 1);
  }
  return [...counts.values()];
}

const once = (world: World) => expect(new Set(reads(world))).toEqual(new Set([1]));

describe("create to three registries", () => {
  test("create reads each source blob once when every target lacks it", async () => {
    const world = makeWorld();
    await fill(world);
    const { targets: results } = await world.create({ sources: ["a.example/app:1"], tags: targets });
    expect(results.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    expect(reads(world).length).toBeGreaterThanOrEqual(12);
    once(world);
  });

  test("create reads each source blob once when one target has half of them", async () => {
    const world = makeWorld();
    await fill(world);
    await world.create({ sources: ["a.example/app:1"], tags: [targets[0]!], platforms: [platforms[0]!] });
    world.forget();
    const { targets: results } = await world.create({ sources: ["a.example/app:1"], tags: targets });
    expect(results.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    once(world);
  });

  test("create reads each source blob once when one target refuses them", async () => {
    const refuse: Interceptor = (next) =>
      faulty(next, [
        {
          when: ({ url, method }) => new URL(url).host === "c.example" && method === "PUT",
          times: Number.POSITIVE_INFINITY,
          fault: { kind: "status", status: 403 },
        },
      ]);
    const world = makeWorld({ interceptors: [refuse] });
    await fill(world);
    const { targets: results } = await world.create({ sources: ["a.example/app:1"], tags: targets });
    expect(results.map(({ error }) => error === undefined)).toEqual([true, false, true]);
    once(world);
  });

  test("create reads each source blob once and finishes the others when one target holds its uploads", async () => {
    let letGo = (): void => undefined;
    const held = new Promise<void>((resolve) => (letGo = resolve));
    const written: string[] = [];
    const hold: Interceptor = (next) => async (request) => {
      const { host, pathname } = new URL(request.url);
      if (host === "c.example" && request.method === "PUT") await held;
      const response = await next(request);
      if (request.method === "PUT" && pathname.endsWith("/manifests/1") && host !== "a.example") {
        written.push(host);
        if (written.length === 2) letGo();
      }
      return response;
    };
    const world = makeWorld({ interceptors: [hold] });
    await fill(world);
    const { targets: results } = await world.create({
      sources: ["a.example/app:1"],
      tags: targets,
      onError: "keep-going",
    });
    expect(results.map(({ error }) => error)).toEqual([undefined, undefined, undefined]);
    expect(written).toEqual([expect.any(String), expect.any(String), "c.example"]);
    once(world);
  });
});
