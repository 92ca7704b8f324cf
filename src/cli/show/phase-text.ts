import type { Phase } from "../../telemetry/events.ts";

const texts: Readonly<Record<Phase, string>> = {
  stage: "staging",
  verify: "verifying",
  barrier: "waiting",
  tag: "tagging",
  confirm: "confirming",
  rollback: "rolling back",
};

interface Standing {
  readonly phase?: Phase;
  readonly waitingFor: number;
}

/** What is going on, for people: `staging`, `waiting for 2 others`. */
export function phaseText({ phase = "stage", waitingFor }: Standing): string {
  if (phase !== "barrier" || waitingFor === 0) return texts[phase];
  return `waiting for ${waitingFor} ${waitingFor === 1 ? "other" : "others"}`;
}

/** The same in one word. */
export function shortPhaseText({ phase = "stage" }: Standing): string {
  return texts[phase];
}
