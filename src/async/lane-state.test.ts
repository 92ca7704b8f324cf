import { describe, expect, test } from "vitest";
import { emptyLanes, stepLanes, type LanesEvent, type LanesState } from "./lane-state.ts";

/** What can happen in a state: only who waits gives up, only who is in leaves, and no more than four ask. */
function eventsIn({ active, waiting }: LanesState): readonly LanesEvent[] {
  const present = active.ordinary + active.reserved + waiting.urgent + waiting.ordinary;
  return [
    { type: "resized", limit: 1 },
    { type: "resized", limit: 2 },
    { type: "resized", limit: 0 },
    ...(["urgent", "ordinary"] as const).flatMap((as): LanesEvent[] => [
      ...(present < 4 ? [{ type: "asked", as } as const] : []),
      ...(waiting[as] > 0 ? [{ type: "gave-up", as } as const] : []),
    ]),
    ...(["reserved", "ordinary"] as const).flatMap((lane): LanesEvent[] =>
      active[lane] > 0 ? [{ type: "left", lane }] : [],
    ),
  ];
}

/** Every state that any sequence of events leads to. */
function explore(): readonly LanesState[] {
  const empty = emptyLanes({ limit: 2, reserved: 1 });
  const states = new Map([[JSON.stringify(empty), empty]]);
  for (const state of states.values()) {
    for (const event of eventsIn(state)) {
      const [next] = stepLanes(state, event);
      states.set(JSON.stringify(next), next);
    }
  }
  return [...states.values()];
}

describe("stepLanes over all states", () => {
  const states = explore();

  test("has a fair number of states", () => {
    expect(states.length).toBeGreaterThan(20);
  });

  test("lets nobody in beyond the slots, and nobody wait while there is one", () => {
    for (const state of states) {
      const { limit, reserved, active, waiting } = state;
      expect(active.ordinary).toBeLessThanOrEqual(2);
      expect(active.reserved).toBeLessThanOrEqual(reserved);
      if (active.ordinary < limit) expect(waiting).toEqual({ urgent: 0, ordinary: 0 });
      if (active.reserved < reserved) expect(waiting.urgent).toBe(0);
    }
  });

  test("admits only while fewer than the limit are in, urgent ones before the others", () => {
    for (const state of states) {
      for (const event of eventsIn(state)) {
        const [next, admissions] = stepLanes(state, event);
        if (next.active.ordinary > next.limit) expect(admissions.filter(({ lane }) => lane === "ordinary")).toEqual([]);
        const firstOrdinary = admissions.findIndex(({ as }) => as === "ordinary");
        const lastUrgent = admissions.findLastIndex(({ as }) => as === "urgent");
        if (firstOrdinary >= 0) expect(lastUrgent).toBeLessThan(firstOrdinary);
      }
    }
  });

  test("keeps count of everybody", () => {
    const changes = { asked: 1, "gave-up": -1, left: -1, resized: 0 };
    const present = ({ active, waiting }: LanesState) =>
      active.ordinary + active.reserved + waiting.urgent + waiting.ordinary;
    for (const state of states) {
      for (const event of eventsIn(state)) {
        const [next] = stepLanes(state, event);
        expect(present(next) - present(state)).toBe(changes[event.type]);
      }
    }
  });

  test("lets everybody in in the end, as those who are in leave", () => {
    for (const start of states) {
      let state = start;
      for (let left = 0; left < 4; left++) {
        const lane = (["reserved", "ordinary"] as const).find((one) => state.active[one] > 0);
        if (lane) [state] = stepLanes(state, { type: "left", lane });
      }
      expect(state.active, JSON.stringify(start)).toEqual({ ordinary: 0, reserved: 0 });
      expect(state.waiting).toEqual({ urgent: 0, ordinary: 0 });
    }
  });
});
