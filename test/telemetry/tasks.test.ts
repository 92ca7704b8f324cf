import { expect, test } from "vitest";
import { WaybillError } from "../../src/errors.ts";
import type { AttemptEvent } from "../../src/telemetry/attempt.ts";
import { makeCase, publishIn, registries } from "../support/publish-case.ts";
import { simulate, type Simulation, type SimulationOptions } from "../support/simulation.ts";
import { shapeOf, treeFaults } from "../support/task-tree.ts";
import { strikeOften } from "../support/torture-faults.ts";

async function published(
  options: Partial<SimulationOptions> = {},
  before: (simulation: Simulation) => unknown = () => 0,
) {
  const at = await makeCase();
  const simulation = await simulate({ storages: at.storages, registries, ...options });
  before(simulation);
  const outcome = await simulation.settle(publishIn(simulation).catch((error: unknown) => error));
  return { ...simulation, outcome, attempts: simulation.events.filter(isAttempt) };
}

function isAttempt(event: { readonly type: string }): event is AttemptEvent {
  return event.type === "http";
}

test("a publish to two registries is told as a tree of tasks", async () => {
  const { events } = await published();
  expect(treeFaults(events)).toEqual([]);
  expect(shapeOf(events)).toEqual({
    preflight: 2,
    "preflight permission": 2,
    resolve: 1,
    "assemble < resolve": 1,
    plan: 1,
    "read blob": 11,
    stage: 2,
    "stage blob < stage": 22,
    "stage manifest < stage": 12,
    verify: 2,
    "verify manifest < verify": 12,
    tag: 2,
    "tag compare < tag": 2,
    "tag tags < tag": 2,
    confirm: 2,
    "confirm tags < confirm": 2,
  });
});

test("every attempt belongs to the task that it was sent for, tokens to the one that asked first", async () => {
  const { attempts, events } = await published();
  const phases = new Map(events.flatMap((event) => (event.type === "task-started" ? [[event.id, event.phase]] : [])));
  const count = (which: (attempt: AttemptEvent) => boolean) => {
    const counts: Record<string, number> = {};
    for (const { task = "" } of attempts.filter(which)) {
      const phase = phases.get(task) ?? "nothing";
      counts[phase] = (counts[phase] ?? 0) + 1;
    }
    return counts;
  };
  expect(count(({ task }) => task === undefined)).toEqual({});
  expect(count(({ operation }) => operation === "blob")).toEqual({ read: 11 });
  expect(count(({ operation }) => operation === "upload-body")).toEqual({ stage: 22 });
  expect(count(({ operation }) => operation === "token")).toEqual({ preflight: 2, resolve: 1 });
});

test("the outcome of each blob is told, also when it was there already", async () => {
  const at = await makeCase();
  const outcomes: Record<string, number>[] = [];
  for (let round = 0; round < 2; round += 1) {
    const simulation = await simulate({ storages: at.storages, registries });
    await simulation.settle(publishIn(simulation));
    const blobs = new Set(
      simulation.events.flatMap((event) => (event.type === "task-started" && event.part === "blob" ? [event.id] : [])),
    );
    const counts: Record<string, number> = {};
    for (const event of simulation.events) {
      if (event.type !== "task-done" || !blobs.has(event.id) || !event.id.startsWith("stage")) continue;
      counts[event.outcome ?? "none"] = (counts[event.outcome ?? "none"] ?? 0) + 1;
    }
    outcomes.push(counts);
  }
  expect(outcomes[0]).toEqual({ sent: 22 });
  expect(outcomes[1]).toEqual({ existed: 8 });
});

test("the tree is whole under faults, and each attempt that repeats follows another", async () => {
  let repeated = 0;
  for (let seed = 0; seed < 15; seed += 1) {
    const { events, attempts } = await published({ seed, faults: strikeOften(0.1) });
    expect(treeFaults(events), `seed ${seed}`).toEqual([]);
    for (const { resend, after } of attempts) expect(resend > 0).toBe(after !== undefined);
    repeated += attempts.filter(({ attempt }) => attempt > 1).length;
  }
  expect(repeated).toBeGreaterThan(40);
});

test("the tree is whole when the run is cancelled at any request", async () => {
  for (let at = 1; at < 160; at += 5) {
    let controller: AbortController | undefined;
    const onRequest = (count: number) =>
      count === at && controller?.abort(new WaybillError("cancelled", "Cancelled: got SIGINT"));
    const { events } = await published({ onRequest, latencyMs: () => 3 }, (simulation) => {
      controller = simulation.controller;
    });
    expect(treeFaults(events), `request ${at}`).toEqual([]);
  }
});

test("a task that fails says why, and so does its phase", async () => {
  const { events } = await published({
    faults: () => (next) => (request) => {
      if (request.method === "PUT" && request.url.includes("c.example") && request.url.includes("/blobs/"))
        return Promise.reject(new WaybillError("auth_denied", "Cannot push"));
      return next(request);
    },
  });
  const failed = events.flatMap((event) => (event.type === "task-done" && event.error ? [event] : []));
  expect(failed.map(({ error }) => error?.code)).toContain("auth_denied");
  expect(failed.map(({ id }) => id)).toContain("stage c.example/app");
});
