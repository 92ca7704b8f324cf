import { readFileSync } from "node:fs";
import { Ajv } from "ajv";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import { logFor } from "../../../test/support/log.ts";
import { anyEvents, script } from "../../../test/support/progress-script.ts";
import { bytesOf, pushImage } from "../../../test/support/images.ts";
import { makeWorld, type WorldOptions } from "../../../test/support/world.ts";
import { faulty } from "../../server/faults.ts";
import { digestOf } from "../../spec/digest.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { outcomeError } from "../outcome.ts";
import { jsonLinesRenderer } from "./jsonl.ts";
import type { Outcome } from "./show.ts";

interface Schema {
  readonly definitions: Readonly<Record<string, { readonly type?: string; readonly properties?: object }>>;
}

/** The published schema, and more: nothing is written that it does not name. */
function strictSchema(): object {
  const schema = JSON.parse(readFileSync("schema/events-1.json", "utf8")) as Schema;
  const definitions = Object.fromEntries(
    Object.entries(schema.definitions).map(([name, def]) => [
      name,
      def.properties ? { ...def, additionalProperties: false } : def,
    ]),
  );
  return { ...schema, definitions };
}

const validate = new Ajv().compile(strictSchema());

function written(
  events: readonly WaybillEvent[],
  { outcome = {}, debug = false }: { readonly outcome?: Outcome; readonly debug?: boolean } = {},
): readonly string[] {
  let text = "";
  const output = { write: (chunk: string | Uint8Array) => (text += String(chunk)) };
  const renderer = jsonLinesRenderer({ output, clock: fakeClock(), env: {}, log: logFor(debug ? ["-D"] : []) });
  for (const event of events) renderer.event(event);
  renderer.close(outcome);
  return text.trimEnd().split("\n");
}

type Line = Readonly<Record<string, unknown>>;

function parsed(lines: readonly string[]): readonly Line[] {
  return lines.map((line) => JSON.parse(line) as Line);
}

function faultsOf(lines: readonly string[]): readonly string[] {
  return parsed(lines).flatMap((line) =>
    validate(line) ? [] : [`${JSON.stringify(line)}: ${new Ajv().errorsText(validate.errors)}`],
  );
}

/** What a real publish to two registries reports. */
async function published(options: WorldOptions = {}) {
  const world = makeWorld(options);
  const layers = Array.from({ length: 8 }, (_, at) => bytesOf(`layer ${at}`));
  await pushImage(await world.store("a.example/app"), { layers, tags: ["1"] });
  await pushImage(await world.store("b.example/other"), { layers: layers.slice(4), tags: ["old"] });
  const result = await world.create({
    tags: ["b.example/app:1", "c.example/app:1", "c.example/app:latest"],
    sources: ["a.example/app:1"],
  });
  return { events: world.events, outcome: { result, error: outcomeError(result) } };
}

