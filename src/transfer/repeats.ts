import { formatLocation, type Location } from "../spec/reference.ts";
import type { WaybillEvent } from "../telemetry/events.ts";
import { causeOf, registryOf, targetOfRetry, type RetryEvent } from "../telemetry/retry.ts";
import { tagName } from "./recording.ts";

/** Counts, from the news of a run, how often something had to be sent again. */
export interface Repeats {
  hear(event: WaybillEvent): void;
  /** Requests and uploads for this target that were sent again. */
  atTarget(at: Location): number;
  /** How often the tag's write was sent again. */
  ofTag(at: Location, tag: string): number;
  /** Requests that were sent again, by registry; foreign text. */
  readonly byRegistry: ReadonlyMap<string, Repeated>;
  /** Uploads that went on where an attempt had broken off. */
  readonly resumed: number;
}

/** What was sent again to one registry. */
export interface Repeated {
  readonly requests: number;
  /** For how long requests waited to be sent again, up to the latest news; those that waited at the same time count once. */
  readonly waitedMs: number;
  /** How often for which reason. */
  readonly causes: ReadonlyMap<string, number>;
}

/** Has heard of nothing. */
export function createRepeats(): Repeats {
  const targets = new Map<string, number>();
  const tags = new Map<string, number>();
  const contents = new Map<string, string>();
  /** Tasks whose content is sent again, as a retry has told. */
  const told = new Set<string | undefined>();
  const byRegistry = new Map<string, Waiting>();
  let resumed = 0;
  let latestAt = 0;
  const hearRetry = (event: RetryEvent) => {
    const registry = registryOf(event);
    byRegistry.set(registry, oneMore(byRegistry.get(registry), event));
    const target = targetOfRetry(event);
    if (target === undefined) return;
    count(targets, target);
    if (carriesContent(event)) told.add(event.task);
    for (const tag of event.tags ?? []) count(tags, tagName(target, tag));
  };
  return {
    hear(event) {
      if ("at" in event) latestAt = Math.max(latestAt, event.at);
      if (event.type === "retry") return hearRetry(event);
      if (event.type === "content-started") contents.set(event.id, event.target);
      if (event.type !== "content-again") return;
      if (!told.delete(event.task)) count(targets, contents.get(event.id) ?? "");
      if (event.offsetBytes > 0) resumed += 1;
    },
    atTarget: (at) => targets.get(formatLocation(at)) ?? 0,
    ofTag: (at, tag) => tags.get(tagName(at, tag)) ?? 0,
    get byRegistry() {
      return new Map([...byRegistry].map(([name, waiting]) => [name, upTo(latestAt, waiting)] as const));
    },
    get resumed() {
      return resumed;
    },
  };
}

/** Only what carries content opens it again; whatever goes with a POST is held. */
function carriesContent({ method }: RetryEvent): boolean {
  return method === "PUT" || method === "PATCH";
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** `waitedMs` counts waits as they are planned: until `untilAt`. */
interface Waiting extends Repeated {
  readonly untilAt: number;
}

function oneMore({ requests, waitedMs, untilAt, causes }: Waiting = noneYet, event: RetryEvent): Waiting {
  const cause = causeOf(event);
  const endsAt = Math.max(untilAt, event.at + event.delayMs);
  return {
    requests: requests + 1,
    waitedMs: waitedMs + endsAt - Math.max(untilAt, event.at),
    untilAt: endsAt,
    causes: new Map(causes).set(cause, (causes.get(cause) ?? 0) + 1),
  };
}

const noneYet: Waiting = { requests: 0, waitedMs: 0, untilAt: 0, causes: new Map() };

/** What is known at that time: a wait that was cut off has ended by then. */
function upTo(at: number, { requests, waitedMs, untilAt, causes }: Waiting): Repeated {
  return { requests, waitedMs: waitedMs - Math.max(0, untilAt - at), causes };
}
