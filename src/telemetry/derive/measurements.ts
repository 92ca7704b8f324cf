import type { AttemptEvent } from "../attempt.ts";
import type { EventOf, WaybillEvent } from "../events.ts";
import type { Task, TaskEvent } from "../task.ts";
import { errorType, protocolFacts, serverAttributes } from "./attempt-span.ts";
import { pathFacts, placeOfTarget } from "./place.ts";
import { known, type Attributes, type Facts } from "./span.ts";

/** What is measured: its kind, its unit, and what it means. Durations are in seconds, as the conventions want it. */
export const instruments = {
  "http.client.request.duration": { kind: "histogram", unit: "s", about: "Time of an HTTP attempt, its body included" },
  "waybill.requests": { kind: "counter", unit: "{request}", about: "HTTP attempts" },
  "waybill.retries": { kind: "counter", unit: "{retry}", about: "Attempts that follow one which has failed" },
  "waybill.bytes.sent": { kind: "counter", unit: "By", about: "Bytes of request bodies" },
  "waybill.bytes.received": { kind: "counter", unit: "By", about: "Bytes of response bodies" },
  "waybill.bytes.mounted": { kind: "counter", unit: "By", about: "Bytes of blobs that were mounted" },
  "waybill.bytes.skipped": { kind: "counter", unit: "By", about: "Bytes of blobs that were there already" },
  "waybill.tags": { kind: "counter", unit: "{tag}", about: "Tags that were written" },
  "waybill.task.duration": { kind: "histogram", unit: "s", about: "Time of a phase, or of one of its steps" },
  "waybill.concurrency": {
    kind: "histogram",
    unit: "{request}",
    about: "Attempts in flight to an origin when one begins",
  },
  "waybill.limit.concurrency": {
    kind: "gauge",
    unit: "{request}",
    about: "Most requests to an origin at the same time, as it is now",
  },
  "waybill.limit.rate": {
    kind: "gauge",
    unit: "{request}/s",
    about: "Most requests to an origin in a second, as it is now; 0: as many as come",
  },
  "waybill.limit.wait": { kind: "histogram", unit: "s", about: "How long all requests to an origin were held back" },
  "waybill.resumes": { kind: "counter", unit: "{upload}", about: "Uploads that went on where they had broken off" },
  "waybill.telemetry.drops": {
    kind: "counter",
    unit: "{item}",
    about: "What was seen and is missing from what is told",
  },
} as const;

export type InstrumentName = keyof typeof instruments;

export interface Measurement {
  readonly name: InstrumentName;
  readonly value: number;
  readonly attributes: Attributes;
}

type Started = TaskEvent & { readonly type: "task-started" };

const mostFailed = 10_000;

/** Makes measurements of news. */
export class Measurer {
  readonly #open = new Map<string, Started>();
  /** Why attempts have failed, until another follows. */
  readonly #failed = new Map<string, string>();

