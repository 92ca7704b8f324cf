/** How many retries are still affordable towards one origin. Immutable; whole numbers of fifths, so that nothing drifts. */
export interface Budget {
  /** Fifths of a token: a retry costs five, a success gives one back. */
  readonly fifths: number;
}

const perToken = 5;
const most = 50 * perToken;

/** A budget nothing was taken from: 50 tokens. */
export const fullBudget: Budget = { fifths: most };

/** True when one more retry is affordable. */
export function canAfford(budget: Budget): boolean {
  return budget.fifths >= perToken;
}

/** The budget after `event`: a retry costs one token, a success gives a fifth of one back, never beyond the 50 at the start. */
export function stepBudget(budget: Budget, event: "retry" | "success"): Budget {
  const change = event === "retry" ? -perToken : 1;
  return { fifths: Math.min(most, Math.max(0, budget.fifths + change)) };
}
