import { expect, test } from "vitest";
import { WaybillError } from "../src/errors.ts";
import type { Interceptor } from "../src/http/send.ts";
import { faulty } from "../src/server/faults.ts";
import type { WaybillEvent } from "../src/telemetry/events.ts";
import { create } from "../src/verbs/create.ts";
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
  expect(ends["c.example/bad/app"]?.message).toContain("403");
  expect(ends["b.example/app"]).toEqual({ code: "cancelled", message: "Cancelled: another target failed" });
});

test("a publish that is interrupted in the middle of an upload tells target and blob as cancelled", async () => {
  const controller = new AbortController();
  const interrupting: Interceptor = (next) => (request) => {
    const isUpload = request.method !== "GET" && request.url.includes("//b.example/v2/app/blobs/uploads/");
    if (isUpload) controller.abort(new WaybillError("cancelled", "Cancelled: got SIGINT"));
    request.signal?.throwIfAborted();
    return next(request);
  };
  const world = makeWorld({ interceptors: [interrupting] });
  await pushImage(await world.store("a.example/app"), { layers, tags: ["1"] });
  const context = { ...world.context, signal: controller.signal };
  await create({ sources: ["a.example/app:1"], tags: ["b.example/app:1"] }, context);

  const [done] = newsOf(world.events, "work-done");
  expect(done?.error?.code).toBe("cancelled");
  expect(done?.error?.message).toMatch(/^copy sha256:.*: Cancelled: got SIGINT$/);
  const blobs = newsOf(world.events, "content-done");
  expect(blobs.map(({ error }) => error?.code)).toEqual(Array(blobs.length).fill("cancelled"));
  expect(blobs.length).toBeGreaterThan(0);
});
