// What a registry that bears little costs: one that limits its rate, and one that is slow among others that are not.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../dist/lib/async/clock.js";
import { faulty } from "../dist/lib/server/index.js";
import { median, noise, program, pushImage, row, runNode, startRegistry, surroundings } from "./support.mjs";

const clock = systemClock();
const always = (fault) => [{ times: Infinity, fault: { ...fault, clock } }];

export async function limitFigures() {
  await limitedRate();
  await slowAmongOthers();
}

/** 64 blobs to a registry that lets ten requests pass in a second and tells the others to come back. */
async function limitedRate() {
  const from = await startRegistry();
  const layers = Array.from({ length: 63 }, (_, number) => noise(`limited ${number}`, 1000));
  await pushImage(from, "source", { tag: "1", platform: { os: "linux", architecture: "amd64" }, layers });
  const passed = { requests: 0, refused: 0 };
  const counting = (next) => async (request) => {
    const response = await next(request);
    passed[response.status === 429 ? "refused" : "requests"] += 1;
    return response;
  };
  const limit = always({ kind: "rate-limit", perSecond: 10, burst: 10 });
  const to = await startRegistry({ wrap: (next) => counting(faulty(next, limit)) });
  const { wallS } = await runNode([program, ...copyTo([to], "limited"), `${from.host}/source:1`]);
  const leastS = (passed.requests - 10) / 10;
  const ratio = wallS / leastS;
  const detail = `${ratio.toFixed(2)} × (${wallS.toFixed(1)} s, ${passed.refused} of ${passed.requests + passed.refused} refused)`;
  row("64 blobs, a registry limited to 10 requests/s with Retry-After", detail, "≤ 1.3 ×", ratio <= 1.3);
  await from.close();
  await to.close();
}

/** How long three registries take until they have everything, alone and beside one that takes 1 MB in a second. */
async function slowAmongOthers() {
  const from = await startRegistry();
  const layers = Array.from({ length: 16 }, (_, number) => noise(`slow ${number}`, 8_000_000));
  const { digest } = await pushImage(from, "source", {
    tag: "1",
    platform: { os: "linux", architecture: "amd64" },
    layers,
  });
  const fast = await Promise.all([1, 2, 3].map(() => startRegistry()));
  const slow = await startRegistry({
    wrap: (next) => faulty(next, always({ kind: "bandwidth", bytesPerSecond: 1e6 })),
  });
  const ratios = [];
  let last;
  for (let round = 0; round <= 5; round++) {
    const alone = await stagedAfter(fast, { name: `alone-${round}`, registries: fast, from, digest });
    const beside = await stagedAfter(fast, { name: `beside-${round}`, registries: [...fast, slow], from, digest });
    if (round > 0) ratios.push(beside / alone);
    last = { alone, beside };
  }
  const ratio = median(ratios);
  const detail = `${ratio.toFixed(2)} × (${last.beside.toFixed(2)} s, alone ${last.alone.toFixed(2)} s)`;
  row("one slow target (1 MB/s) among four, the other three staged", detail, "≤ 1.1 ×", ratio <= 1.1);
  for (const registry of [from, slow, ...fast]) await registry.close();
}

function copyTo(registries, name) {
  const tags = registries.flatMap(({ host }) => ["-t", `${host}/${name}:1`]);
  return ["create", "--progress", "none", "--no-journal", "--prefer-index=false", "--referrers", "none", ...tags];
}

/** Seconds from the start of the program until each of `waited` has the manifest by digest. The program is then ended. */
async function stagedAfter(waited, { name, registries, from, digest }) {
  const home = mkdtempSync(join(tmpdir(), "bench-"));
  const begin = performance.now();
  const staged = waited.map((registry) => registry.once("PUT", `/v2/${name}/manifests/${digest}`));
  const child = spawn(process.execPath, [program, ...copyTo(registries, name), `${from.host}/source:1`], {
    stdio: "ignore",
    env: surroundings(home),
  });
  const ended = new Promise((resolve) => child.once("close", resolve));
  await Promise.all(staged);
  const seconds = (performance.now() - begin) / 1000;
  child.kill("SIGKILL");
  await ended;
  rmSync(home, { recursive: true });
  return seconds;
}
