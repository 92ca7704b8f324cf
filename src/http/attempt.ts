import { isUint8Array } from "node:util/types";
import type { Sent } from "../errors.ts";
import type { AnswerHead } from "./answer-head.ts";
import { AnswerParser, type AnswerSink } from "./answer-parser.ts";
import { destroyed, idleHintMs, reset, type Connection, type ConnectionUser } from "./connection.ts";
import type { AttemptContext, Wire } from "./exchange.ts";
import { Exchange } from "./exchange.ts";
import type { OutgoingStream } from "./outgoing.ts";
import { cancelledError, transportError, type AttemptOutcome } from "./outcome.ts";
import { textOf, type RequestHead } from "./request-head.ts";
import type { HttpRequest } from "./send.ts";

/**
 * Sends `request` once over `connection`. Never rejects; the connection goes back to its pool when it is cleanly reusable
 * after the response's body, and is closed before any other outcome is told.
 *
 * Takes one look at a used connection before a body is sent: a close that has already arrived is noticed while
 * the request can still be repeated for nothing.
 */
export async function attempt(
  request: HttpRequest,
  head: RequestHead,
  connection: Connection,
  context: AttemptContext,
): Promise<AttemptOutcome> {
  const { socket } = connection;
  if (connection.reused && request.body !== undefined) await new Promise((resolve) => setImmediate(resolve));
  if (!connection.isOpen) {
    await destroyed(socket);
    const error = transportError(request, new Error("the connection was closed"), "nothing");
    return { kind: "failed", error, free: connection.reused };
  }
  if (request.signal?.aborted) {
    await destroyed(socket);
    return { kind: "failed", error: cancelledError(request, "nothing"), free: false };
  }
  const use = new ConnectionUse(request, head, connection, context);
  return use.begin();
}

/** One request's use of a connection: writes it, reads its answer, and tells its exchange of both. */
class ConnectionUse implements ConnectionUser, AnswerSink, OutgoingStream, Wire {
  readonly #request: HttpRequest;
  readonly #connection: Connection;
  readonly #isReused: boolean;
  readonly #sizeBytes: number;
  readonly #context: AttemptContext;
  readonly #parser: AnswerParser;
  #exchange: Exchange | undefined;
  /** Until it is written, with the first bytes of the body. */
  #head: string | undefined;
  #isEnded = false;
  #hasAnswer = false;
  #isFitForMore = false;

  constructor(request: HttpRequest, head: RequestHead, connection: Connection, context: AttemptContext) {
    this.#request = request;
    this.#context = context;
    this.#connection = connection;
    this.#isReused = connection.reused;
    this.#sizeBytes = Number(head.headers["content-length"] ?? 0);
    this.#parser = new AnswerParser(request.method, this);
    this.#head = textOf(request.method, head);
  }

  begin(): Promise<AttemptOutcome> {
    const exchange = new Exchange(this.#request, this.#sizeBytes, this, this.#context);
    this.#exchange = exchange;
    this.#connection.use(this);
    if (this.#sizeBytes > 0) exchange.sendBody(this, this.#sizeBytes);
    else this.end();
    return exchange.outcome;
  }

  get writableLength(): number {
    return this.#connection.socket.writableLength;
  }

  cork(): void {
    this.#connection.socket.cork();
  }

  uncork(): void {
    this.#connection.socket.uncork();
  }

  write(chunk: Uint8Array): boolean {
    const { socket } = this.#connection;
    if (this.#head === undefined) return socket.write(chunk);
    socket.cork();
    this.#writeHead();
    const hasRoom = socket.write(chunk);
    socket.uncork();
    return hasRoom;
  }

  end(): void {
    this.#writeHead();
    this.#isEnded = true;
    if (this.#sizeBytes > 0 && !this.#connection.socket.writableNeedDrain) this.#request.marks?.add("body-sent");
  }

  #writeHead(): void {
    if (this.#head === undefined) return;
    this.#connection.socket.write(this.#head, "latin1");
    this.#request.marks?.add("headers-sent");
    this.#head = undefined;
  }

  take(chunk: Buffer): void {
    this.#hasAnswer = true;
    try {
      this.#parser.take(chunk);
    } catch (error) {
      this.#exchange?.fail(error as Error);
    }
  }

  answered({ status, headers, version, keepsAlive }: AnswerHead): void {
    const connection = this.#connection;
    connection.idleMs = idleHintMs(headers.get("keep-alive")) ?? connection.idleMs;
    this.#isFitForMore = keepsAlive;
    this.#exchange?.respond({ status, headers, protocol: `http/${version}` });
  }

  received(chunk: Uint8Array): void {
    this.#exchange?.receive(chunk);
  }

  receivedAll(isExact: boolean): void {
    this.#isFitForMore &&= isExact;
    this.#exchange?.receivedAll();
  }

  informed(status: number): void {
    if (status === 100) this.#request.marks?.add("continue");
  }

  drained(): void {
    if (this.#isEnded) this.#request.marks?.add("body-sent");
    this.#exchange?.outgoing?.drained();
  }

  ended(): void {
    if (!this.#parser.finish()) this.#exchange?.closed();
  }

  failed(error: Error): void {
    this.#exchange?.fail(error);
  }

  closed(): void {
    this.#exchange?.closed();
  }

  pause(): void {
    this.#connection.socket.pause();
  }

  resume(): void {
    this.#connection.socket.resume();
  }

  release(): void {
    const isSent = this.#exchange?.outgoing?.arrived === true || this.writableLength === 0;
    this.#connection.release(this.#isFitForMore && isSent);
  }

  destroy(): Promise<void> {
    const isGivenUp = this.#sizeBytes > 0 && !this.#hasAnswer;
    return isGivenUp ? reset(this.#connection) : destroyed(this.#connection.socket);
  }

  unacked(): Promise<number | undefined> {
    return this.#context.unacked(this.#connection.tcp);
  }

  sent(): Sent {
    if (this.#head !== undefined) return "nothing";
    return this.#isEnded && this.writableLength === 0 ? "all" : "some";
  }

  isFree(consumed: boolean): boolean {
    const { body, operation } = this.#request;
    // Of an upload the registry may hold a part, to which the same bytes sent again would be added. And that a tag may have been
    // written is not forgotten: whoever repeats it must know.
    const isSafe = !consumed || (isUint8Array(body) && operation !== "upload-body" && operation !== "tag");
    return this.#isReused && !this.#hasAnswer && isSafe;
  }
}
