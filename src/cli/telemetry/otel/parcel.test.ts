import { JsonTraceSerializer } from "@opentelemetry/otlp-transformer";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { expect, test } from "vitest";
import type { Span } from "../../../telemetry/derive/span.ts";
import { jsonPacking, protobufPacking, type Packing, type Parcel } from "./parcel.ts";
import { spanFactory } from "./spans.ts";

const toSdk = spanFactory({
  identity: { traceId: "0af7651916cd43dd8448eb211c80319c", run: "run" },
  resource: resourceFromAttributes({ "service.name": "waybill" }),
  limits: {
    attributeCount: 128,
    eventCount: 128,
    linkCount: 128,
    attributePerEventCount: 128,
    attributePerLinkCount: 128,
  },
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

test("protobufPacking joins parcels into one message", () => {
  const [first, second] = parcels(protobufPacking);
  const joined = Buffer.from(protobufPacking.join([first!, second!]));
  expect(joined).toEqual(Buffer.concat([first!.bytes, second!.bytes]));
  // Field 1 of the request, length-delimited: a list of resources' spans.
  expect([first!.bytes[0], second!.bytes[0]]).toEqual([0x0a, 0x0a]);
});
