import { together } from "../async/scope.ts";
import type { OwnLoad } from "../async/own-load.ts";
import type { Clock } from "../async/clock.ts";
import type { Store } from "../content/store.ts";
import { sameLocation, type Location } from "../spec/reference.ts";
import { guarded, type Report } from "../telemetry/events.ts";
import { failedState } from "./cancelled.ts";
import type { Closure } from "./closure.ts";
import { isLate, type Late } from "./late.ts";
import { isFound, type Looked } from "./look.ts";
import type { PublishPolicy } from "./policy.ts";
import { publishGroup, type GroupOptions } from "./publish-group.ts";
import { sinceFirst, unheard, type Ending, type Hearing } from "./recording.ts";
import { isComplete, type TargetResult } from "./result.ts";

/** What a publish needs of the world, and how it goes about it. */
export interface PublishOptions {
  /** Default: `abort`, `finish`. */
  readonly policy?: PublishPolicy;
  readonly open: (location: Location) => Promise<Store>;
  readonly clock: Clock;
  /** What it throws is dropped. */
  readonly report: Report;
  readonly signal?: AbortSignal;
  /** Most blobs on their way to one target at a time; default 64. */
  readonly blobsInFlight?: number;
  /** How busy we are ourselves, from 0 to 1: where we are what blobs wait for, no more than 32 are under way. Default not at all. */
  readonly ownLoad?: OwnLoad;
  /** The slowest that a blob may go before its step is given up; default 128 KiB a second. */
  readonly leastBytesPerSecond?: number;
  /** Takes the publish down as it goes, and knows what earlier runs of it have done; default: nobody does. Disposing of it is the caller's. */
  readonly recording?: Hearing;
}

/**
 * Makes every target hold `closure` and name its root: stage everywhere, verify, and only then write tags, as the policy says.
 * Those that are late follow when they have answered, each by itself; one after the other, in turn, where the strategy is
 * serial.
 *
 * @returns a result per target, in the order of `looked`. Never rejects for a target's failure.
 */
export async function publish(
  closure: Closure,
  looked: readonly (Looked | Late)[],
  options: PublishOptions,
): Promise<readonly TargetResult[]> {
  const { policy = { onError: "abort" }, recording = unheard, signal } = options;
  const verify = policy.verify ?? (looked.length > 1 ? "manifests" : "ack");
  const group: GroupOptions = { ...options, report: guarded(options.report), recording, policy: { ...policy, verify } };
  const onTime = looked.flatMap((entry) => (isLate(entry) ? [] : [entry]));
  const follow = async ({ later }: Late) => {
    const answer = await later;
    tellBefore(answer, closure, recording);
    return publishGroup(closure, [answer], group);
  };
  const groups = [
    () => publishGroup(closure, onTime, group),
    ...looked.filter(isLate).map((late) => () => follow(late)),
  ];
  const settled = (
    policy.strategy === "serial" ? await inTurn(groups) : await together(groups, (part) => part())
  ).flat();
  const results = looked.flatMap(({ target }) => settled.find(({ at }) => sameLocation(at, target.at)) ?? []);
  await recording.end({ state: stateOf(results, signal), results });
  return results;
}

async function inTurn<T>(work: readonly (() => Promise<T>)[]): Promise<readonly T[]> {
  const done: T[] = [];
  for (const part of work) done.push(await part());
  return done;
}

/** A publish that was begun without knowing what the tags named is told now, before any of them moves. */
function tellBefore(entry: Looked, { root }: Closure, recording: Hearing): void {
  if (!isFound(entry)) return;
  const { target, before } = entry;
  recording.looked?.(target.at, sinceFirst(target, before, { root, earlier: recording.earlier }));
}

function stateOf(results: readonly TargetResult[], signal: AbortSignal | undefined): Ending["state"] {
  if (results.every(isComplete)) return "done";
  return failedState(signal);
}
