/** For how long a connection is silent before it is asked. Servers count PINGs, and some leave whoever sends many. */
const silentMs = 15_000;
/**
 * How long the answer may take: what a body has left with this machine goes before what is asked, and on a slow line that may be
 * more than half a minute's worth.
 */
const answerMs = 20_000;
/** A machine that slept, or a process that was busy, has not listened: longer breaks between looks count for no more. */
const mostBetweenLooksMs = 2000;

/** What is seen of a connection over which answers are waited for. */
export interface Sight {
  /** Bytes that have come since the beginning. */
  readonly heardBytes: number;
  /** True while bodies leave: what is asked waits behind them, for as long as a slow line takes. */
  readonly isSending: boolean;
}

/** Judges from looks, one after the other: `ask` whether the other side is still there, or `lost`, when it has not said so. */
export type Pulse = (now: number, sight: Sight) => "fine" | "ask" | "lost";

/**
 * Begins to listen at `now`. A side that says anything is there; one that is silent for 15 s is asked once, and lost when nothing at
 * all has come 20 s later.
 */
export function pulse(now: number, heardBytes: number): Pulse {
  let last = { now, heardBytes };
  let quietMs = 0;
  return (at, { heardBytes: heard, isSending }) => {
    const beforeMs = quietMs;
    const isQuiet = heard === last.heardBytes && !isSending;
    quietMs = isQuiet ? beforeMs + Math.min(at - last.now, mostBetweenLooksMs) : 0;
    last = { now: at, heardBytes: heard };
    if (quietMs >= silentMs + answerMs) return "lost";
    return beforeMs < silentMs && quietMs >= silentMs ? "ask" : "fine";
  };
}
