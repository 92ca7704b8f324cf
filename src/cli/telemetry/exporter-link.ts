import { wallTime, type Clock } from "../../async/clock.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { healthy, Problems, type TelemetryHealth } from "../../telemetry/health.ts";
import type { FromExporter, ToExporter } from "./protocol.ts";

/** The thread that exports, from outside. */
export interface ExporterThread {
  post(message: ToExporter): void;
  /** Ends it, whatever it is doing. */
  stop(): void;
}

export interface ThreadEvents {
  readonly onMessage: (message: FromExporter) => void;
  /** It is gone, or was never there. */
  readonly onFailure: (what: string) => void;
}

export interface LinkOptions {
  readonly clock: Clock;
  readonly start: (events: ThreadEvents) => ExporterThread;
  /** A line of the console exporter. */
  readonly onLine: (text: string) => void;
  /** What the SDK tells of itself. */
  readonly onDetail: (text: string) => void;
  /** How long news may wait before the thread is started for it, in milliseconds. */
  readonly delayMs: number;
  /** Most news that is held; default 8,192. */
  readonly capacity?: number;
  /** Whether spans are wanted, so that they are missed where they do not arrive; default true. */
  readonly hasSpans?: boolean;
}

/** Small enough that a batch is forgotten before the memory of its youth is cleared. */
const batchSize = 64;
/** Batches that the thread may have without having said that it has taken them: what is held for it stays bounded. */
const mostUntaken = 8;
const pumpMs = 250;
/** What is left of the time at the end for the thread to say how it fared. */
const answerMs = 150;

/**
 * Hands news to the exporting thread. The thread is started late: when there is much news, or the run takes long, or at its end,
 * so that a short run pays for it after its result is known. Holds a bounded amount; the oldest goes first.
 */
export class ExporterLink {
  readonly #options: LinkOptions;
  readonly #capacity: number;
  readonly #problems = new Problems();
  readonly #waiting: WaybillEvent[] = [];
  /** News that brings a span to its end: all there was, and what was dropped before it came to the thread. */
  #spans = 0;
  #dropped = 0;
  #isAnswered = false;
  #untaken = 0;
  #thread: ExporterThread | undefined;
  #isGone = false;
  #cancelTimer: (() => void) | undefined;
  #reported: TelemetryHealth = healthy;
  #onDone: () => void = () => undefined;
  /** When the thread has to be done, once there will be no more news. */
  #finishBy: number | undefined;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#capacity = options.capacity ?? 8192;
  }

  add(event: WaybillEvent): void {
    if (endsSpan(event)) this.#spans++;
    if (this.#isGone) return this.#drop([event]);
    if (this.#waiting.length === this.#capacity) this.#drop(this.#waiting.splice(0, 1));
    this.#waiting.push(event);
    const isMuch = this.#waiting.length >= (this.#thread ? batchSize : this.#capacity / 2);
    if (isMuch) this.#pump();
    else
      this.#cancelTimer ??= this.#options.clock.after(this.#thread ? pumpMs : this.#options.delayMs, () =>
        this.#pump(),
      );
  }

  get health(): TelemetryHealth {
    const { spansSent, spansDropped, problems } = this.#reported;
    const { hasSpans = true } = this.#options;
    // What a thread has that is gone without an answer is as lost as what never came to it.
    const dropped = this.#isGone && !this.#isAnswered ? this.#spans - spansSent : spansDropped + this.#dropped;
    return {
      ...this.#reported,
      spansDropped: hasSpans ? dropped : 0,
      problems: [...this.#problems.list, ...problems],
    };
  }

  /**
   * Has everything sent that is left, for at most `withinMs`; for no time at all when the last thing that was sent did not
   * arrive.
   */
  async finish(withinMs: number): Promise<TelemetryHealth> {
    this.#cancelTimer?.();
    if (!this.#isGone && !this.#reported.lastFailed) await this.#finishWithin(withinMs);
    this.#drop(this.#waiting.splice(0));
    this.#thread?.stop();
    this.#isGone = true;
    return this.health;
  }

  #finishWithin(withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(withinMs, () => {
        this.#problems.add(`not all could be sent within ${withinMs / 1000} s`);
        resolve();
      });
      this.#onDone = () => {
        cancel();
        resolve();
      };
      this.#pump();
      // The thread has a clock of its own; the date is the same for both.
      const now = wallTime(this.#options.clock);
      // What is left of the time is for what was taken in last, and for measurements, which are complete then.
      this.#thread?.post({ type: "hurry", until: now + withinMs / 2 });
      // The thread has its answer ready in time, also where it has to give up.
      this.#finishBy = now + withinMs - Math.min(answerMs, withinMs / 5);
      this.#pump();
    });
  }

  #pump(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#isGone) return;
    this.#thread ??= this.#start();
    while (!this.#isGone && this.#waiting.length > 0 && this.#untaken < mostUntaken) {
      this.#untaken++;
      this.#thread?.post({ type: "news", events: this.#waiting.splice(0, batchSize) });
    }
    if (this.#finishBy === undefined || this.#waiting.length > 0) return;
    this.#thread?.post({ type: "finish", until: this.#finishBy, lost: this.#dropped });
    this.#finishBy = undefined;
  }

  #start(): ExporterThread | undefined {
    const onMessage = (message: FromExporter) => this.#hear(message);
    const onFailure = (what: string) => this.#lose(what);
    try {
      return this.#options.start({ onMessage, onFailure });
    } catch (error) {
      this.#lose(`its thread cannot be started: ${String(error)}`);
      return undefined;
    }
  }

  #lose(what: string): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#problems.add(what);
    this.#onDone();
  }

  #hear(message: FromExporter): void {
    if (this.#isGone) return;
    switch (message.type) {
      case "taken":
        this.#untaken--;
        if (this.#waiting.length >= batchSize || this.#finishBy !== undefined) this.#pump();
        return;
      case "line":
        return this.#options.onLine(message.text);
      case "detail":
        return this.#options.onDetail(message.text);
      default:
        this.#reported = message.health;
        if (message.type !== "done") return;
        this.#isAnswered = true;
        this.#onDone();
    }
  }

  #drop(events: readonly WaybillEvent[]): void {
    this.#dropped += events.filter(endsSpan).length;
  }
}

function endsSpan({ type }: WaybillEvent): boolean {
  return type === "http" || type === "task-done";
}
