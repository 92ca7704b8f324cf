import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { remoteParent, spanIdOf, traceIdentity, traceParent } from "./trace-context.ts";

const traceId = "0af7651916cd43dd8448eb211c80319c";
const spanId = "b7ad6b7169203331";

describe("remoteParent", () => {
  test("reads the trace of a pipeline", () => {
    expect(remoteParent({ TRACEPARENT: `00-${traceId}-${spanId}-01`, TRACESTATE: "vendor=x" })).toEqual({
      traceId,
      spanId,
      sampled: true,
      state: "vendor=x",
    });
    expect(remoteParent({ TRACEPARENT: `00-${traceId}-${spanId}-02` })).toEqual({ traceId, spanId, sampled: false });
  });

  test("reads later versions as far as they are known", () => {
    expect(remoteParent({ TRACEPARENT: `cc-${traceId}-${spanId}-01-more` })).toMatchObject({ traceId });
  });

  test.each([
    "",
    "nothing",
    `ff-${traceId}-${spanId}-01`,
    `00-${traceId}-${spanId}-01-more`,
    `00-${"0".repeat(32)}-${spanId}-01`,
    `00-${traceId}-${"0".repeat(16)}-01`,
    `00-${traceId.toUpperCase()}-${spanId}-01`,
    `00-${traceId}-${spanId}`,
  ])("takes %j for none", (value) => expect(remoteParent({ TRACEPARENT: value })).toBeUndefined());

  test("leaves a state out that could not be a header", () => {
    const env = { TRACEPARENT: `00-${traceId}-${spanId}-01`, TRACESTATE: "a=b\r\nx: y" };
    expect(remoteParent(env)).not.toHaveProperty("state");
  });

  test("never throws", () => {
    fc.assert(fc.property(fc.string(), fc.string(), (a, b) => void remoteParent({ TRACEPARENT: a, TRACESTATE: b })));
  });
});

test("spanIdOf is the same for the same run and work, and another for others", () => {
  const [one, other] = [traceIdentity(), traceIdentity()];
  expect(spanIdOf(one, "stage a")).toBe(spanIdOf(one, "stage a"));
  const ids = [spanIdOf(one, "stage a"), spanIdOf(one, "stage b"), spanIdOf(other, "stage a")];
  expect(new Set(ids).size).toBe(3);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/);
});

test("traceIdentity is part of the parent's trace, with spans of its own", () => {
  const parent = { traceId, spanId, sampled: true };
  const [one, other] = [traceIdentity(parent), traceIdentity(parent)];
  expect([one.traceId, other.traceId]).toEqual([traceId, traceId]);
  expect(one.run).not.toBe(other.run);
  expect(traceIdentity().traceId).toMatch(/^[0-9a-f]{32}$/);
});

test("traceParent is what remoteParent reads", () => {
  expect(remoteParent({ TRACEPARENT: traceParent(traceId, spanId, true) })).toEqual({ traceId, spanId, sampled: true });
});
