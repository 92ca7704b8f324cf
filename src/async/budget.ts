/** How many retries are still affordable towards one origin. Immutable; whole numbers of fifths, so that nothing drifts. */
export interface Budget {
  /** Fifths of a token: a retry costs five, a success gives one back. */
  readonly fifths: number;
  /** The same for tags alone: whatever staging has spent, the names that a publish ends with can still be written. */
  readonly tagFifths: number;
}

/** What a request is about: `tag` may spend from both. */
export type Spender = "tag" | "other";

const perToken = 5;
const most = 50 * perToken;
const mostForTags = 20 * perToken;

/** A budget nothing was taken from: 50 tokens, and 20 for tags. */
export const fullBudget: Budget = { fifths: most, tagFifths: mostForTags };

/** True when one more retry is affordable. */
export function canAfford(budget: Budget, spender: Spender = "other"): boolean {
  return budget.fifths >= perToken || (spender === "tag" && budget.tagFifths >= perToken);
}

/**
 * The budget after `event`: a retry costs one token, a success gives a fifth of one back, never beyond what there was at the
 * start. Tags spend what is everybody's first; their own comes back by their own successes.
 */
export function stepBudget(budget: Budget, event: "retry" | "success", spender: Spender = "other"): Budget {
  const { fifths, tagFifths } = budget;
  if (event === "success") {
    const own = spender === "tag" ? 1 : 0;
    return { fifths: Math.min(most, fifths + 1), tagFifths: Math.min(mostForTags, tagFifths + own) };
  }
  if (spender === "tag" && fifths < perToken) return { fifths, tagFifths: Math.max(0, tagFifths - perToken) };
  return { fifths: Math.max(0, fifths - perToken), tagFifths };
}
