import { sleep, type Clock } from "../async/clock.ts";
import type { Target } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import type { CompareStep, ConfirmStep, TagStep, VerifyStep } from "./step.ts";
import type { StepResult } from "./run.ts";

interface Call {
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** How long a registry may take until it shows what it has acknowledged, in milliseconds. */
const lagMs = 30_000;

/** What tags of a target were seen to name. */
export interface Comparison {
  /** When, by the run's clock. */
  readonly at: number;
  /** Those that still name what they named before, and so are to be written. */
  readonly toWrite: readonly string[];
}

/**
 * Which tags of the step still have to be written: those that name what they named before. One that names the content
 * already is left alone.
 *
 * @throws WaybillError `precondition_failed` where somebody else has moved a tag since it was looked at. Nothing is written then.
 */
export async function tagsToWrite(
  step: CompareStep | TagStep,
  target: Target,
  call: { readonly signal: AbortSignal },
): Promise<readonly string[]> {
  const found = await Promise.all(
    step.tags.map(async (tag) => ({ tag, now: (await target.tagged(tag, call))?.digest })),
  );
  const moved = found.find(({ tag, now }) => now !== step.content.digest && (now ?? "absent") !== step.before[tag]);
  if (moved) {
    const name = `${formatLocation(step.at)}:${moved.tag}`;
    const message = `Cannot move tag "${name}": it named ${step.before[moved.tag]} when the publish began, now ${moved.now ?? "nothing"}`;
    throw new WaybillError("precondition_failed", message, {
      ...placeOf(step.at),
      subject: name,
      advice: "somebody else publishes this tag too: look at what it names, then run the command again",
    });
  }
  return found.filter(({ now }) => now !== step.content.digest).map(({ tag }) => tag);
}

/** @throws WaybillError `unavailable` where a tag that was acknowledged does not read back in time. */
export async function confirmTags(step: ConfirmStep, target: Target, call: Call): Promise<StepResult> {
  const isThere = async (tag: string) => (await target.tagged(tag, call))?.digest === step.content.digest;
  await Promise.all(
    step.tags.map((tag) =>
      shown(() => isThere(tag), `tag "${formatLocation(step.at)}:${tag}"`, { ...call, at: step.at }),
    ),
  );
  return "present";
}

/** @throws WaybillError `unavailable` where content that was acknowledged does not show in time. */
export async function verifyPresence(step: VerifyStep, target: Target, call: Call): Promise<StepResult> {
  await shown(() => target.exists(step.content, call), `${step.content.digest} at ${formatLocation(step.at)}`, {
    ...call,
    at: step.at,
  });
  return "present";
}

/** Asks again with growing waits until it is there: some registries show their own writes late. */
async function shown(
  isThere: () => Promise<boolean>,
  what: string,
  { at, clock, signal }: Call & { readonly at: Location },
): Promise<void> {
  const until = clock.now() + lagMs;
  for (let waitMs = 250; !(await isThere()); waitMs *= 2) {
    if (clock.now() + waitMs > until) {
      const message = `Cannot see ${what}: it was acknowledged, but is not there after ${lagMs / 1000} s`;
      throw new WaybillError("unavailable", message, { ...placeOf(at), side: "target" });
    }
    await sleep(clock, waitMs, signal);
  }
}

function placeOf(at: Location): { registry?: string; repository?: string } {
  return at.kind === "registry" ? { registry: at.host, repository: at.repository } : {};
}
