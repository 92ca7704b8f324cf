import { JsonTraceSerializer, ProtobufTraceSerializer } from "@opentelemetry/otlp-transformer";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";

/** Some spans as they will be sent: a fraction of what they take as objects. */
export interface Parcel {
  /** How many there are. */
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** How spans are made into parcels, and parcels into what one request carries. */
export interface Packing {
  /** @throws where nothing can be made of them. */
  readonly pack: (spans: ReadableSpan[]) => Uint8Array;
  readonly join: (parcels: readonly Parcel[]) => Uint8Array;
}

/** Parcels whose bytes may follow each other as they are. */
export function inARow(parcels: readonly Parcel[]): Uint8Array {
  return Buffer.concat(parcels.map(({ bytes }) => bytes));
}

/** Messages of protobuf that follow each other are one message, with the lists of all. */
export const protobufPacking: Packing = {
  pack: (spans) => made(ProtobufTraceSerializer.serializeRequest(spans)),
  join: inARow,
};

const opening = Buffer.from('{"resourceSpans":[');
const closing = Buffer.from("]}");
const comma = Buffer.from(",");

/** A list's entries, without what is around them. */
export const jsonPacking: Packing = {
  pack(spans) {
    const bytes = Buffer.from(made(JsonTraceSerializer.serializeRequest(spans)));
    const end = bytes.byteLength - closing.byteLength;
    const isList = bytes.subarray(0, opening.byteLength).equals(opening) && bytes.subarray(end).equals(closing);
    if (!isList) throw new TypeError("Spans were not written as a list");
    return bytes.subarray(opening.byteLength, end);
  },
  join: (parcels) =>
    Buffer.concat([opening, ...parcels.flatMap(({ bytes }, at) => (at === 0 ? [bytes] : [comma, bytes])), closing]),
};

function made(bytes: Uint8Array | undefined): Uint8Array {
  if (!bytes) throw new TypeError("Nothing could be made of what was to be sent");
  return bytes;
}
