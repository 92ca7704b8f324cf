import { describe, expect, test } from "vitest";
import { WaybillError } from "../errors.ts";
import { digestOf } from "../spec/digest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import type { CreateResult } from "../verbs/create.ts";
import { exitCodeOf } from "./exit-code.ts";
import { metadataText } from "./metadata-file.ts";
import { outcomeError } from "./outcome.ts";

type Target = CreateResult["targets"][number];

const bytes = Buffer.from("{}");
const digest = digestOf(bytes);

function target(host: string, state: Target["tags"][number]["state"], error?: unknown): Target {
  return {
    at: { kind: "registry", host, repository: "app" },
    tags: [{ tag: "1", state }],
    sentBytes: 212_000_000,
    mountedBytes: 0,
    skippedBytes: 18_000_000,
    durationMs: 1234,
    heldBack: false,
    ...(error !== undefined && { error }),
  };
}

function result(...targets: readonly Target[]): CreateResult {
  const descriptor = { mediaType: mediaTypes.ociIndex, digest, size: bytes.byteLength };
  return { root: { descriptor, bytes }, targets, leftBehind: {} };
}

const denied = new WaybillError("auth_denied", "Cannot push: 403");
const away = new WaybillError("unavailable", "Cannot push: 503");

describe("outcomeError", () => {
  const table: readonly (readonly [string, CreateResult, number | undefined])[] = [
    ["every tag is there", result(target("a", "created"), target("b", "unchanged")), undefined],
    [
      "the first is held back because the second failed",
      result({ ...target("a", "not-attempted"), heldBack: true }, target("b", "not-attempted", denied)),
      4,
    ],
    ["one fails and another moved", result(target("a", "moved"), target("b", "failed", denied)), 3],
    ["one fails and nothing moved", result(target("a", "unchanged"), target("b", "failed", denied)), 4],
    [
      "both fail, the first one's class counts",
      result(target("a", "not-attempted", away), target("b", "failed", denied)),
      8,
    ],
    ["a bug of ours stays a bug", result(target("a", "created"), target("b", "failed", new TypeError("x"))), 70],
  ];

  test.each(table)("outcomeError when %s", (_when, given, exitCode) => {
    const error = outcomeError(given);

    expect(error === undefined ? undefined : exitCodeOf(error)).toBe(exitCode);
  });
});

test("outcomeError of an interrupted run says so in a few words, and how to go on", () => {
  const reason = new WaybillError("cancelled", "Cancelled: got SIGINT");
  const placed = new WaybillError(
    "cancelled",
    "copy sha256:… to b.example/app: Cancelled: got SIGINT",
    {},
    { cause: reason },
  );
  expect(
    outcomeError(result(target("b.example", "not-attempted", placed)), { command: "waybill resume 12ab" }),
  ).toMatchObject({
    message: "Cancelled: got SIGINT",
    context: { advice: "to go on: waybill resume 12ab" },
  });
});

test("metadataText names repositories once, sorted and without tags", () => {
  expect(JSON.parse(metadataText(result(target("b", "created"), target("a", "created"))))).toEqual({
    "containerimage.descriptor": { mediaType: mediaTypes.ociIndex, digest, size: 2 },
    "containerimage.digest": digest,
    "image.name": "a/app,b/app",
  });
});
