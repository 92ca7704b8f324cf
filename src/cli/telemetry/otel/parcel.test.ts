import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { expect, test } from "vitest";
import type { Span } from "../../../telemetry/derive/span.ts";
import { telemetrySettings } from "../../../telemetry/settings/settings.ts";
import { jsonPacking, protobufPacking, type Packing, type Parcel } from "./parcel.ts";
import { spanFactory } from "./spans.ts";

const toSdk = spanFactory({
  identity: { traceId: "0af7651916cd43dd8448eb211c80319c", run: "run" },
  resource: resourceFromAttributes({ "service.name": "waybill" }),
  limits: telemetrySettings({ OTEL_TRACES_EXPORTER: "otlp" }).settings!.limits,
  version: "1",
});

function span(at: number): Span {
  const id = String(at).padStart(16, "0");
  return {
    id,
    name: `"]},{ ${at}`,
    kind: "internal",
    startedAt: at,
    endedAt: at + 1,
    attributes: {},
    events: [],
    links: [],
  };
}

function parcels({ pack }: Packing): readonly Parcel[] {
  return [[1, 2], [3]].map((ids) => ({ count: ids.length, bytes: pack(ids.map((id) => toSdk(span(id)))) }));
}

test("jsonPacking joins parcels into one request with all spans, whatever they are called", () => {
  const joined = JSON.parse(Buffer.from(jsonPacking.join(parcels(jsonPacking))).toString());
  const each = [[1, 2], [3]].flatMap(
    (ids) =>
      JSON.parse(Buffer.from(JsonTraceSerializer.serializeRequest(ids.map((id) => toSdk(span(id))))!).toString())
        .resourceSpans,
  );
  expect(joined).toEqual({ resourceSpans: each });
  expect(each).toHaveLength(2);
});

/** Numbers and lengths of a message's fields, all of which have a length. */
function fieldsOf(message: Uint8Array): readonly (readonly [field: number, bytes: number])[] {
  const fields: [number, number][] = [];
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++]!;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.byteLength) {
    const tag = varint();
    expect(tag & 7).toBe(2);
    const bytes = varint();
    fields.push([tag >> 3, bytes]);
    at += bytes;
  }
  expect(at).toBe(message.byteLength);
  return fields;
}

test("protobufPacking joins parcels into one message, whose resources are those of all", () => {
  const packed = parcels(protobufPacking);
  const each = packed.flatMap(({ bytes }) => fieldsOf(bytes));
  expect(each.map(([field]) => field)).toEqual([1, 1]);
  expect(fieldsOf(protobufPacking.join(packed))).toEqual(each);
});
