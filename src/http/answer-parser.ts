import { MalformedAnswer, parseHead, type AnswerHead, type Framing } from "./answer-head.ts";
import { TextCollector, type Wanted } from "./text-collector.ts";

/** Who is told what an answer holds, in this order: one head, any number of pieces of the body, one end. */
export interface AnswerSink {
  /** An informational answer (1xx) came before the one that counts. */
  informed?(status: number): void;
  answered(head: AnswerHead): void;
  /** A view of the bytes that came; nobody else uses them. */
  received(chunk: Uint8Array): void;
  /** Nothing that comes later belongs to this answer; `isExact` is false where more has come already. */
  receivedAll(isExact: boolean): void;
}

/** Status line and headers together, and trailers together. */
const maxHeadBytes = 16 * 1024;
/** The line before each chunk: its length, and extensions that nobody reads. */
const maxChunkLineBytes = 1024;
const endOfHead = Buffer.from("\r\n\r\n");
const carriageReturn = 0x0d;
const endOfLine = Buffer.from("\r\n");
const token = "[!#$%&'*+.^_`|~\\w-]+";
const chunkLine = new RegExp(`^([0-9a-f]{1,13})(?:;${token}(?:=${token})?)*$`, "i");
const trailer = new RegExp(`^${token}:[\\t\\x20-\\x7e\\x80-\\xff]*$`);

type TextState = "head" | "chunk line" | "chunk end" | "trailers";
type State = TextState | "by length" | "by close" | "chunk" | "over";

/** Reads one answer from the pieces in which it comes, in time and memory that are linear in them. */
export class AnswerParser {
  readonly #method: string;
  readonly #sink: AnswerSink;
  readonly #text = new TextCollector();
  #state: State = "head";
  /** Bytes of the body, or of its present chunk, that are still to come. */
  #left = 0;
  #trailerBytes = 0;
  /** Of the piece before, where the head came in several. */
  #lastByte: number | undefined;

  constructor(method: string, sink: AnswerSink) {
    this.#method = method;
    this.#sink = sink;
  }

  /** Reads on. @throws MalformedAnswer, after which nothing may follow. */
  take(chunk: Buffer): void {
    for (let at = 0; at < chunk.byteLength && this.#state !== "over";) {
      at = isText(this.#state) ? this.#readText(this.#state, chunk, at) : this.#passOn(chunk, at);
    }
  }

  /** The connection has ended: true where that is, or was already, the end of a whole answer. */
  finish(): boolean {
    if (this.#state === "by close") this.#end(true);
    return this.#state === "over";
  }

  #passOn(chunk: Buffer, at: number): number {
    const available = chunk.byteLength - at;
    const taken = this.#state === "by close" ? available : Math.min(this.#left, available);
    const end = at + taken;
    this.#sink.received(at === 0 && taken === available ? chunk : chunk.subarray(at, end));
    if (this.#state === "by close") return end;
    this.#left -= taken;
    if (this.#left > 0) return end;
    if (this.#state === "chunk") this.#state = "chunk end";
    else this.#end(end === chunk.byteLength);
    return end;
  }

  #readText(state: TextState, chunk: Buffer, at: number): number {
    const collected = this.#collect(state, chunk, at);
    if (collected === undefined) return chunk.byteLength;
    const { text, end } = collected;
    const isLast = end === chunk.byteLength;
    if (state === "head") this.#readHead(text, isLast);
    else if (state === "chunk line") this.#readChunkLine(text);
    else if (state === "trailers") this.#readTrailer(text, isLast);
    else this.#state = "chunk line";
    return end;
  }

  #collect(state: TextState, chunk: Buffer, at: number) {
    try {
      const collected = this.#text.take(chunk, at, this.#wanted(state));
      if (collected === undefined && state === "head") this.#requireHttpLines(chunk, at);
      return collected;
    } catch (error) {
      throw error instanceof RangeError ? tooLong(state) : error;
    }
  }

  /** Servers that speak otherwise have said all, and wait: nothing is gained by waiting as well. */
  #requireHttpLines(chunk: Buffer, at: number): void {
    requireHttp(this.#text.start(beginning.length));
    for (let end = chunk.indexOf("\n", at); end >= 0; end = chunk.indexOf("\n", end + 1)) {
      const before = end > at ? chunk[end - 1] : this.#lastByte;
      // What there is of the head cannot become a right one any more: its reader says why.
      if (before !== carriageReturn) parseHead(this.#text.start(maxHeadBytes), this.#method);
    }
    this.#lastByte = chunk.at(-1);
  }

  #wanted(state: TextState): Wanted {
    if (state === "head") return { marker: endOfHead, maxBytes: maxHeadBytes };
    if (state === "trailers") return { marker: endOfLine, maxBytes: maxHeadBytes - this.#trailerBytes };
    return { marker: endOfLine, maxBytes: state === "chunk line" ? maxChunkLineBytes : 0 };
  }

  #readHead(text: string, isLast: boolean): void {
    const head = parseHead(text, this.#method);
    if (head.status === 101) throw new MalformedAnswer("MALFORMED_ANSWER", "its answer switches protocols unasked");
    // More answers follow an informational one. How many is for the deadline to say.
    if (head.status < 200) return this.#sink.informed?.(head.status);
    this.#begin(head.framing);
    this.#sink.answered(head);
    if (this.#state === "by length" && this.#left === 0) this.#end(isLast);
  }

  #begin(framing: Framing): void {
    if (framing.by === "length") {
      this.#state = "by length";
      this.#left = framing.bytes;
    } else this.#state = framing.by === "close" ? "by close" : "chunk line";
  }

  #readChunkLine(text: string): void {
    const [, digits] = chunkLine.exec(text) ?? [];
    if (digits === undefined) throw malformedChunk();
    this.#left = Number.parseInt(digits, 16);
    this.#state = this.#left > 0 ? "chunk" : "trailers";
  }

  /** Trailers are read past: nothing of ours needs them, and headers are known by then. */
  #readTrailer(text: string, isLast: boolean): void {
    if (text === "") return this.#end(isLast);
    if (!trailer.test(text)) throw malformedChunk();
    this.#trailerBytes += text.length + endOfLine.byteLength;
    if (this.#trailerBytes > maxHeadBytes) throw tooLong("trailers");
  }

  #end(isExact: boolean): void {
    this.#state = "over";
    this.#sink.receivedAll(isExact);
  }
}

function isText(state: State): state is TextState {
  return state === "head" || state === "chunk line" || state === "chunk end" || state === "trailers";
}

const beginning = "HTTP/1.";

function requireHttp(start: string): void {
  if (!beginning.startsWith(start)) throw new MalformedAnswer("NOT_HTTP", "its answer does not begin as HTTP/1.1 does");
}

function tooLong(state: State): MalformedAnswer {
  if (state === "head" || state === "trailers")
    return new MalformedAnswer("HEADERS_TOO_LONG", `its headers are longer than ${maxHeadBytes} bytes`);
  return malformedChunk();
}

function malformedChunk(): MalformedAnswer {
  return new MalformedAnswer("MALFORMED_ANSWER", "its answer has a chunk that is none");
}
