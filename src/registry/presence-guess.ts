/** Whether the next blob of a repository is likely to be absent, from how the last ones fared. */
export interface PresenceGuess {
  readonly isAbsent: boolean;
  /** The last ones were all absent: four of them, and twice as many after each that was there. */
  readonly isSure: boolean;
  /** Enough blobs were asked for to say whether the next one need be. */
  readonly isSettled: boolean;
  /** Whether the next blob need not be asked for. One of sixteen is asked for all the same, which keeps the guess honest. */
  skipsAsking(): boolean;
  saw(isPresent: boolean): void;
}

const usuallyEnough = 4;

/** Has seen nothing: takes the next blob for present. */
export function presenceGuess(): PresenceGuess {
  let balance = 0;
  let absentInARow = 0;
  let enough = usuallyEnough;
  let skipped = 0;
  const isSure = () => absentInARow >= enough;
  return {
    get isAbsent() {
      return balance > 0;
    },
    get isSure() {
      return isSure();
    },
    get isSettled() {
      return isSure() || enough > usuallyEnough;
    },
    skipsAsking: () => isSure() && ++skipped % 16 > 0,
    saw(isPresent) {
      absentInARow = isPresent ? 0 : absentInARow + 1;
      if (isPresent) enough *= 2;
      balance = isPresent ? Math.max(-4, balance - 1) : Math.min(4, balance + 1);
    },
  };
}
