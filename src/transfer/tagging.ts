import type { Clock } from "../async/clock.ts";
import { lagMs, lagPatience } from "../async/lag-patience.ts";
import { together } from "../async/scope.ts";
import type { TaggedOptions, Target } from "../content/store.ts";
import { answerWords, hasCode, WaybillError } from "../errors.ts";
import { recordFrom } from "../spec/json.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import { movedSince, type Named, type NamesOfTags } from "./named.ts";
import { nameAgain, nameNow } from "./name-now.ts";
import { placeOf } from "./place.ts";
import { tagName } from "./recording.ts";
import type { CompareStep, ConfirmStep, TagStep, VerifyStep } from "./step.ts";
import type { StepResult } from "./run.ts";

interface Call {
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

/** What tags of a target were seen to name. */
export interface Comparison {
  /** When, by the run's clock. */
  readonly at: number;
  /** Those that still name what they named before, and so are to be written. */
  readonly toWrite: readonly string[];
  /** What tags name of which nobody knew it before. */
  readonly learned: NamesOfTags;
}

/**
 * Which tags of the step still have to be written: those that name what they named before. One that names the content
 * already is left alone. One that named something and seems to name nothing is asked for again for a few seconds. `onSeen` hears
 * what they name, before any is judged.
 *
 * @throws WaybillError `precondition_failed` where somebody else has moved a tag since it was looked at, or where it does not
 *   show what is demanded of it. Nothing is written then.
 */
export async function compareTags(
  step: CompareStep | TagStep,
  target: Target,
  { onSeen, ...call }: Call & Pick<TaggedOptions, "attempts"> & { readonly onSeen?: (names: NamesOfTags) => void },
): Promise<Omit<Comparison, "at">> {
  const nameOf = async (tag: string, signal: AbortSignal) => {
    const wanted = wantedOf(step, tag);
    const ask = wanted === undefined || wanted === "absent" ? nameNow : nameAgain;
    return { tag, now: await ask(target, tag, { ...call, signal }) };
  };
  const found = await together(step.tags, nameOf, call);
  onSeen?.(recordFrom(found.flatMap(({ tag, now }) => (now === undefined ? [] : [[tag, now] as const]))));
  const open = found.filter(({ now }) => now !== step.content.digest);
  for (const { tag, now } of open) {
    const wanted = wantedOf(step, tag);
    if (wanted !== undefined && now !== wanted) throw notAsBefore(step, tag, now);
  }
  const learned = found.flatMap(({ tag, now }) =>
    step.before[tag] === undefined && now !== undefined ? [[tag, now] as const] : [],
  );
  return { toWrite: open.map(({ tag }) => tag), learned: recordFrom(learned) };
}

/** What the tag must name to be moved; `undefined` where anything will do. */
function wantedOf({ before, demanded }: CompareStep | TagStep, tag: string): Named | undefined {
  return before[tag] ?? demanded?.[tag];
}

function notAsBefore(step: CompareStep | TagStep, tag: string, now: Named | undefined): WaybillError {
  const advice =
    now === undefined
      ? "use an account that may read the repository, or demand nothing of the tag"
      : "somebody else publishes this tag too: look at what it names, then run the command again";
  const moved = { before: step.before[tag], demanded: step.demanded?.[tag], now };
  return movedSince(tagName(step.at, tag), moved, { ...placeOf(step.at), advice });
}

/**
 * @throws WaybillError `unavailable` where a tag that was acknowledged does not read back in time; `auth_denied` where it may not be
 *   read.
 */
export async function confirmTags(step: ConfirmStep, target: Target, call: Call): Promise<StepResult> {
  const known = { ...call, mustKnow: true } as const;
  const isThere = async (tag: string) => (await target.tagged(tag, known))?.digest === step.content.digest;
  await Promise.all(
    step.tags.map((tag) =>
      shown(() => isThere(tag), `tag "${formatLocation(step.at)}:${tag}"`, { ...call, at: step.at }),
    ),
  );
  return "present";
}

/**
 * @throws WaybillError `unavailable` where content that was acknowledged does not show in time; `auth_denied` where it may not be read.
 */
export async function verifyPresence(step: VerifyStep, target: Target, call: Call): Promise<StepResult> {
  const known = { ...call, mustKnow: true } as const;
  await shown(() => target.exists(step.content, known), `${step.content.digest} at ${formatLocation(step.at)}`, {
    ...call,
    at: step.at,
  });
  return "present";
}

/** Some registries refuse to show what is not there: this long it may be that. */
const deniedMs = 3000;

/** Asks again with growing waits until it is there: some registries show their own writes late. */
async function shown(
  isThere: () => Promise<boolean>,
  what: string,
  { at, clock, signal }: Call & { readonly at: Location },
): Promise<void> {
  const patience = lagPatience(clock);
  let deniedSince: number | undefined;
  for (;;) {
    const seen = await isThere().catch(denialOf);
    if (seen === true) return;
    if (seen === false) deniedSince = undefined;
    else {
      deniedSince ??= clock.now();
      if (clock.now() - deniedSince >= deniedMs) throw unreadable(seen, what);
    }
    if (await patience.wait(signal)) continue;
    const message = `Cannot see ${what}: it was acknowledged, but is not there after ${lagMs / 1000} s`;
    throw new WaybillError("unavailable", message, { ...placeOf(at), side: "target" });
  }
}

function denialOf(error: unknown): WaybillError {
  if (hasCode(error, "auth_denied")) return error;
  throw error;
}

function unreadable(denial: WaybillError, what: string): WaybillError {
  const advice =
    "Use an account that may also read what it pushes, or --verify ack, which takes the registry's word for what it has";
  const context = { ...denial.context, side: "target", advice } as const;
  const message = `Cannot see ${what}: it was acknowledged, but ${answerWords(denial.context)}`;
  return new WaybillError("auth_denied", message, context, { cause: denial });
}