describe("jsonLinesRenderer", () => {
  test("writes what schema/events-1.json says of a real publish, from run-started to run-done", async () => {
    const { events, outcome } = await published();
    const lines = written(events, { outcome, debug: true });

    expect(faultsOf(lines)).toEqual([]);
    const told = parsed(lines);
    expect(told[0]).toMatchObject({ type: "run-started", schemaVersion: 1 });
    expect(told.at(-1)).toMatchObject({
      type: "run-done",
      digest: outcome.result.root.descriptor.digest,
      targets: [
        { target: "b.example/app", tags: [{ tag: "1", state: "created" }] },
        { target: "c.example/app", tags: [{ tag: "1" }, { tag: "latest" }] },
      ],
    });
    const types = new Set(told.map(({ type }) => type));
    for (const type of ["target-started", "phase", "blob-started", "blob-done", "tag", "log", "target-done"])
      expect(types).toContain(type);
  });

  test("writes what the schema says of one that fails, with the error in run-done", async () => {
    const denied = { method: "POST" as const, path: /^\/v2\/app\//, times: Number.POSITIVE_INFINITY };
    const rule = { ...denied, when: ({ url }: { url: string }) => url.includes("c.example") };
    const body = JSON.stringify({ errors: [{ code: "DENIED", message: "no\u001b[2J" }] });
    const headers = { "content-type": "application/json" };
    const { events, outcome } = await published({
      interceptors: [(next) => faulty(next, [{ ...rule, fault: { kind: "status", status: 403, headers, body } }])],
    });
    const lines = written(events, { outcome });

    expect(faultsOf(lines)).toEqual([]);
    expect(parsed(lines).at(-1)).toMatchObject({
      error: { code: "auth_denied", exitCode: 4 },
      targets: [{ heldBack: true }, { error: { code: "auth_denied", status: 403, registryCode: "DENIED" } }],
    });
  });

  test("says in run-done what each tag names now, and what else is known of it", async () => {
    const { outcome } = await published();
    const { result } = outcome;
    const before = digestOf(bytesOf("old"));
    const tags = [
      { tag: "moved", state: "moved", before },
      { tag: "back", state: "rolled-back", before: "absent" },
      { tag: "refused", state: "failed", before, now: before, isUnwritten: true },
      { tag: "lost", state: "failed", before, why: "its write lost its answer" },
    ] as const;
    const targets = result.targets.map((target) => ({ ...target, tags }));
    const lines = written([], { outcome: { result: { ...result, targets } } });

    expect(faultsOf(lines)).toEqual([]);
    const told = [
      { tag: "moved", state: "moved", before, after: result.root.descriptor.digest },
      { tag: "back", state: "rolled-back", before: "absent", after: "absent" },
      { tag: "refused", state: "failed", before, after: before, isUnwritten: true },
      { tag: "lost", state: "failed", before, why: "its write lost its answer" },
    ];
    expect(parsed(lines).at(-1)).toMatchObject({ targets: [{ tags: told }, { tags: told }] });
  });

  test("says how far a blob is once a second, in whole and not in parts", () => {
    const facts = { id: "1", digest: "sha256:1", mediaType: "x/y", sizeBytes: 1_000_000, target: "a", at: 0 };
    const lines = written([
      { ...facts, type: "content-started" },
      ...Array.from({ length: 1000 }, (_, at) => ({
        type: "content-progress" as const,
        id: "1",
        bytes: 500,
        at: at * 2,
      })),
    ]);

    const progress = parsed(lines).filter(({ type }) => type === "blob-progress");
    expect(progress.map(({ sentBytes }) => sentBytes)).toEqual([500, 250_500]);
  });

  test("writes what the schema says of news that a run has now and then", () => {
    const lines = written([
      ...script.filter(({ type }) => type === "warning" || type === "retry"),
      { type: "pull-quota", registry: "docker.io", remaining: 76, limit: 100, windowSeconds: 21_600, at: 0 },
      { type: "load", registry: "a", origin: "https://a", concurrency: 16, at: 0 },
      {
        type: "load",
        registry: "a",
        origin: "https://a",
        concurrency: 8,
        perSecond: 9.5,
        waitMs: 20,
        why: "429",
        at: 0,
      },
    ]);

    expect(faultsOf(lines)).toEqual([]);
    const types = parsed(lines).map(({ type }) => type);
    expect(types.filter((type) => type === "pull-quota" || type === "load")).toEqual(["pull-quota", "load", "load"]);
  });

  test("keeps requests and details to itself unless debugging", () => {
    const detail: WaybillEvent = { type: "debug", message: "credential from docker config", at: 0 };

    expect(written([detail])).toHaveLength(2);
    expect(written([detail], { debug: true })).toHaveLength(3);
  });

  test("writes each event in one line without a raw control, whatever is reported", () => {
    expect(faultsOf(written(script))).toEqual([]);
    fc.assert(
      fc.property(anyEvents, (events) => {
        for (const line of written(events)) {
          expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
          expect(JSON.parse(line)).toMatchObject({ type: expect.any(String), time: expect.stringMatching(/Z$/) });
        }
      }),
    );
  });
});
