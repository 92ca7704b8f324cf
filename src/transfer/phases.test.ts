import { expect, test } from "vitest";
import { digestOf } from "../spec/digest.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import { followPhases } from "./phases.ts";
import type { StepOutcome } from "./run.ts";
import type { Plan, Step, TargetStep } from "./step.ts";

const a: Location = { kind: "memory", name: "a" };
const b: Location = { kind: "memory", name: "b" };
const c: Location = { kind: "memory", name: "c" };
const content = { mediaType: "application/octet-stream", digest: digestOf(new Uint8Array()), size: 0 };
const done: StepOutcome = { state: "done", result: "sent" };

function stepsAt(at: Location, { after = ["barrier"] }: { readonly after?: readonly string[] } = {}): TargetStep[] {
  const id = (kind: string) => `${kind} ${formatLocation(at)}`;
  return [
    { kind: "stage", id: id("stage"), at, after: [], content, role: "blob", from: [] },
    { kind: "verify", id: id("verify"), at, after: [id("stage")], content },
    { kind: "tag", id: id("tag"), at, after, content, tags: ["1"], before: {}, compare: false },
    { kind: "confirm", id: id("confirm"), at, after: [id("tag")], content, tags: ["1"] },
  ];
}

function isStaging({ kind }: Step): boolean {
  return kind === "stage" || kind === "verify";
}

/** What is told when the steps end in the given order; `!` before a name: it failed. */
function told(plan: Plan, ended: readonly string[]): string[] {
  const news: string[] = [];
  const phases = followPhases(plan, (at, { phase, waitingFor }) =>
    news.push(`${at.kind === "memory" ? at.name : ""} ${phase}${waitingFor === undefined ? "" : ` ${waitingFor}`}`),
  );
  phases.begin();
  for (const name of ended) {
    const step = plan.steps.find(({ id }) => id === name.replace("!", ""));
    if (step) phases.settled(step, name.startsWith("!") ? { state: "failed", error: new Error("no") } : done);
  }
  return news;
}

test("followPhases tells a target alone what it does, without a barrier", () => {
  const steps = stepsAt(a, { after: [] });

  expect(
    told(
      { steps },
      steps.map(({ id }) => id),
    ),
  ).toEqual(["a stage", "a verify", "a tag", "a confirm"]);
});

test("followPhases counts down whom the barrier waits for", () => {
  const all = [a, b, c].flatMap((at) => stepsAt(at));
  const barrier: Step = { kind: "barrier", id: "barrier", after: all.filter(isStaging).map(({ id }) => id) };
  const plan = { steps: [...all.filter(isStaging), barrier, ...all.filter((step) => !isStaging(step))] };
  const ended = ["a", "b", "c"].flatMap((name) => [`stage memory://${name}`, `verify memory://${name}`]);

  expect(told(plan, [...ended, "barrier"])).toEqual([
    "a stage",
    "b stage",
    "c stage",
    "a verify",
    "a barrier 2",
    "b verify",
    "a barrier 1",
    "b barrier 1",
    "c verify",
    "a tag",
    "b tag",
    "c tag",
  ]);
});

test("followPhases tells many who wait when their number has halved, and each number below four", () => {
  const places = Array.from({ length: 20 }, (_, at): Location => ({ kind: "memory", name: `t${at}` }));
  const all = places.flatMap((at) => stepsAt(at));
  const barrier: Step = { kind: "barrier", id: "barrier", after: all.filter(isStaging).map(({ id }) => id) };
  const plan = { steps: [...all.filter(isStaging), barrier, ...all.filter((step) => !isStaging(step))] };
  const ended = places.flatMap((at) => [`stage ${formatLocation(at)}`, `verify ${formatLocation(at)}`]);

  const waits = told(plan, ended).filter((line) => line.includes("barrier"));
  const of = (name: string) =>
    waits.filter((line) => line.startsWith(`${name} `)).map((line) => line.split(" ").at(-1));

  expect(of("t0")).toEqual(["19", "9", "4", "3", "2", "1"]);
  expect(of("t3")).toEqual(["16", "8", "4", "3", "2", "1"]);
  expect(of("t18")).toEqual(["1"]);
  expect(waits).toHaveLength(86);
});

test("followPhases says no more of a target that has failed", () => {
  const steps = stepsAt(a, { after: [] });

  expect(told({ steps }, ["!stage memory://a", "verify memory://a", "tag memory://a"])).toEqual(["a stage"]);
});

test("followPhases knows that new tags wait for those that are moved elsewhere", () => {
  const moved: Step = { kind: "barrier", id: "moved", after: ["tag memory://a", "confirm memory://a"] };
  const fresh = stepsAt(b, { after: ["moved"] });
  const plan = { steps: [...stepsAt(a, { after: [] }), moved, ...fresh] };

  expect(told(plan, ["stage memory://b", "verify memory://b"])).toEqual([
    "a stage",
    "b stage",
    "b verify",
    "b barrier 1",
  ]);
});

test("followPhases has no name for the look at tags between two barriers, and tells who waits for nobody", () => {
  const look = (at: Location): TargetStep => {
    const name = formatLocation(at);
    return { kind: "compare", id: `compare ${name}`, at, after: ["barrier"], content, tags: ["1"], before: {} };
  };
  const all = [a, b].flatMap((at) => stepsAt(at, { after: ["seen"] }));
  const looks = [a, b].map(look);
  const barrier: Step = { kind: "barrier", id: "barrier", after: all.filter(isStaging).map(({ id }) => id) };
  const seen: Step = { kind: "barrier", id: "seen", after: looks.map(({ id }) => id) };
  const plan = {
    steps: [...all.filter(isStaging), barrier, ...looks, seen, ...all.filter((step) => !isStaging(step))],
  };
  const staged = ["a", "b"].flatMap((name) => [`stage memory://${name}`, `verify memory://${name}`]);
  const news = told(plan, [...staged, "barrier", "compare memory://a", "compare memory://b", "seen"]);

  expect(news).toEqual([
    "a stage",
    "b stage",
    "a verify",
    "a barrier 1",
    "b verify",
    "a barrier",
    "a barrier 1",
    "a tag",
    "b tag",
  ]);
});
