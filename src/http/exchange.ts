import { isUint8Array } from "node:util/types";
import type { Clock } from "../async/clock.ts";
import { Controller, onAbort } from "../async/on-abort.ts";
import type { Sent } from "../errors.ts";
import { WaybillError } from "../errors.ts";
import { flowJudge, type DeadlineExpired, type Deadlines, type FlowJudge, type LookRegularly } from "./deadlines.ts";
import { Incoming } from "./incoming.ts";
import { Outgoing } from "./outgoing.ts";
import type { OutgoingStream } from "./outgoing.ts";
import type { AttemptOutcome } from "./outcome.ts";
import { errorOf } from "./outcome.ts";
import { Cancelled } from "./phase.ts";
import { RequestJudge, type BodiesUnderWay } from "./request-judge.ts";
import type { HttpHeaders, HttpRequest, HttpResponse, RequestBody } from "./send.ts";
import type { UnackedBytes } from "./unacked.ts";

/** What an attempt needs besides its request and its connection. */
export interface AttemptContext {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  /** What looks at an attempt's progress, shared by all. */
  readonly lookRegularly: LookRegularly;
  readonly bodies: BodiesUnderWay;
  readonly unacked: UnackedBytes;
  /** Counts an event that came after the attempt had ended. */
  readonly onLate: () => void;
}

/** One protocol's side of an exchange. */
export interface Wire {
  /** Ends the stream, and with it the connection where that cannot be used again; resolves when it is closed. */
  destroy(): Promise<void>;
  /** Request and answer are whole: the connection may serve others. */
  release(): void;
  /** Stops and continues what comes. */
  pause(): void;
  resume(): void;
  /** Not one byte has come in all the time that this exchange waited for one. */
  fellSilent?(): void;
  /** Bytes of the request that wait in the kernel; `undefined` where that is not known. */
  unacked?(): Promise<number | undefined>;
  sent(): Sent;
  /** True when nobody can have seen the request, so that it may be repeated at once. `consumed`: its body was begun. */
  isFree(consumed: boolean): boolean;
}

export interface ResponseHead {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly protocol: string;
}

/** How long the unread rest of an unwanted response may take before its connection is given up. */
const disposeMs = 500;

/**
 * One request and what becomes of it, settled once: whatever comes later is counted and dropped. Protocols report what they
 * see through `respond`, `receive`, `receivedAll`, `fail` and `closed`; deadlines and the caller's signal do the same.
 */
export class Exchange {
  readonly outcome: Promise<AttemptOutcome>;
  outgoing: Outgoing | undefined;
  readonly #request: HttpRequest;
  readonly #context: AttemptContext;
  readonly #wire: Wire;
  #controller: AbortController | undefined;
  readonly #sizeBytes: number;
  readonly #beganAt: number;
  // Made by the first look: most exchanges are over by then.
  #judgeSending: RequestJudge | undefined;
  #judgeReceiving: FlowJudge | undefined;
  readonly #stopLooking: () => void;
  readonly #stopWaiting: () => void;
  #resolve: (outcome: AttemptOutcome) => void = () => undefined;
  #state: "open" | "answered" | "over" = "open";
  #incoming: Incoming | undefined;

  constructor(request: HttpRequest, sizeBytes: number, wire: Wire, context: AttemptContext) {
    this.#request = request;
    this.#context = context;
    this.#wire = wire;
    this.outcome = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    this.#sizeBytes = sizeBytes;
    this.#beganAt = context.clock.now();
    this.#stopLooking = context.lookRegularly((now) => this.#look(now));
    this.#stopWaiting = onAbort(request.signal, () => this.#failWith(new Cancelled(), false));
  }

