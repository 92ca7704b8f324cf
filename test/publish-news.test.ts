import { expect, test } from "vitest";
import { faulty } from "../src/server/faults.ts";
import type { WaybillEvent } from "../src/telemetry/events.ts";
import { bytesOf, pushImage } from "./support/images.ts";
import { makeWorld } from "./support/world.ts";

const layers = Array.from({ length: 8 }, (_, at) => bytesOf(`layer ${at}`));

function newsOf<Type extends WaybillEvent["type"]>(events: readonly WaybillEvent[], type: Type) {
  return events.filter((event): event is WaybillEvent & { readonly type: Type } => event.type === type);
}

test("a publish to two registries tells what is planned, and each target's phases, the barrier with whom it waits for", async () => {
  const world = makeWorld();
  await pushImage(await world.store("a.example/app"), { layers, tags: ["1"] });
  await world.create({ tags: ["b.example/app:1", "c.example/app:1"], sources: ["a.example/app:1"] });

  expect(newsOf(world.events, "work-started").map(({ planned }) => planned?.blobs)).toEqual([9, 9]);
  const phases = newsOf(world.events, "phase").filter(({ target }) => target === "b.example/app");
  const names = [...new Set(phases.map(({ phase }) => phase))];
  expect(names.filter((name) => name !== "barrier")).toEqual(["stage", "verify", "tag", "confirm"]);
  expect(newsOf(world.events, "content-done").map(({ outcome }) => outcome)).toEqual(Array(18).fill("sent"));
  const waits = newsOf(world.events, "phase").filter(({ phase }) => phase === "barrier");
  expect(waits.map(({ waitingFor }) => waitingFor)).toContain(1);
});

test("a publish of what is there tells of every blob that its manifest stands for", async () => {
  const world = makeWorld();
  const image = await pushImage(await world.store("a.example/app"), { layers, tags: ["1"] });
  await pushImage(await world.store("b.example/app"), { layers });
  await world.create({ tags: ["b.example/app:2"], sources: ["a.example/app:1"] });

  expect(image.document).toHaveProperty("layers.length", 8);
  expect(newsOf(world.events, "content-started")).toEqual([]);
  expect(newsOf(world.events, "content-done").map(({ outcome }) => outcome)).toEqual(Array(9).fill("existed"));
});

test("a publish that fails tells which target has failed, and of the others that they were cancelled", async () => {
  const denied = { method: "POST" as const, path: /^\/v2\/bad\//, times: Number.POSITIVE_INFINITY };
  const world = makeWorld({
    interceptors: [(next) => faulty(next, [{ ...denied, fault: { kind: "status", status: 403 } }])],
  });
  await pushImage(await world.store("a.example/app"), { layers, tags: ["1"] });
  await world.create({ tags: ["b.example/app:1", "c.example/bad/app:1"], sources: ["a.example/app:1"] });

  const ends = Object.fromEntries(newsOf(world.events, "work-done").map(({ id, error }) => [id, error]));
  expect(ends["c.example/bad/app"]).toContain("403");
  expect(ends["b.example/app"]).toBe("Cancelled: another target failed");
});
