import type { ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
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

/**
 * Hears of the progress of a publish: 1 for each request that a registry sees, 1 for each MiB of an upload. Moments are counted in it,
 * so that a machine which is slow at times has none after the end; and from the first request on the program hears signals.
 */
let onProgress: (units: number) => void = () => {};

const counted: Interceptor = (next) => (request) => {
  onProgress(1);
  const { body, url } = request;
  const [, repository = ""] = /\/v2\/([^/]+)\/blobs\/uploads\//.exec(url) ?? [];
  if (body === undefined || body instanceof Uint8Array) return next(request);
  async function* open(signal?: AbortSignal) {
    for await (const chunk of (body as { open(signal?: AbortSignal): AsyncIterable<Uint8Array> }).open(signal)) {
      taken.set(repository, (taken.get(repository) ?? 0) + chunk.byteLength);
      onProgress(chunk.byteLength / (1024 * 1024));
      yield chunk;
    }
  }
  return next({ ...request, body: { sizeBytes: body.sizeBytes, open } });
};

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "waybill-kill-"));
  program = buildProgram();
  source = await startRegistry({ wrap: counted });
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

function publish(name: string, onStart?: (child: ChildProcess) => void): Promise<Finished> {
  const tags = targets.flatMap(({ host }) => ["-t", `${host}/${name}:1`]);
  return program.run(["create", "--progress", "plain", ...tags, `${source.host}/app:1`], {
    env: { XDG_STATE_HOME: join(folder, name) },
    ...(onStart && { onStart }),
  });
}

interface Disturbed extends Finished {
  /** From the signal to the end of the process, less what we were late ourselves; `undefined` where the publish was over before. */
  readonly signalledMs: number | undefined;
}

/** Publishes, and sends `signal` when so much progress has been made. */
async function publishDisturbed(name: string, signal: NodeJS.Signals, afterUnits: number): Promise<Disturbed> {
  let sentAt: number | undefined;
  let left = afterUnits;
  // The registries live in this process: while they hash, it hears late that another one has ended.
  const lag = monitorEventLoopDelay({ resolution: 10 });
  const ended = await publish(name, (child) => {
    onProgress = (units) => {
      left -= units;
      if (left > 0 || sentAt !== undefined) return;
      child.kill(signal);
      lag.enable();
      sentAt = performance.now();
    };
  });
  const endedAt = performance.now();
  lag.disable();
  onProgress = () => {};
  return { ...ended, signalledMs: sentAt === undefined ? undefined : endedAt - sentAt - lag.max / 1e6 };
}

/** How much progress an undisturbed publish makes. */
async function wholeUnits(name: string): Promise<number> {
  let whole = 0;
  onProgress = (units) => (whole += units);
  expect((await publish(name)).code).toBe(0);
  onProgress = () => {};
  return whole;
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

/** Sends `signal` at moments all over the work that an undisturbed run does. */
async function disturbed(
  signal: NodeJS.Signals,
  check: (name: string, ended: Disturbed) => Promise<void>,
): Promise<void> {
  const whole = await wholeUnits(`${signal.toLowerCase()}-whole`);
  for (let moment = 0; moment < moments; moment++) {
    const name = `${signal.toLowerCase()}-${moment}`;
    const ended = await publishDisturbed(name, signal, ((moment + 0.5) / moments) * whole);
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
    expect(ended.signalledMs ?? 0).toBeLessThanOrEqual(2000);
    const isRecorded = ended.stderr.includes("waybill resume");
    if (isRecorded) expect(await resume(name)).toMatchObject({ code: 0 });
    else expect(await publish(name)).toMatchObject({ code: 0 });
    expect(await tagged(name)).toEqual([wanted, wanted, wanted]);
    expect((taken.get(name) ?? 0) - totalBytes).toBeLessThanOrEqual(slackBytes);
  });
}, 600_000);
