import * as fc from "fast-check";
import { expect, test } from "vitest";
import { canAfford, fullBudget, stepBudget } from "./budget.ts";

test("stepBudget refuses the fifty-first retry in a row when nothing succeeded", () => {
  let budget = fullBudget;
  let retries = 0;
  while (canAfford(budget)) {
    budget = stepBudget(budget, "retry");
    retries += 1;
  }
  expect(retries).toBe(50);
});

test("stepBudget pays for one retry when five requests succeeded", () => {
  let budget = { fifths: 0 };
  for (let success = 0; success < 4; success += 1) budget = stepBudget(budget, "success");
  expect(canAfford(budget)).toBe(false);
  expect(canAfford(stepBudget(budget, "success"))).toBe(true);
});

test("stepBudget stays between nothing and 50 tokens for any history", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("retry" as const, "success" as const)), (events) => {
      const { fifths } = events.reduce(stepBudget, fullBudget);
      expect(fifths).toBeGreaterThanOrEqual(0);
      expect(fifths).toBeLessThanOrEqual(fullBudget.fifths);
    }),
  );
});
