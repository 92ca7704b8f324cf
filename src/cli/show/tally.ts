import type { WaybillEvent } from "../../telemetry/events.ts";
import { formatWait } from "../units.ts";
import { causeOf, registryOf } from "./repeat-text.ts";

const mostCauses = 3;

interface Trouble {
  retries: number;
  waitedMs: number;
  readonly causes: Map<string, number>;
}

/** What a summary says beside the results: what was tried again. Made from the events of a run. */
export class Tally {
  readonly #troubles = new Map<string, Trouble>();
  #resumed = 0;

  apply(event: WaybillEvent): void {
    if (event.type === "retry") this.#retry(event);
    if (event.type === "content-again" && event.offsetBytes > 0) this.#resumed++;
  }

  #retry(event: WaybillEvent & { readonly type: "retry" }): void {
    const { delayMs } = event;
    const cause = causeOf(event);
    const name = registryOf(event);
    const trouble = this.#troubles.get(name) ?? { retries: 0, waitedMs: 0, causes: new Map<string, number>() };
    this.#troubles.set(name, trouble);
    trouble.retries++;
    trouble.waitedMs += delayMs;
    trouble.causes.set(cause, (trouble.causes.get(cause) ?? 0) + 1);
  }

  /** `retries 3 (docker.io: HTTP 429 twice, waited 8s)`, `1 upload resumed`; empty where nothing was tried again. Foreign text. */
  remarks(): readonly string[] {
    const troubles = [...this.#troubles];
    const retries = troubles.reduce((sum, [, trouble]) => sum + trouble.retries, 0);
    const told = troubles.map(([name, { causes, waitedMs }]) => {
      const most = [...causes].toSorted(([, a], [, b]) => b - a).slice(0, mostCauses);
      const others = causes.size > mostCauses ? ["others"] : [];
      const why = [...most.map(([cause, count]) => cause + timesOf(count)), ...others];
      return `${name}: ${why.join(", ")}, waited ${formatWait(waitedMs)}`;
    });
    return [
      ...(retries > 0 ? [`retries ${retries} (${told.join("; ")})`] : []),
      ...(this.#resumed > 0 ? [`${this.#resumed} ${this.#resumed === 1 ? "upload" : "uploads"} resumed`] : []),
    ];
  }
}

function timesOf(count: number): string {
  if (count === 1) return "";
  return count === 2 ? " twice" : ` ${count} times`;
}
