import * as fc from "fast-check";
import type { Phase, WaybillEvent } from "../../src/telemetry/events.ts";

const mediaType = "application/vnd.oci.image.layer.v1.tar+gzip";
const small = `sha256:${"a".repeat(64)}`;
const large = `sha256:${"b".repeat(64)}`;
const root = `sha256:${"c".repeat(64)}`;
const one = "one.example/app";
const two = "two.example/app";

/** A run towards two targets, the second of which fails: what each renderer is tried with. */
export const script: readonly WaybillEvent[] = [
  { type: "work-started", id: "a", name: `pushing ${one}`, target: one, planned: { blobs: 1, bytes: 500 }, at: 1000 },
  { type: "work-log", id: "a", message: `copying ${small} from ${one} to ${one}`, at: 1000 },
  { type: "work-started", id: "b", name: `pushing ${two}`, target: two, at: 1100 },
  { type: "phase", target: one, phase: "stage", at: 1100 },
  { type: "phase", target: two, phase: "stage", at: 1100 },
  { type: "content-started", id: "1", digest: small, mediaType, sizeBytes: 500, target: one, at: 1200 },
  { type: "content-done", id: "1", digest: small, target: one, outcome: "mounted", sizeBytes: 500, at: 1300 },
  { type: "phase", target: one, phase: "barrier", waitingFor: 1, at: 1300 },
  { type: "content-started", id: "2", digest: large, mediaType, sizeBytes: 4_000_000, target: two, at: 1300 },
  { type: "content-progress", id: "2", bytes: 1_000_000, at: 1400 },
  {
    type: "retry",
    method: "PATCH",
    url: "https://two.example/v2/app/blobs/uploads/1",
    registry: "two.example",
    attempt: 2,
    delayMs: 1200,
    why: "503",
    at: 1500,
  },
  { type: "content-again", id: "2", offsetBytes: 800_000, at: 2700 },
  { type: "content-progress", id: "2", bytes: 3_200_000, at: 7000 },
  { type: "content-done", id: "2", digest: large, target: two, outcome: "sent", sizeBytes: 4_000_000, at: 7100 },
  { type: "warning", message: "this repository is \u001b[31mold", source: "two.example", at: 7100 },
  { type: "phase", target: one, phase: "tag", at: 7150 },
  { type: "tag-done", target: one, tag: "1.0", digest: root, state: "created", at: 7200 },
  { type: "work-done", id: "a", at: 7200 },
  { type: "work-done", id: "b", at: 12_000, error: { code: "auth_denied", message: "Cannot push manifest: denied" } },
];

const foreign = fc.oneof(
  fc.string({ maxLength: 40 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.constantFrom("\u001b[2J\u001b[31mgone", "a\nb\r\nc", "\u202egnp.exe", "層層層層層層層層", "x".repeat(300)),
);
const targets = fc.constantFrom(one, two, "two.example/other", "oci-layout://./folder", "日本.example/アプリ", "");
const ids = fc.constantFrom("1", "2", "3", "4", "5", "6");
const bytes = fc.oneof(fc.nat(2000), fc.nat(5_000_000_000));
const phases = fc.constantFrom<Phase>("stage", "verify", "barrier", "tag", "confirm", "rollback");

/** Events in any order, also such as no run gives: what comes late, twice, of nobody, or from somebody who means harm. */
export const anyEvents: fc.Arbitrary<readonly WaybillEvent[]> = fc
  .array(fc.tuple(fc.nat(500), anyEvent()), { maxLength: 60, size: "max" })
  .map((steps) => {
    let at = 1000;
    return steps.map(([after, event]) => ({ ...event, at: (at += after), startedAt: at }) as unknown as WaybillEvent);
  });

function anyEvent(): fc.Arbitrary<object> {
  const planned = fc.option(fc.record({ blobs: fc.nat(300), bytes }), { nil: undefined });
  const digest = fc.oneof(fc.constantFrom(small, large), foreign);
  const outcome = fc.constantFrom("existed", "mounted", "sent", "failed");
  const error = fc.option(fc.record({ code: fc.constantFrom("cancelled", "unavailable"), message: foreign }), {
    nil: undefined,
  });
  return fc.oneof(
    fc.record({ type: fc.constant("work-started"), id: targets, name: foreign, target: targets, planned }),
    fc.record({ type: fc.constant("work-log"), id: targets, message: foreign }),
    fc.record({ type: fc.constant("work-done"), id: targets, error }),
    fc.record({ type: fc.constant("phase"), target: targets, phase: phases, waitingFor: fc.nat(9) }),
    fc.record({
      type: fc.constant("content-started"),
      id: ids,
      digest,
      mediaType: foreign,
      sizeBytes: bytes,
      target: targets,
    }),
    fc.record({ type: fc.constant("content-progress"), id: ids, bytes }),
    fc.record({ type: fc.constant("content-again"), id: ids, offsetBytes: bytes }),
    fc.record({
      type: fc.constant("content-done"),
      id: ids,
      digest,
      outcome,
      sizeBytes: bytes,
      target: targets,
      error,
    }),
    fc.record({ type: fc.constant("tag-done"), target: targets, tag: foreign, digest, state: fc.constant("created") }),
    fc.record({
      type: fc.constant("retry"),
      method: fc.constant("PUT"),
      url: fc.constantFrom("https://two.example/v2/app/blobs/uploads/1", "https://token.example/token"),
      attempt: fc.nat(12),
      delayMs: fc.nat(60_000),
      why: foreign,
    }),
    fc.record(
      {
        type: fc.constant("load"),
        registry: fc.constantFrom("one.example", "two.example", "elsewhere.example"),
        origin: fc.constantFrom("https://two.example", "https://token.example"),
        concurrency: fc.integer({ min: 1, max: 64 }),
        perSecond: fc.double({ min: 0.1, max: 1000, noNaN: true }),
        waitMs: fc.nat(60_000),
        why: foreign,
      },
      { requiredKeys: ["type", "registry", "origin", "concurrency"] },
    ),
    fc.record({ type: fc.constant("warning"), message: foreign, source: foreign }),
    fc.record({ type: fc.constant("debug"), message: foreign }),
  );
}
