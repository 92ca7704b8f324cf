import { describe, expect, test } from "vitest";
import { closedBreaker, stepBreaker, type Breaker, type BreakerEvent } from "./breaker.ts";

const nowMs = 1000;

/** Everything that can be heard at `nowMs` about what was asked in `epoch`. */
const eventsOf = (epoch: number): readonly BreakerEvent[] => [
  { type: "answered" },
  { type: "failed", epoch, nowMs, chance: 0 },
  { type: "failed", epoch, nowMs, chance: 1 },
  { type: "limited", untilMs: nowMs + 8000 },
  { type: "limited", untilMs: nowMs },
  { type: "wanted", nowMs },
  { type: "wanted", nowMs: nowMs + 20_000 },
  { type: "given-up", epoch, nowMs },
];

/** Every state that any sequence of events leads to. States that differ only in the number of their epoch behave alike. */
function explore(): readonly Breaker[] {
  const keyOf = (state: Breaker) => JSON.stringify({ ...state, epoch: 0 });
  const states = new Map([[keyOf(closedBreaker), closedBreaker]]);
  for (const state of states.values()) {
    for (const event of eventsOf(state.epoch)) {
      const next = stepBreaker(state, event);
      if (!states.has(keyOf(next))) states.set(keyOf(next), next);
    }
  }
  return [...states.values()];
}

const after = (events: readonly BreakerEvent[], from: Breaker = closedBreaker) => events.reduce(stepBreaker, from);
const failures = (count: number, epoch = 0): BreakerEvent[] =>
  Array.from({ length: count }, () => ({ type: "failed", epoch, nowMs, chance: 1 }));

describe("stepBreaker over all states", () => {
  const states = explore();

  test("has all kinds of states, and not endlessly many", () => {
    expect(new Set(states.map(({ at }) => at))).toEqual(new Set(["closed", "paused", "open", "half-open"]));
    expect(states.length).toBeGreaterThan(20);
    expect(states.length).toBeLessThan(200);
  });

  test("never holds for longer than ten seconds, or than it was asked to", () => {
    for (const state of states) {
      if (state.at === "open") expect(state.untilMs - nowMs).toBeLessThanOrEqual(10_000);
      if (state.at === "paused") expect(state.untilMs - nowMs).toBeLessThanOrEqual(8000);
    }
  });

  test("closes from everywhere when time passes and whoever goes is answered", () => {
    for (const state of states) {
      const tried = stepBreaker(state, { type: "wanted", nowMs: nowMs + 20_000 });
      expect(["closed", "half-open"], state.at).toContain(tried.at);
      expect(stepBreaker(tried, { type: "answered" }).at).toBe("closed");
    }
  });

  test("lets one go ahead at a time: only a half-open breaker that time has opened has a probe out", () => {
    for (const state of states) {
      for (const event of eventsOf(state.epoch)) {
        const next = stepBreaker(state, event);
        const begins = next.at === "half-open" && next.epoch !== state.epoch;
        if (begins) expect([state.at, event.type]).toEqual(["open", "wanted"]);
      }
    }
  });

  test("is not failed by what was asked in another epoch", () => {
    for (const state of states) {
      for (const event of eventsOf(state.epoch - 1)) {
        if (event.type === "failed" || event.type === "given-up") expect(stepBreaker(state, event)).toBe(state);
      }
    }
  });

  test("begins an epoch with every change of what it lets through", () => {
    for (const state of states) {
      for (const event of eventsOf(state.epoch)) {
        const next = stepBreaker(state, event);
        expect(next.epoch - state.epoch, `${state.at} ${event.type}`).toBe(next.at === state.at ? 0 : 1);
      }
    }
  });
});

describe("stepBreaker", () => {
  test("opens after five failures in a row, not after four, and counts anew after an answer", () => {
    expect(after(failures(4)).at).toBe("closed");
    expect(after([...failures(4), { type: "answered" }, ...failures(4)]).at).toBe("closed");
    expect(after(failures(5)).at).toBe("open");
  });

  test("rests twice as long each time that nobody answers, up to ten seconds", () => {
    let state = after(failures(5));
    const rests: number[] = [];
    for (let round = 0; round < 8; round++) {
      if (state.at !== "open") throw new Error(state.at);
      rests.push(state.untilMs - nowMs);
      state = stepBreaker(state, { type: "wanted", nowMs: nowMs + 20_000 });
      state = stepBreaker(state, { type: "failed", epoch: state.epoch, nowMs, chance: 1 });
    }
    expect(rests).toEqual([200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
  });

  test("lets the next one try at once when the one that went ahead was given up", () => {
    const probing = after([{ type: "wanted", nowMs: nowMs + 20_000 }], after(failures(5)));
    const again = after(
      [
        { type: "given-up", epoch: probing.epoch, nowMs },
        { type: "wanted", nowMs },
      ],
      probing,
    );
    expect([probing.at, again.at, again.epoch > probing.epoch]).toEqual(["half-open", "half-open", true]);
  });

  test("waits for the latest time that it was told, answers of earlier requests notwithstanding", () => {
    const paused = after([
      { type: "limited", untilMs: 5000 },
      { type: "limited", untilMs: 3000 },
      { type: "answered" },
    ]);
    expect(paused).toMatchObject({ at: "paused", untilMs: 5000 });
    expect(stepBreaker(paused, { type: "wanted", nowMs: 4999 })).toBe(paused);
    expect(stepBreaker(paused, { type: "wanted", nowMs: 5000 }).at).toBe("closed");
  });
});
