import type { Clock } from "../async/clock.ts";
import { createQueue } from "../async/queue.ts";
import type { PresenceGuess } from "./presence-guess.ts";
import type { Quirks } from "./quirks.ts";

/** Decides for each small blob of a repository whether it goes whole, in one request, or by an upload that asks whether it is there. */
export interface SmallBlobs {
  /**
   * The next one's turn. While nothing is known a few go ahead, one of them whole, and the others wait for up to a second for what
   * those meet: they then save a request each. The caller disposes of the turn when the blob has gone.
   *
   * @throws the signal's reason when it aborts first.
   */
  turn(signal: AbortSignal): Promise<Turn>;
  /** The guess has changed. */
  look(): void;
}

export interface Turn extends Disposable {
  readonly goesWhole: boolean;
  /** What the registry made of the whole blob; `nothing` where it did not say. */
  tell(met: "taken" | "declined" | "nothing"): void;
}

/** So many go ahead: more than it takes to guess whether the others are there. */
const mostAhead = 8;
/** A registry that takes longer to answer the first is waited for no more. */
const longestWaitMs = 1000;

export function smallBlobs({ clock, quirks }: { clock: Clock; quirks: Quirks }, guess: PresenceGuess): SmallBlobs {
  const waiting = createQueue<Turn>(rest);
  let ahead = 0;
  let isLate = false;
  let stopTimer: (() => void) | undefined;

  function next(): Turn | undefined {
    const { singlePost } = quirks;
    if (singlePost === "declines") return turn(false);
    if (singlePost === "takes" && guess.isSettled) return turn(guess.skipsAsking());
    const isFull = ahead >= mostAhead;
    if (singlePost === "unknown" && (guess.isAbsent || (isFull && !guess.isSettled))) return tryOut();
    // They are there: nothing that others meet would spare this one being asked for.
    if (guess.isSettled && !guess.isAbsent) return turn(false);
    return isFull && !isLate ? undefined : goAhead();
  }

  function tryOut(): Turn {
    quirks.singlePost = "trying";
    return turn(true);
  }

  function goAhead(): Turn {
    ahead += 1;
    return turn(false, () => void (ahead -= 1));
  }

  function turn(goesWhole: boolean, leave: () => void = () => undefined): Turn {
    return {
      goesWhole,
      tell(met) {
        if (met === "declined") quirks.singlePost = "declines";
        else if (quirks.singlePost === "trying") quirks.singlePost = met === "taken" ? "takes" : "unknown";
        look();
      },
      [Symbol.dispose]() {
        leave();
        look();
      },
    };
  }

  function look(): void {
    while (waiting.size > 0) {
      const first = next();
      if (!first) return;
      waiting.admit(first);
    }
    rest();
  }

  /** No timer outlives those who wait. */
  function rest(): void {
    if (waiting.size > 0) return;
    stopTimer?.();
    stopTimer = undefined;
  }

  return {
    look,
    async turn(signal) {
      const now = next();
      if (now) return now;
      stopTimer ??= clock.after(longestWaitMs, () => {
        isLate = true;
        look();
      });
      return waiting.wait({ signal });
    },
  };
}
