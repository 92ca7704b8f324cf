import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/async/clock.ts";
import type { Interceptor } from "../../src/http/send.ts";
import { parseReference } from "../../src/spec/reference.ts";
import { silent } from "../../src/telemetry/events.ts";
import { openContext } from "../../src/verbs/context.ts";
import { pushImage } from "../support/images.ts";
import { buildProgram, type Finished, type Program } from "../support/program.ts";
import { startRegistry, type RunningRegistry } from "../support/running-registry.ts";

/** Fifty deaths of a publish of 200 MB only on demand, `WAYBILL_TORTURE=all`; else a few of a smaller one. */
const isThorough = process.env["WAYBILL_TORTURE"] === "all";
const moments = isThorough ? 50 : 5;
const layerBytes = isThorough ? 25_000_000 : 3_000_000;
const layerCount = 8;
const totalBytes = layerBytes * layerCount * 3;
/** Blobs below 256 KiB are sent again whole, and what was sent before its session was written down. */
const slackBytes = totalBytes * 0.05;

let program: Program;
let source: RunningRegistry;
let targets: RunningRegistry[] = [];
let folder = "";
/** Bytes of uploads that the targets have taken, by repository: they keep them, even of a request that broke off. */
const taken = new Map<string, number>();

const counted: Interceptor = (next) => (request) => {
  const { body, url } = request;
  const [, repository = ""] = /\/v2\/([^/]+)\/blobs\/uploads\//.exec(url) ?? [];
  if (body === undefined || body instanceof Uint8Array) return next(request);
  async function* open(signal?: AbortSignal) {
    for await (const chunk of (body as { open(signal?: AbortSignal): AsyncIterable<Uint8Array> }).open(signal)) {
      taken.set(repository, (taken.get(repository) ?? 0) + chunk.byteLength);
      yield chunk;
    }
  }
  return next({ ...request, body: { sizeBytes: body.sizeBytes, open } });
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "waybill-kill-"));
  program = buildProgram();
  source = await startRegistry();
  targets = await Promise.all([1, 2, 3].map(() => startRegistry({ wrap: counted })));
  await using context = await openContext({
    clock: systemClock(),
    random: Math.random,
    env: {},
    report: silent,
    signal: new AbortController().signal,
  });
  const store = await context.open(parseReference(`${source.host}/app`).location);
  const layers = Array.from({ length: layerCount }, () => randomBytes(layerBytes));
  await pushImage(store, { layers, tags: ["1"] });
}, 120_000);

afterAll(async () => {
  for (const registry of [source, ...targets]) await registry[Symbol.asyncDispose]();
  program[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

function publish(name: string, onStart?: (kill: (signal: NodeJS.Signals) => void) => void): Promise<Finished> {
  const tags = targets.flatMap(({ host }) => ["-t", `${host}/${name}:1`]);
  return program.run(["create", "--progress", "plain", ...tags, `${source.host}/app:1`], {
    env: { XDG_STATE_HOME: join(folder, name) },
    ...(onStart && { onStart: (child) => onStart((signal) => child.kill(signal)) }),
  });
}

async function tagged(name: string): Promise<readonly (number | string)[]> {
  return Promise.all(
    targets.map(async ({ host }) => {
      const response = await fetch(`http://${host}/v2/${name}/manifests/1`, { method: "HEAD" });
      return response.headers.get("docker-content-digest") ?? response.status;
    }),
  );
}

function resume(name: string): Promise<Finished> {
  return program.run(["resume"], { env: { XDG_STATE_HOME: join(folder, name) } });
}

/** Sends `signal` at moments all over the time that an undisturbed run takes. */
async function disturbed(
  signal: NodeJS.Signals,
  check: (name: string, ended: Finished) => Promise<void>,
): Promise<void> {
  const began = performance.now();
  expect((await publish(`${signal.toLowerCase()}-whole`)).code).toBe(0);
  const wholeMs = performance.now() - began;
  for (let moment = 0; moment < moments; moment++) {
    const afterMs = ((moment + 0.5) / moments) * wholeMs;
    const name = `${signal.toLowerCase()}-${moment}`;
    const ended = await publish(name, (kill) => void setTimeout(() => kill(signal), afterMs));
    await check(name, ended);
  }
}

test("a publish that is killed is finished by the same command, which sends nothing again that a registry holds", async () => {
  await disturbed("SIGKILL", async (name) => {
    const before = taken.get(name) ?? 0;
    const again = await publish(name);
    expect(again, again.stderr).toMatchObject({ code: 0 });
    expect(new Set(await tagged(name)).size).toBe(1);
    expect((taken.get(name) ?? 0) - totalBytes, `${name} took ${before} bytes, then more`).toBeLessThanOrEqual(
      slackBytes,
    );
  });
}, 600_000);

test("a publish that is interrupted ends with 130 and no tag in between, and resume finishes it", async () => {
  await disturbed("SIGINT", async (name, ended) => {
    const names = await tagged(name);
    const wanted = (await tagged("sigint-whole"))[0];
    expect(names.filter((digest) => digest !== 404 && digest !== wanted)).toEqual([]);
    expect([0, 130]).toContain(ended.code);
    const isRecorded = ended.stderr.includes("waybill resume");
    if (isRecorded) expect(await resume(name)).toMatchObject({ code: 0 });
    else expect(await publish(name)).toMatchObject({ code: 0 });
    expect(await tagged(name)).toEqual([wanted, wanted, wanted]);
    expect((taken.get(name) ?? 0) - totalBytes).toBeLessThanOrEqual(slackBytes);
  });
}, 600_000);
