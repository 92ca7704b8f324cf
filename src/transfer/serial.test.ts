import { describe, expect, test } from "vitest";
import { digestOf } from "../spec/digest.ts";
import type { Location } from "../spec/reference.ts";
import { run, type Perform } from "./run.ts";
import { inSeries } from "./serial.ts";
import type { StageStep, Step } from "./step.ts";

const left: Location = { kind: "memory", name: "left" };
const right: Location = { kind: "memory", name: "right" };
const content = { mediaType: "application/octet-stream", digest: digestOf(new Uint8Array()), size: 0 };

function stage(id: string, at: Location, after: readonly string[] = []): StageStep {
  return { kind: "stage", id, at, after, content, role: "blob", from: [] };
}

const steps: readonly Step[] = [
  stage("left 1", left),
  stage("left 2", left),
  stage("right 1", right),
  { kind: "barrier", id: "barrier", after: ["left 1", "left 2", "right 1"] },
  stage("left 3", left, ["barrier"]),
  stage("right 3", right, ["barrier"]),
];

/** Notes beginnings and ends; steps named in `bad` fail. */
function noted(log: string[], bad: readonly string[] = []): Perform {
  return async ({ id }) => {
    log.push(`begin ${id}`);
    await new Promise((resolve) => setImmediate(resolve));
    log.push(`end ${id}`);
    if (bad.includes(id)) throw new Error(id);
    return "sent";
  };
}

const inTurn = (...ids: string[]) => ids.flatMap((id) => [`begin ${id}`, `end ${id}`]);

describe("inSeries", () => {
  test("lets one step run at a time, in the plan's order, across barriers", async () => {
    const log: string[] = [];
    await run(inSeries({ steps }), { perform: noted(log) });
    expect(log).toEqual(inTurn("left 1", "left 2", "right 1", "left 3", "right 3"));
  });

  test("does not make one target need another", async () => {
    const log: string[] = [];
    const free = steps.filter(({ kind, after }) => kind !== "barrier" && after.length === 0);
    const outcomes = await run(inSeries({ steps: free }), { perform: noted(log, ["left 1"]) });
    expect(log).toEqual(inTurn("left 1", "right 1"));
    expect(outcomes.get("right 1")).toEqual({ state: "done", result: "sent" });
  });

  test("keeps the barrier shut behind a failure", async () => {
    const log: string[] = [];
    await run(inSeries({ steps }), { perform: noted(log, ["right 1"]) });
    expect(log).toEqual(inTurn("left 1", "left 2", "right 1"));
  });

  test("brings each target to its end before the next, as far as no barrier stands between", async () => {
    const log: string[] = [];
    const free = [stage("left 1", left), stage("right 1", right), stage("left 2", left), stage("right 2", right)];
    await run(inSeries({ steps: free }), { perform: noted(log) });
    expect(log).toEqual(inTurn("left 1", "left 2", "right 1", "right 2"));
  });

  test("changes nothing else, and stays plain JSON", () => {
    const plan = inSeries({ steps });
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
    expect(plan.steps.map((step) => ({ ...step, behind: undefined }))).toEqual(
      steps.map((step) => ({ ...step, behind: undefined })),
    );
  });
});
