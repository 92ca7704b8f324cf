import type { Clock } from "../async/clock.ts";
import { createQueue } from "../async/queue.ts";
import type { PresenceGuess } from "./presence-guess.ts";
import type { Quirks } from "./quirks.ts";

/** Decides for each small blob of a repository whether it goes whole, in one request, or by an upload that asks whether it is there. */
export interface SmallBlobs {
  /**
   * The next one's turn. While nothing is known a few go ahead, one of them whole, and the others wait for up to a second for what
   * those meet: they then save a request each. `meanwhile` is called, once at most, where it waits and is likely to be absent: its
   * source may be read by then. The caller disposes of the turn when the blob has gone.
   *
   * @throws the signal's reason when it aborts first.
   */
  turn(signal: AbortSignal, meanwhile: () => void): Promise<Turn>;
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

/** For one repository; what `quirks` learn holds for all of their registry. Nothing is known at first. */
export function smallBlobs({ clock, quirks }: { clock: Clock; quirks: Quirks }, guess: PresenceGuess): SmallBlobs {
  const waiting = createQueue<Turn>(rest);
  const idle = new Set<() => void>();
  let ahead = 0;
  let isLate = false;
  let stopTimer: (() => void) | undefined;
  // What another repository of the registry meets holds for this one too.
  quirks.singlePostLookers.add(look);

  /** `hasWaited`: what it would be asked for, to keep the guess honest, has just been told by others. */
  function next(hasWaited: boolean): Turn | undefined {
    const { singlePost } = quirks;
    if (singlePost === "declines") return turn(false);
    if (singlePost === "takes" && guess.isSettled) return turn(hasWaited ? guess.isSure : guess.skipsAsking());
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
    let isAhead = true;
    return turn(false, () => {
      if (isAhead) ahead -= 1;
      isAhead = false;
    });
  }

  function turn(goesWhole: boolean, leave: () => void = () => undefined): Turn {
    return {
      goesWhole,
      tell(met) {
        if (met === "declined") quirks.singlePost = "declines";
        else if (quirks.singlePost === "trying") quirks.singlePost = met === "taken" ? "takes" : "unknown";
        for (const lookAgain of quirks.singlePostLookers) lookAgain();
      },
      [Symbol.dispose]() {
        leave();
        look();
      },
    };
  }

  function look(): void {
    while (waiting.size > 0) {
      const first = next(true);
      if (!first) break;
      waiting.admit(first);
    }
    rest();
    if (!guess.isAbsent) return;
    for (const use of idle) use();
    idle.clear();
  }

  /** Nothing is kept for nobody. */
  function rest(): void {
    if (waiting.size > 0) return;
    idle.clear();
    stopTimer?.();
    stopTimer = undefined;
  }

  function startTimer(): () => void {
    return clock.after(longestWaitMs, () => {
      isLate = true;
      look();
    });
  }

  return {
    look,
    async turn(signal, meanwhile) {
      signal.throwIfAborted();
      const now = next(false);
      if (now) return now;
      stopTimer ??= startTimer();
      if (guess.isAbsent) meanwhile();
      else idle.add(meanwhile);
      try {
        return await waiting.wait({ signal });
      } finally {
        idle.delete(meanwhile);
      }
    },
  };
}
