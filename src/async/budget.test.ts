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
  let budget = { ...fullBudget, fifths: 0 };
  for (let success = 0; success < 4; success += 1) budget = stepBudget(budget, "success");
  expect(canAfford(budget)).toBe(false);
  expect(canAfford(stepBudget(budget, "success"))).toBe(true);
});

test("stepBudget keeps twenty retries for tags when everything else is spent, and pays them from the rest before", () => {
  let budget = fullBudget;
  for (let retry = 0; retry < 80; retry += 1) budget = stepBudget(budget, "retry", "other");
  let retries = 0;
  for (; canAfford(budget, "tag"); retries += 1) budget = stepBudget(budget, "retry", "tag");
  expect([retries, canAfford(budget, "other")]).toEqual([20, false]);
  expect(stepBudget(fullBudget, "retry", "tag").tagFifths).toBe(fullBudget.tagFifths);
});

test("stepBudget stays within its bounds for any history, and nobody else spends what is for tags", () => {
  const event = fc.record({
    what: fc.constantFrom("retry" as const, "success" as const),
    spender: fc.constantFrom("tag" as const, "other" as const),
  });
  fc.assert(
    fc.property(fc.array(event, { maxLength: 200 }), (events) => {
      let budget = fullBudget;
      for (const { what, spender } of events) {
        const next = stepBudget(budget, what, spender);
        expect(next.fifths).toBeGreaterThanOrEqual(0);
        expect(next.fifths).toBeLessThanOrEqual(fullBudget.fifths);
        expect(next.tagFifths).toBeGreaterThanOrEqual(0);
        expect(next.tagFifths).toBeLessThanOrEqual(fullBudget.tagFifths);
        if (spender === "other") expect(next.tagFifths).toBe(budget.tagFifths);
        const spent = budget.fifths + budget.tagFifths - next.fifths - next.tagFifths;
        if (what === "retry" && canAfford(budget, spender)) expect(spent).toBe(5);
        budget = next;
      }
    }),
  );
});
