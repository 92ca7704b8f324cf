/** One line of a log, without colours and without what ends it. */
export interface Line {
  /** From 1. */
  readonly number: number;
  readonly text: string;
}

/** What was read of a log. */
export interface Reading {
  readonly bytes: number;
  readonly lines: number;
  /** False where the log went on beyond `maxBytes`. */
  readonly isWhole: boolean;
  /** Lines whose ends were not looked at. */
  readonly cutLines: number;
}

export interface ReadingLimits {
  /** Default 64 MiB. */
  readonly maxBytes?: number;
  /** Characters of a line that are looked at; default 64 Ki. */
  readonly maxLineLength?: number;
}

/**
 * Shows each line of `log` to `see`. Holds one line at most, whatever comes. Reads UTF-8, and UTF-16 where a byte order mark
 * says so, as PowerShell writes it.
 *
 * @throws whatever `log` throws.
 */
export async function readLines(
  log: AsyncIterable<Uint8Array | string>,
  see: (line: Line) => void,
  limits: ReadingLimits = {},
): Promise<Reading> {
  const { maxBytes = 64 * 1024 * 1024, maxLineLength = 64 * 1024 } = limits;
  const splitter = createSplitter(see, maxLineLength);
  const decode = createDecoder();
  let bytes = 0;
  for await (const chunk of log) {
    const all = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    const part = all.subarray(0, maxBytes - bytes);
    bytes += part.byteLength;
    splitter.take(decode(part));
    if (part.byteLength < all.byteLength) return { bytes, isWhole: false, ...splitter.end() };
  }
  splitter.take(decode(undefined));
  return { bytes, isWhole: true, ...splitter.end() };
}

/** Decodes pieces in order; `undefined` is the end. Waits for the two bytes that tell the encoding. */
function createDecoder(): (part: Uint8Array | undefined) => string {
  let decoder: InstanceType<typeof TextDecoder> | undefined;
  let head: Uint8Array = new Uint8Array();
  return (part) => {
    if (decoder) return decoder.decode(part, { stream: part !== undefined });
    head = Buffer.concat([head, part ?? new Uint8Array()]);
    if (part !== undefined && head.byteLength < 2) return "";
    decoder = new TextDecoder(encodingOf(head));
    return decoder.decode(head, { stream: part !== undefined });
  };
}

function encodingOf([first, second]: Uint8Array): string {
  if (first === 0xff && second === 0xfe) return "utf-16le";
  return first === 0xfe && second === 0xff ? "utf-16be" : "utf-8";
}

interface Splitter {
  take(text: string): void;
  end(): Pick<Reading, "lines" | "cutLines">;
}

function createSplitter(see: (line: Line) => void, maxLength: number): Splitter {
  let number = 0;
  let cutLines = 0;
  let held = "";
  let isCut = false;

  function hold(text: string): void {
    const room = maxLength - held.length;
    isCut ||= text.length > room;
    held += text.slice(0, room);
  }

  function finish(): void {
    number += 1;
    if (isCut) cutLines += 1;
    see({ number, text: plain(held) });
    held = "";
    isCut = false;
  }

  return {
    take(text) {
      const parts = text.split("\n");
      hold(parts[0] ?? "");
      for (const part of parts.slice(1)) {
        finish();
        hold(part);
      }
    },
    end() {
      if (held !== "") finish();
      return { lines: number, cutLines };
    },
  };
}

// Colours and cursor movements of a terminal (ECMA-48, CSI): they may stand in the middle of a sentence.
const controlSequences = new RegExp(String.raw`\u001b\[[0-9;:?]*[ -/]*[@-~]`, "g");

function plain(text: string): string {
  const line = text.endsWith("\r") ? text.slice(0, -1) : text;
  return line.includes("\u001b") ? line.replace(controlSequences, "") : line;
}