  take(event: WaybillEvent): readonly Measurement[] {
    switch (event.type) {
      case "http":
        return [...ofAttempt(event), ...this.#ofRetry(event)];
      case "task-started":
        this.#open.set(event.id, event);
        return [];
      case "task-done":
        return this.#ofTask(event);
      case "load":
        return ofLoad(event);
      case "content-again":
        return this.#ofAgain(event);
      case "tag-done":
        return [one("waybill.tags", { "waybill.state": event.state, ...placeFacts(event.target) })];
      case "telemetry-drop":
        return [measured("waybill.telemetry.drops", event.count, { "waybill.what": event.what })];
      default:
        return [];
    }
  }

  /** Sent again because of what became of the attempt before it; with a token, or where a redirect leads, is no retry. */
  #ofRetry(attempt: AttemptEvent): readonly Measurement[] {
    const { id, after = "", status } = attempt;
    const cause = this.#failed.get(after);
    this.#failed.delete(after);
    const failure = errorType(attempt);
    if (failure !== undefined && status !== 401) this.#failed.set(id, failure);
    const [oldest] = this.#failed.keys();
    if (this.#failed.size > mostFailed && oldest !== undefined) this.#failed.delete(oldest);
    if (cause === undefined) return [];
    return [one("waybill.retries", { "waybill.registry": attempt.registry, "error.type": cause })];
  }

  /** What begins anew is no resume. */
  #ofAgain({ task, offsetBytes }: EventOf<"content-again">): readonly Measurement[] {
    if (offsetBytes === 0) return [];
    return [one("waybill.resumes", placeFacts(this.#open.get(task ?? "")?.target))];
  }

  #ofTask(event: TaskEvent & { readonly type: "task-done" }): readonly Measurement[] {
    const started = this.#open.get(event.id);
    if (!started) return [];
    this.#open.delete(event.id);
    const duration = measured("waybill.task.duration", Math.max(0, event.at - started.at) / 1000, {
      "waybill.phase": started.phase,
      "waybill.part": started.part,
      "waybill.outcome": event.outcome,
      "error.type": event.error?.code,
      ...placeFacts(started.target),
    });
    return [duration, ...spared(started, event.outcome)];
  }
}

/** Bytes that did not have to be sent. */
function spared(task: Task, outcome: string | undefined): readonly Measurement[] {
  if (task.phase !== "stage" || task.part !== "blob" || (outcome !== "mounted" && outcome !== "existed")) return [];
  const name = outcome === "mounted" ? "waybill.bytes.mounted" : "waybill.bytes.skipped";
  return [measured(name, task.sizeBytes ?? 0, placeFacts(task.target))];
}

function ofAttempt(attempt: AttemptEvent): readonly Measurement[] {
  const { method, status, error, operation, protocol } = attempt;
  const url = new URL(attempt.url);
  const registry = { "waybill.registry": attempt.registry };
  const kind = { "waybill.operation": operation, "waybill.status_class": classOf(status) };
  return [
    measured(
      "http.client.request.duration",
      attempt.durationMs / 1000,
      {
        "http.request.method": method,
        "url.template": pathFacts(url.pathname).template,
        "http.response.status_code": status,
        "error.type": errorType({ status, error }),
      },
      serverAttributes(url),
      protocolFacts(protocol),
    ),
    measured("waybill.requests", 1, registry, kind),
    ...(attempt.sentBytes > 0 ? [measured("waybill.bytes.sent", attempt.sentBytes, registry)] : []),
    ...(attempt.receivedBytes > 0 ? [measured("waybill.bytes.received", attempt.receivedBytes, registry)] : []),
    measured("waybill.concurrency", attempt.inFlight, {
      "waybill.registry": attempt.registry,
      "server.address": serverAttributes(url)["server.address"],
    }),
  ];
}

/** What we allow ourselves towards an origin, and how long all of it waits. */
function ofLoad(event: EventOf<"load">): readonly Measurement[] {
  const { registry, origin, concurrency, perSecond = 0, waitMs } = event;
  const place = { "waybill.registry": registry, "server.address": serverAttributes(new URL(origin))["server.address"] };
  return [
    measured("waybill.limit.concurrency", concurrency, place),
    measured("waybill.limit.rate", perSecond, place),
    ...(waitMs === undefined ? [] : [measured("waybill.limit.wait", Math.max(0, waitMs) / 1000, place)]),
  ];
}

function classOf(status: number | undefined): string {
  return status === undefined ? "none" : `${Math.floor(status / 100)}xx`;
}

function placeFacts(target: string | undefined): Facts {
  return { "waybill.registry": placeOfTarget(target).registry };
}

function one(name: InstrumentName, facts: Facts): Measurement {
  return measured(name, 1, facts);
}

function measured(name: InstrumentName, value: number, ...facts: readonly Facts[]): Measurement {
  return { name, value, attributes: known(...facts) };
}
