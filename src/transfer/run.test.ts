import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { onAbort } from "../async/on-abort.ts";
import { WaybillError } from "../errors.ts";
import { digestOf } from "../spec/digest.ts";
import type { Location } from "../spec/reference.ts";
import { run } from "./run.ts";
import type { StageStep, Step } from "./step.ts";

const left: Location = { kind: "memory", name: "left" };
const right: Location = { kind: "memory", name: "right" };
const content = { mediaType: "application/octet-stream", digest: digestOf(new Uint8Array()), size: 0 };

function stage(id: string, at: Location, after: readonly string[] = [], unless?: readonly string[]): StageStep {
  return { kind: "stage", id, at, after, content, role: "blob", from: [], ...(unless && { unless }) };
}

function check(id: string, at: Location): Step {
  return { kind: "check", id, at, after: [], content };
}

describe("run", () => {
  test("begins a step only when all steps before it are done", async () => {
    const log: string[] = [];
    const steps = [stage("a", left), stage("b", left), stage("c", left, ["a", "b"])];
    await run(
      { steps },
      {
        perform: async (step) => {
          log.push(`begin ${step.id}`);
          await Promise.resolve();
          log.push(`end ${step.id}`);
          return "sent";
        },
      },
    );
    expect(log).toEqual(["begin a", "begin b", "end a", "end b", "begin c", "end c"]);
  });

  test("fails only the target of a failed step and lets the other one finish", async () => {
    const steps = [stage("a", left), stage("b", left, ["a"]), stage("c", right), stage("d", right, ["c"])];
    const failure = new WaybillError("unavailable", "Cannot push");
    const outcomes = await run(
      { steps },
      {
        perform: async (step) => {
          if (step.id === "a") throw failure;
          return "sent";
        },
      },
    );
    expect(outcomes.get("a")).toEqual({ state: "failed", error: failure });
    expect(outcomes.get("b")).toEqual({ state: "not-attempted" });
    expect(outcomes.get("d")).toEqual({ state: "done", result: "sent" });
  });

  test("cancels and awaits what a failed target has in flight", async () => {
    let ended = false;
    const steps = [stage("slow", left), stage("bad", left)];
    const outcomes = await run(
      { steps },
      {
        perform: (step, { signal }) =>
          step.id === "bad"
            ? Promise.reject(new WaybillError("auth_denied", "no"))
            : new Promise((_resolve, reject) =>
                signal.addEventListener("abort", () =>
                  queueMicrotask(() => {
                    ended = true;
                    reject(signal.reason as Error);
                  }),
                ),
              ),
      },
    );
    expect(ended).toBe(true);
    expect(outcomes.get("slow")).toEqual({ state: "not-attempted" });
  });

  test("fails a step that is given up with that error, whatever it comes to, and ends its target only", async () => {
    const timeout = new WaybillError("timeout", "Cannot finish slow");
    const steps = [stage("slow", left), stage("other", left), stage("later", left, ["other"]), stage("far", right)];
    const reasons: unknown[] = [];
    const outcomes = await run(
      { steps },
      {
        perform: async (step, { signal, giveUp }) => {
          if (step.id === "slow") giveUp?.(timeout);
          if (step.id === "slow") reasons.push(signal.reason);
          if (step.id === "other") await new Promise((resolve) => onAbort(signal, () => resolve(undefined)));
          signal.throwIfAborted();
          return "sent";
        },
      },
    );
    expect(outcomes.get("slow")).toEqual({ state: "failed", error: timeout });
    expect(reasons).toEqual([timeout]);
    expect(outcomes.get("other")).toEqual({ state: "not-attempted" });
    expect(outcomes.get("later")).toEqual({ state: "not-attempted" });
    expect(outcomes.get("far")).toEqual({ state: "done", result: "sent" });
  });

  test("fails a step that is given up although it comes to its end", async () => {
    const timeout = new WaybillError("timeout", "Cannot finish slow");
    const outcomes = await run(
      { steps: [stage("slow", left)] },
      {
        perform: async (_step, { giveUp }) => {
          giveUp?.(timeout);
          return "sent";
        },
      },
    );
    expect(outcomes.get("slow")).toEqual({ state: "failed", error: timeout });
  });

  test("skips a step whose checks all found their manifests, and not when one did not", async () => {
    const performed: string[] = [];
    const steps = [
      check("yes", left),
      check("no", left),
      stage("a", left, [], ["yes"]),
      stage("b", left, [], ["yes", "no"]),
    ];
    const outcomes = await run(
      { steps },
      {
        perform: async (step) => {
          performed.push(step.id);
          if (step.kind === "check") return step.id === "yes" ? "present" : "absent";
          return "sent";
        },
      },
    );
    expect(performed).toEqual(["yes", "no", "b"]);
    expect(outcomes.get("a")).toEqual({ state: "done", result: "existed" });
  });

  test("gives the signal's reason to every target when the run is aborted", async () => {
    const controller = new AbortController();
    const reason = new WaybillError("cancelled", "Interrupted");
    const settled = run(
      { steps: [stage("a", left), stage("b", right)] },
      {
        signal: controller.signal,
        perform: (_step, { signal }) =>
          new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
      },
    );
    queueMicrotask(() => controller.abort(reason));
    const outcomes = await settled;
    expect([...outcomes.values()]).toEqual([
      { state: "failed", error: reason },
      { state: "failed", error: reason },
    ]);
  });

  test("leaves no step behind when it is to throw what onSettled has thrown", async () => {
    const ended: string[] = [];
    const perform = async ({ id }: Step) => {
      if (id === "slow") await new Promise((resolve) => setImmediate(resolve));
      ended.push(id);
      return "sent" as const;
    };
    const onSettled = ({ id }: Step) => {
      throw new Error(`a bug at ${id}`);
    };

    const running = run({ steps: [stage("quick", left), stage("slow", right)] }, { perform, onSettled });

    await expect(running).rejects.toThrow("a bug at quick");
    expect(ended).toEqual(["quick", "slow"]);
  });

  test("refuses a plan in which a step waits for one that is not listed before it", async () => {
    await expect(
      run({ steps: [stage("a", left, ["b"]), stage("b", left)] }, { perform: async () => "sent" }),
    ).rejects.toThrow(TypeError);
  });

  test.each(["b", "c"])("refuses it also where the step waits for another first: for a, then %s", async (id) => {
    const steps = [stage("a", left), stage("b", left, ["a", id]), stage("c", left)];
    await expect(run({ steps }, { perform: async () => "sent" })).rejects.toThrow(`waits for "${id}"`);
  });

  test("begins nothing, and leaves nothing on the signal, where it refuses the plan", async () => {
    const { signal } = new AbortController();
    const performed: string[] = [];
    const perform = async ({ id }: Step) => {
      performed.push(id);
      return "sent" as const;
    };

    const refused = run({ steps: [stage("a", left), stage("b", left, ["nowhere"])] }, { signal, perform });

    await expect(refused).rejects.toThrow(TypeError);
    await new Promise((resolve) => setImmediate(resolve));
    expect(performed).toEqual([]);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});
