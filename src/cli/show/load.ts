import type { EventOf } from "../../telemetry/events.ts";
import type { Wait } from "./board.ts";
import type { Part } from "./line.ts";
import type { Styles } from "./styles.ts";

type LoadEvent = EventOf<"load">;

/** How much registries are asked at the moment, from the last news of each of their origins. */
export class Loads {
  readonly #byOrigin = new Map<string, LoadEvent>();

  apply(event: LoadEvent): void {
    this.#byOrigin.set(event.origin, event);
  }

  /** The longest wait of all requests to one of a registry's origins, where one is still on. */
  waitAt(registry: string, now: number): Wait | undefined {
    const waits = this.#of(registry).flatMap(({ at, waitMs, why = "it asks for it", origin }) => {
      const place = origin.endsWith(`//${registry}`) ? "" : `${origin}: `;
      return waitMs !== undefined && at + waitMs > now ? [{ text: place + why, until: at + waitMs }] : [];
    });
    return waits.toSorted((a, b) => b.until - a.until)[0];
  }

  /** What a registry is limited to, where it bears less than is tried of anybody at first. Parts of a line that has little room. */
  limitParts(registry: string, { yellow }: Styles): readonly Part[] {
    const texts = this.#of(registry).flatMap(limitText);
    if (texts.length === 0) return [];
    return [{ text: texts.join("; "), style: yellow, rank: 5, instead: { text: "slowed", style: yellow, rank: 3 } }];
  }

  #of(registry: string): readonly LoadEvent[] {
    return [...this.#byOrigin.values()].filter((event) => event.registry === registry);
  }
}

/** So many at a time are nothing to speak of. */
const usualConcurrency = 32;

function limitText({ concurrency, perSecond }: LoadEvent): readonly string[] {
  const texts = [
    ...(concurrency < usualConcurrency ? [`${concurrency} at a time`] : []),
    ...(perSecond === undefined ? [] : [`${perSecond < 10 ? perSecond.toFixed(1) : Math.round(perSecond)}/s`]),
  ];
  return texts.length === 0 ? [] : [`at most ${texts.join(", ")}`];
}
