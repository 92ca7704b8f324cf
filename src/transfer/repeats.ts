import type { WaybillEvent } from "../telemetry/events.ts";
import { formatLocation, type Location } from "../spec/reference.ts";
import { tagName } from "./recording.ts";

/** Counts, from the news of a run, how often something had to be sent again. */
export interface Repeats {
  hear(event: WaybillEvent): void;
  /** Requests and uploads for this target that were sent again. */
  atTarget(at: Location): number;
  /** How often the tag's write was sent again. */
  ofTag(at: Location, tag: string): number;
}

/** Has heard of nothing. */
export function createRepeats(): Repeats {
  const targets = new Map<string, number>();
  const tags = new Map<string, number>();
  const count = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
  const contents = new Map<string, string>();
  return {
    hear(event) {
      if (event.type === "content-started") contents.set(event.id, event.target);
      else if (event.type === "content-again") count(targets, contents.get(event.id) ?? "");
      else if (event.type === "retry") {
        const place = placeOf(event);
        if (!place) return;
        count(targets, place.target);
        if (event.method === "PUT" && place.tag !== undefined) count(tags, tagName(place.target, place.tag));
      }
    },
    atTarget: (at) => targets.get(formatLocation(at)) ?? 0,
    ofTag: (at, tag) => tags.get(tagName(at, tag)) ?? 0,
  };
}

/** The repository that a request was for, and the tag where it was for one. */
function placeOf({ registry, url }: WaybillEvent & { type: "retry" }): { target: string; tag?: string } | undefined {
  const [, repository, kind, name] = /\/v2\/(.+)\/(manifests|blobs|referrers|tags)\/([^/?]*)/.exec(url) ?? [];
  if (registry === undefined || repository === undefined) return undefined;
  const target = `${registry}/${repository}`;
  return kind === "manifests" && name !== undefined && !name.includes(":") ? { target, tag: name } : { target };
}
