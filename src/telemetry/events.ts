import type { AttemptEvent } from "./attempt.ts";
import type { TaskEvent, TaskFailure } from "./task.ts";

/**
 * How far the work towards one target is: content on its way, asked for, complete and held at the barrier until other
 * targets are, names being written, read back, put back.
 */
export type Phase = "stage" | "verify" | "barrier" | "tag" | "confirm" | "rollback";

/**
 * News: what happens during a run, as plain data. The screen, JSON lines and traces read the same events.
 * Strings may come from outside and are escaped where they are shown; no event ever holds a secret or a query string.
 */
export type WaybillEvent =
  /**
   * A named piece of work towards one target (or the sources) began: one row on the screen. `planned`: the blobs that are to
   * be there at its end, all of them, and their bytes; which of them must be sent is not known yet.
   */
  | {
      readonly type: "work-started";
      readonly id: string;
      readonly name: string;
      readonly target?: string;
      readonly planned?: { readonly blobs: number; readonly bytes: number };
      readonly at: number;
    }
  /**
   * The work towards `target` has come to `phase`. `waitingFor`: how many other targets the barrier still waits for; of many, told
   * again when they are half as many.
   */
  | {
      readonly type: "phase";
      readonly target: string;
      readonly phase: Phase;
      readonly waitingFor?: number;
      readonly at: number;
    }
  | { readonly type: "work-log"; readonly id: string; readonly message: string; readonly at: number }
  /**
   * The code of `error` is `cancelled` where nothing is wrong with this work, but with another or with the whole run. `reason`: what
   * was seen, without the step that failed.
   */
  | {
      readonly type: "work-done";
      readonly id: string;
      readonly at: number;
      readonly error?: TaskFailure;
      readonly reason?: string;
    }
  /** A piece of content begins to go to a target. `sizeBytes` is the whole. */
  | {
      readonly type: "content-started";
      readonly id: string;
      readonly digest: string;
      readonly mediaType: string;
      readonly sizeBytes: number;
      readonly target: string;
      readonly at: number;
    }
  /** `bytes` more were acknowledged by the socket towards `target`. */
  | { readonly type: "content-progress"; readonly id: string; readonly bytes: number; readonly at: number }
  /** An attempt to send it failed, now or in an earlier run: it goes on at `offsetBytes`, or begins anew where that is 0. */
  | {
      readonly type: "content-again";
      readonly id: string;
      readonly offsetBytes: number;
      readonly at: number;
      readonly task?: string;
    }
  /** It is over. Nothing need have begun: it is there because a manifest that needs it is. */
  | {
      readonly type: "content-done";
      readonly id: string;
      readonly digest: string;
      readonly target: string;
      readonly outcome: "existed" | "mounted" | "sent" | "failed";
      readonly sizeBytes: number;
      readonly at: number;
      readonly error?: TaskFailure;
    }
  | {
      readonly type: "tag-done";
      readonly target: string;
      readonly tag: string;
      readonly digest: string;
      readonly state: "created" | "moved";
      readonly at: number;
    }
  | AttemptEvent
  | TaskEvent
  | {
      readonly type: "retry";
      readonly method: string;
      readonly url: string;
      /** `host[:port]` as users write it, where the request is for a registry. */
      readonly registry?: string;
      /** The target that the request is for; where it is absent `url` tells. */
      readonly target?: string;
      /** The tags that the request writes, where it writes any. */
      readonly tags?: readonly string[];
      /** The task that the request was sent for. */
      readonly task?: string;
      readonly attempt: number;
      readonly delayMs: number;
      readonly why: string;
      /** `why` in one word: a status, or an error's code. */
      readonly cause?: string;
      readonly at: number;
    }
  /** How many more manifests a registry lets this account read, told once for each registry that counts. */
  | {
      readonly type: "pull-quota";
      readonly registry: string;
      readonly remaining: number;
      readonly limit?: number;
      readonly windowSeconds?: number;
      readonly at: number;
    }
  /**
   * What we allow ourselves towards one origin, before the first request and whenever it has changed. `registry` is who it is
   * asked for, as users write it; `origin` may be its token service or its storage.
   */
  | {
      readonly type: "load";
      readonly registry: string;
      readonly origin: string;
      /** Most requests at the same time. */
      readonly concurrency: number;
      /** Most requests in a second; absent for as many as come. */
      readonly perSecond?: number;
      /** All of them wait for so long; absent when they go. */
      readonly waitMs?: number;
      /** What made us wait: `HTTP 429`, or a sentence. */
      readonly why?: string;
      readonly at: number;
    }
  /**
   * Something worth a line that is not an error: a registry's `Warning` header, a mode that was switched. Told once.
   * `isUrgent`: also to whoever wants no news, because a safety that they count on, or off, is not so, or a
   * file or a platform that they asked for is not there.
   */
  | {
      readonly type: "warning";
      readonly message: string;
      readonly source?: string;
      readonly isUrgent?: true;
      readonly at: number;
    }
  /** Something that was seen is missing from what is told: `what` came too late, too often, or to a listener that failed. */
  | { readonly type: "telemetry-drop"; readonly what: string; readonly count: number; readonly at: number }
  /** A detail for `--debug`, such as where a credential came from. */
  | { readonly type: "debug"; readonly message: string; readonly at: number };

/** News of one type, or of several. */
export type EventOf<Type extends WaybillEvent["type"]> = WaybillEvent & { readonly type: Type };

/** News of one blob on its way to one target. */
export type ContentEvent = EventOf<"content-started" | "content-progress" | "content-again" | "content-done">;

/** Takes news. Must not throw and must not wait; whoever calls it does not wait for what it gives. */
export type Report = (event: WaybillEvent) => void;

/** Hears everything, says nothing. */
export const silent: Report = () => undefined;

/**
 * `report`, unable to fail what it hears of: what it throws is dropped, also where it gives a promise of that, and how often it
 * has is news as soon as it listens again. Where a composition begins, once.
 */
export function guarded(report: Report): Report {
  let lost = 0;
  // Whoever listens has a bug; the run has none.
  const lose = () => void lost++;
  const tell = (event: WaybillEvent) => {
    const heard: unknown = report(event);
    if (heard instanceof Promise) heard.catch(lose);
  };
  return (event) => {
    try {
      tell(event);
      if (lost > 0)
        tell({ type: "telemetry-drop", what: "event that a listener failed at", count: lost, at: timeOf(event) });
      lost = 0;
    } catch {
      lose();
    }
  };
}

/** When it was told. */
function timeOf(event: WaybillEvent): number {
  return event.type === "http" ? event.startedAt + event.durationMs : event.at;
}
