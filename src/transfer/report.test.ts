import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { assert, json, oneof, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { bytesOf, pushImage } from "../../test/support/images.ts";
import { createMemoryStore } from "../content/memory.ts";
import { WaybillError } from "../errors.ts";
import { digestOf } from "../spec/digest.ts";
import { parseReference } from "../spec/reference.ts";
import type { NamesOfTags } from "./named.ts";
import type { TagResult, TargetResult } from "./result.ts";
import { publicationOf } from "./publication.ts";
import { interimReport, reportOf } from "./report.ts";
import { parseReport } from "./report-reader.ts";

const at = parseReference("b.example/app").location;
const old = digestOf(bytesOf("old"));
const times = { startedAt: 1_700_000_000_000, endedAt: 1_700_000_060_000 };
const validate = new Ajv({ strict: false, validateFormats: false }).compile(
  JSON.parse(readFileSync(new URL("../../schema/report-1.json", import.meta.url), "utf8")) as object,
);

async function publication(before: NamesOfTags = { "1": old, latest: "absent" }) {
  const image = await pushImage(createMemoryStore("source"));
  const looked = { target: { at, tags: Object.keys(before) }, before };
  return publicationOf({ manifest: image, origins: new Map([[image.descriptor.digest, [at]]]) }, [looked], {
    referrers: "none",
    policy: { onError: "abort" },
  });
}

function result(tags: readonly TagResult[], change: Partial<TargetResult> = {}): TargetResult {
  const bytes = { sentBytes: 1, mountedBytes: 2, skippedBytes: 3 };
  return { at, tags, ...bytes, durationMs: 4, heldBack: false, ...change };
}

describe("reportOf", () => {
  test.each([
    ["cancelled", AbortSignal.abort().reason],
    ["cancelled", new DOMException("The operation was aborted due to timeout", "TimeoutError")],
    ["internal", new TypeError("a mistake of ours")],
    ["unavailable", new WaybillError("unavailable", "Cannot go on")],
  ])("reportOf calls it %s where nothing was published because of %s", (told, error: unknown) => {
    expect(reportOf({ state: "failed", results: [], error }, times).error?.class).toBe(told);
  });

  test("reportOf says what each tag named and names, and how far apart they moved", async () => {
    const told = await publication();
    const root = told.root.digest;
    const report = reportOf(
      {
        state: "done",
        results: [
          result([
            { tag: "1", state: "moved", before: old, writtenAt: 1000 },
            { tag: "latest", state: "created", before: "absent", writtenAt: 1640 },
          ]),
        ],
      },
      times,
      told,
    );

    expect(report.targets[0]?.tags).toEqual([
      { tag: "1", state: "moved", before: old, after: root },
      { tag: "latest", state: "created", before: null, after: root },
    ]);
    expect(report.tagSkewMs).toBe(640);
    expect(validate(JSON.parse(JSON.stringify(report))), JSON.stringify(validate.errors)).toBe(true);
  });

  test.each([
    ["rolled-back", old, { before: old, after: old }],
    ["left-behind", "absent", { before: null, after: "root" }],
    ["not-attempted", "absent", { before: null, after: null }],
    ["not-attempted", undefined, {}],
    ["failed", old, { before: old }],
  ] as const)("reportOf of a tag that is %s and named %s", async (state, before, expected) => {
    const told = await publication();
    const tag = { tag: "1", state, ...(before !== undefined && { before }) };
    const [seen] = reportOf({ state: "failed", results: [result([tag])] }, times, told).targets[0]!.tags;
    const after = "after" in expected && expected.after === "root" ? told.root.digest : undefined;
    expect(seen).toEqual({ tag: "1", state, ...expected, ...(after && { after }) });
  });

  test("reportOf quotes the registry's words and the error's class, and keeps what is no fact out", async () => {
    const context = {
      registry: "b.example",
      status: 403,
      registryCode: "DENIED",
      detail: "no \u001b[31m",
      retryAfterMs: 1,
    };
    const error = new WaybillError("auth_denied", "Cannot push", context, { cause: new Error("secret") });
    const report = reportOf({ state: "failed", results: [result([], { error })] }, times, await publication());

    expect(report.targets[0]?.error).toEqual({
      class: "auth_denied",
      message: "Cannot push",
      registry: "b.example",
      status: 403,
      registryCode: "DENIED",
      detail: "no \u001b[31m",
    });
    expect(validate(JSON.parse(JSON.stringify(report))), JSON.stringify(validate.errors)).toBe(true);
  });
});

const interim = { startedAt: times.startedAt, updatedAt: times.startedAt + 1000 };

describe("interimReport", () => {
  test("interimReport claims a tag only when it was acknowledged, and tells which is being written", async () => {
    const told = await publication();
    const seen = { begun: () => true, tagged: (_target: string, tag: string) => tag === "1" };
    const report = interimReport(told, interim, seen);
    expect(report.state).toBe("unfinished");
    expect(report.targets[0]?.tags).toEqual([
      { tag: "1", state: "moved", before: old, after: told.root.digest },
      { tag: "latest", state: "not-attempted", before: null, isBeingWritten: true },
    ]);
    const [begun] = interimReport(told, interim, { begun: () => false, tagged: () => false }).targets;
    expect(begun?.tags).toEqual([
      { tag: "1", state: "not-attempted", before: old, after: old },
      { tag: "latest", state: "not-attempted", before: null, after: null },
    ]);
    expect(validate(JSON.parse(JSON.stringify(report))), JSON.stringify(validate.errors)).toBe(true);
  });
});

describe("parseReport", () => {
  test("parseReport gives back the plan, and which tags its run may have written", async () => {
    const told = await publication();
    const report = interimReport(told, interim, { begun: () => true, tagged: (_, tag) => tag === "1" });
    const kept = parseReport(Buffer.from(JSON.stringify(report)), "report");
    expect(kept.publication).toEqual(told);
    expect([kept.startedAt, kept.toldAt]).toEqual([times.startedAt, times.startedAt + 1000]);
    expect([...kept.earlier.tags]).toEqual([
      ["b.example/app:1", { before: old, write: "acknowledged" }],
      ["b.example/app:latest", { before: "absent", write: "begun" }],
    ]);
  });

  test("parseReport keeps what a tag named that is called as what every object has", async () => {
    const told = await publication({ constructor: old, prototype: old, ["__proto__"]: old });
    const report = interimReport(told, interim, { begun: () => true, tagged: () => true });
    const kept = parseReport(Buffer.from(JSON.stringify(report)), "report");
    expect([...kept.earlier.tags]).toEqual(
      ["constructor", "prototype", "__proto__"].map((tag) => [
        `b.example/app:${tag}`,
        { before: old, write: "acknowledged" },
      ]),
    );
  });

  test("parseReport does not take a tag for ours that was never written", async () => {
    const results = [
      result([
        { tag: "1", state: "unchanged" },
        { tag: "latest", state: "not-attempted" },
      ]),
    ];
    const report = reportOf({ state: "failed", results }, times, await publication());
    const { earlier } = parseReport(Buffer.from(JSON.stringify(report)), "report");
    expect([...earlier.tags.values()].map(({ write }) => write)).toEqual([undefined, undefined]);
  });

  test("parseReport does not guess whether a tag in a state that it does not know was written", async () => {
    const results = [result([{ tag: "1", state: "moved" }])];
    const text = JSON.stringify(reportOf({ state: "failed", results }, times, await publication()));
    expect(() => parseReport(Buffer.from(text.replace('"moved"', '"lost"')), "report")).toThrow(
      "Cannot use report: targets.0.tags.0.state is not valid",
    );
  });

  test("parseReport says that there is nothing to go on with when its run had no plan", () => {
    const report = reportOf({ state: "failed", results: [], error: new Error("gone") }, times);
    expect(report.error).toEqual({ class: "internal", message: "Error: gone" });
    expect(() => parseReport(Buffer.from(JSON.stringify(report)), 'report "r.json"')).toThrow(
      'Cannot use report "r.json": its run never came to a plan, so that there is nothing to go on with',
    );
    expect(validate(JSON.parse(JSON.stringify(report)))).toBe(true);
  });

  test("parseReport throws nothing but typed errors, whatever it is given", () => {
    assert(
      property(oneof(string(), json()), (text) => {
        try {
          parseReport(Buffer.from(text), "report");
          return false;
        } catch (error) {
          return error instanceof WaybillError && error.code === "invalid_argument";
        }
      }),
    );
  });
});