  /** Aborts when the attempt is over before its body was read to the end. */
  #bodySignal(): AbortSignal {
    this.#controller ??= new Controller();
    return this.#controller.signal;
  }

  /** Sends the request's body into `stream`; a body that fails ends the attempt with its own error. */
  sendBody(stream: OutgoingStream, sizeBytes: number): void {
    const { body, onProgress } = this.#request;
    this.outgoing = new Outgoing({ stream, sizeBytes, onProgress });
    if (isUint8Array(body)) this.outgoing.sendWhole([body]);
    else if (body?.pieces) this.outgoing.sendWhole(body.pieces);
    else if (body) void this.#pump(this.outgoing, body);
  }

  async #pump(outgoing: Outgoing, body: RequestBody): Promise<void> {
    try {
      await outgoing.pump(body.open(this.#bodySignal()));
    } catch (error) {
      this.#finishWith({ kind: "failed", error, free: false });
    }
  }

  /** The response's headers are here: it wins over everything that happens to the request from now on. */
  respond(head: ResponseHead): void {
    this.#request.marks?.add("first-byte");
    if (this.#state !== "open") return this.#context.onLate();
    this.#state = "answered";
    this.#judgeSending?.answered(this.#context.clock.now());
    this.#stopSending();
    if (head.status >= 200 && head.status < 300) this.outgoing?.succeeded();
    const early = this.outgoing !== undefined && !this.outgoing.complete;
    if (!early) this.outgoing?.report();
    const incoming = new Incoming({
      pause: () => this.#wire.pause(),
      resume: () => this.#wire.resume(),
      abandon: () => void this.#wire.destroy(),
      onEnd: (complete) => {
        if (complete) this.#request.marks?.add("last-byte");
        this.#end(complete && !early);
      },
      describe: (error) => errorOf(this.#request, error, "all"),
    });
    this.#incoming = incoming;
    const parts = { url: this.#request.url, body: incoming, isEarly: early, clock: this.#context.clock };
    this.#resolve({ kind: "response", response: new Answer(head, parts) });
  }

  /** A piece of the answer's body is here. */
  receive(chunk: Uint8Array): void {
    this.#incoming?.push(chunk);
  }

  /** The answer is here to its end. */
  receivedAll(): void {
    this.#incoming?.complete();
  }

  /** Something broke. Ends the attempt, or the body of its response. */
  fail(error: Error): void {
    this.#failWith(error, this.#wire.isFree(this.outgoing?.consumed ?? false));
  }

  #failWith(error: Error, free: boolean): void {
    if (this.#state === "over") return this.#context.onLate();
    if (this.#state === "answered") return this.#incoming?.fail(error);
    this.#finishWith({ kind: "failed", error: errorOf(this.#request, error, this.#wire.sent()), free });
  }

  /** Nothing more can come: a failure, unless the exchange is over. */
  closed(): void {
    if (this.#state === "over") return;
    const unanswered = this.#state === "open";
    const message = unanswered ? "the connection was closed without an answer" : "the body ended early";
    this.fail(Object.assign(new Error(message), { code: unanswered ? "" : "ECONNRESET" }));
  }

  #finishWith(outcome: AttemptOutcome): void {
    if (this.#state === "over") return this.#context.onLate();
    if (this.#state === "answered") return;
    this.#leave();
    this.#stopSending();
    void this.#wire.destroy().then(() => this.#resolve(outcome));
  }

  #end(reusable: boolean): void {
    this.#leave();
    this.#stopSending();
    if (reusable) this.#wire.release();
    else void this.#wire.destroy();
  }

  #leave(): void {
    this.#state = "over";
    this.#judgeSending?.end();
    this.#stopLooking();
    this.#stopWaiting();
  }

  #stopSending(): void {
    if (this.outgoing?.complete) return;
    this.outgoing?.stop();
    this.#controller?.abort(new WaybillError("cancelled", "Cannot go on reading the body: its request is over"));
  }

  #look(now: number): void {
    const expired = this.#judge(now);
    if (!expired) return;
    if (expired.which !== "rate") this.#wire.fellSilent?.();
    this.#failWith(expired, false);
  }

  #judge(now: number): DeadlineExpired | undefined {
    const { outgoing } = this;
    if (this.#incoming) {
      this.#judgeReceiving ??= flowJudge(now, this.#context.deadlines);
      return this.#judgeReceiving(now, { bytes: this.#incoming.received, waiting: this.#incoming.waiting });
    }
    outgoing?.report();
    this.#judgeSending ??= new RequestJudge(this.#request, {
      ...this.#context,
      sizeBytes: this.#sizeBytes,
      beganAt: this.#beganAt,
      unacked: async () => this.#wire.unacked?.(),
    });
    return this.#judgeSending.judge(now, outgoing);
  }
}

/** The answer as callers see it. */
class Answer implements HttpResponse {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly url: string;
  readonly body: Incoming;
  readonly protocol: string;
  readonly #clock: Clock;
  /** It came while the request was still being sent: its body is worth no waiting. */
  readonly #isEarly: boolean;

  constructor(head: ResponseHead, { url, body, isEarly, clock }: AnswerParts) {
    this.status = head.status;
    this.headers = head.headers;
    this.url = url;
    this.body = body;
    this.protocol = head.protocol;
    this.#clock = clock;
    this.#isEarly = isEarly;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isEarly) await this.body.return();
    else await this.body.dispose((callback) => this.#clock.after(disposeMs, callback));
  }
}

interface AnswerParts {
  readonly url: string;
  readonly body: Incoming;
  readonly isEarly: boolean;
  readonly clock: Clock;
}
