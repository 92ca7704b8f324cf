import type { Clock } from "../async/clock.ts";
import { formatLocation } from "../spec/reference.ts";
import type { Report } from "../telemetry/events.ts";
import type { Looked, PublishTarget } from "./look.ts";
import type { PublishPolicy } from "./policy.ts";

/** A target that has not answered yet: the others go on without it, and it follows when it has. */
export interface Late {
  readonly state: "late";
  readonly target: PublishTarget;
  /** Never rejects. */
  readonly later: Promise<Looked>;
}

export function isLate(entry: Looked | Late): entry is Late {
  return entry.state === "late";
}

/** How long targets that have answered wait for those that have not, in milliseconds. */
const patienceMs = 2000;

export interface LateOptions {
  readonly clock: Clock;
  readonly report: Report;
}

/** A target that is being looked at. */
export interface Looking {
  readonly target: PublishTarget;
  readonly looking: Promise<Looked>;
}

/** The answers, in order. Only where each target is for itself may some be missing. */
export function answersFor(
  { onError }: Pick<PublishPolicy, "onError">,
  lookings: readonly Looking[],
  options: LateOptions,
): Promise<readonly (Looked | Late)[]> {
  if (onError === "keep-going") return answeredInTime(lookings, options);
  return Promise.all(lookings.map(({ looking }) => looking));
}

/**
 * The answers, in order. From the first answer on, the others have two seconds: whoever takes longer is `Late`. With one
 * target, or none that answers, there is nobody to wait for less.
 */
async function answeredInTime(
  lookings: readonly Looking[],
  { clock, report }: LateOptions,
): Promise<readonly (Looked | Late)[]> {
  const answers = new Map<Looking, Looked>();
  const answering = lookings.map(async (entry) => void answers.set(entry, await entry.looking));
  await Promise.race(answering);
  await allOrEnough(Promise.all(answering), clock);
  return lookings.map((entry) => {
    const { target, looking } = entry;
    const answer = answers.get(entry);
    if (answer) return answer;
    const name = formatLocation(target.at);
    report({ type: "warning", message: `${name} has not answered yet: the others go on without it`, at: clock.now() });
    return { state: "late", target, later: looking };
  });
}

async function allOrEnough(all: Promise<unknown>, clock: Clock): Promise<void> {
  let cancel = () => {};
  const enough = new Promise<void>((resolve) => (cancel = clock.after(patienceMs, resolve)));
  await Promise.race([all, enough]);
  cancel();
}
