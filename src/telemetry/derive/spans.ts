import type { AttemptEvent } from "../attempt.ts";
import type { EventOf, WaybillEvent } from "../events.ts";
import { commandTask, type Task, type TaskEvent } from "../task.ts";
import { spanIdOf, type TraceIdentity } from "../trace-context.ts";
import { attemptSpan } from "./attempt-span.ts";
import { placeOfTarget } from "./place.ts";
import { known, type Attributes, type Facts, type Span, type SpanEvent } from "./span.ts";

type Done = TaskEvent & { readonly type: "task-done" };

interface OpenTask {
  readonly task: Task;
  readonly startedAt: number;
  readonly events: SpanEvent[];
  /** How often its upload went on where it had broken off, and at which byte it did at last. */
  readonly resumed: { count: number; offset: number };
}

/** Tasks of which it is remembered what they were for; attempts may be told after their task has ended. */
const mostRemembered = 50_000;

/** Makes spans of news, each when it is over. What is never over makes none. */
export class SpanMaker {
  readonly #identity: TraceIdentity;
  readonly #mostEvents: number;
  readonly #open = new Map<string, OpenTask>();
  readonly #phases = new Map<string, string>();

  /** `mostEvents`: so many a task's span has, the last of which counts those without room; by default as many as there are. */
  constructor(identity: TraceIdentity, mostEvents = Number.POSITIVE_INFINITY) {
    this.#identity = identity;
    this.#mostEvents = mostEvents;
  }

  /** The span that `event` brings to its end, if it does. */
  take(event: WaybillEvent): Span | undefined {
    switch (event.type) {
      case "task-started":
        return this.#begin(event);
      case "task-done":
        return this.#end(event);
      case "http":
        return this.#attempt(event);
      case "tag-done":
        return this.#note(commandTask, event.at, "tag", {
          "waybill.target": event.target,
          "waybill.tag": event.tag,
          "waybill.state": event.state,
        });
      case "retry":
        return this.#note(event.task, event.at, "retry", {
          "waybill.delay_ms": event.delayMs,
          "waybill.why": event.why,
        });
      case "content-again":
        return this.#again(event);
      case "warning":
        return this.#note(commandTask, event.at, "warning", { "waybill.message": event.message });
      default:
        return undefined;
    }
  }

  #begin(task: TaskEvent & { readonly type: "task-started" }): undefined {
    this.#open.set(task.id, { task, startedAt: task.at, events: [], resumed: { count: 0, offset: 0 } });
    this.#phases.set(task.id, task.phase);
    const [oldest] = this.#phases.keys();
    if (this.#phases.size > mostRemembered && oldest !== undefined) this.#phases.delete(oldest);
  }

  /** An upload goes on where the registry stands, or begins anew. */
  #again({ task = commandTask, at, offsetBytes }: EventOf<"content-again">): undefined {
    const resumed = this.#open.get(task)?.resumed;
    if (resumed && offsetBytes > 0) {
      resumed.count++;
      resumed.offset = offsetBytes;
    }
    this.#note(task, at, offsetBytes > 0 ? "resumed" : "sent anew", { "waybill.offset": offsetBytes });
  }

  #note(task: string | undefined, at: number, name: string, attributes: Attributes): undefined {
    this.#open.get(task ?? commandTask)?.events.push({ name, at, attributes });
  }

  #end(event: Done): Span | undefined {
    const open = this.#open.get(event.id);
    if (!open || !this.#open.delete(event.id)) return undefined;
    const { task, startedAt, events, resumed } = open;
    return {
      name: nameOf(task),
      kind: "internal",
      startedAt,
      endedAt: Math.max(startedAt, event.at),
      attributes: known(taskFacts(task, event), resumeFacts(resumed)),
      events: firstOf(events, this.#mostEvents),
      links: [],
      ...this.#place(task.id, task.parent),
      ...(event.error && { error: event.error.message }),
    };
  }

  #attempt(event: AttemptEvent): Span {
    const phase = this.#phases.get(event.task ?? commandTask);
    const links = event.after === undefined ? [] : [spanIdOf(this.#identity, event.after)];
    return { links, ...this.#place(event.id, event.task), ...attemptSpan(event, phase) };
  }

  #place(id: string, parent: string | undefined): Pick<Span, "id" | "parentId"> {
    const above = id === commandTask ? this.#identity.parent?.spanId : spanIdOf(this.#identity, parent ?? commandTask);
    return { id: spanIdOf(this.#identity, id), ...(above !== undefined && { parentId: above }) };
  }
}

/** At most so many of them: the last place is for the number of those without one. */
function firstOf(events: readonly SpanEvent[], most: number): readonly SpanEvent[] {
  if (events.length <= most) return events;
  const others = events.slice(Math.max(0, most - 1));
  const attributes = { "waybill.count": others.length };
  const more = others.slice(0, 1).map(({ at }) => ({ name: "more", at, attributes }));
  return [...events.slice(0, -others.length), ...more].slice(0, most);
}

/** Few names, so that spans of one kind can be found by it; what tells them apart is in the attributes. */
function nameOf({ phase, part, name }: Task): string {
  if (phase === "command") return `waybill ${name ?? ""}`.trim();
  if (part === "tags") return phase === "tag" ? "write tags" : `${phase} tags`;
  return part === undefined ? phase : `${phase} ${part}`;
}

/** Nothing where all went in one piece. */
function resumeFacts({ count, offset }: OpenTask["resumed"]): Facts {
  return count === 0 ? {} : { "waybill.resumed": count, "waybill.resumed_at": offset };
}

function taskFacts(task: Task, end: Done): Facts {
  const { registry, repository } = placeOfTarget(task.target);
  const digest = task.digest ?? end.digest;
  const isManifest = task.part !== "blob" && digest !== undefined;
  return {
    "waybill.phase": task.phase,
    "waybill.registry": registry,
    "waybill.repository": repository,
    "waybill.target": task.target,
    "waybill.digest": digest,
    "oci.manifest.digest": isManifest ? digest : undefined,
    "waybill.media_type": task.mediaType,
    "waybill.size": task.sizeBytes,
    "waybill.tags": task.tags,
    "waybill.outcome": end.outcome,
    "error.type": end.error?.code,
  };
}
