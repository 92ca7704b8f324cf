// Eight platforms of thirty layers to four registries: in one process, as four of our own runs side by side, and by other programs.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { hasDebians, startDebian } from "./debian.mjs";
import { fill } from "./many-blobs.mjs";
import { isInstalled, peers, timePeer } from "./peers.mjs";
import { median, note, program, row, runNode, startRegistry } from "./support.mjs";

const rounds = 5;

export async function fourFigures() {
  await withRegistries({}, ofEmbedded);
  await ofDebians();
  await withRegistries({ delayMs: 50 }, withDelay);
}

/** A filled source in this process, which counts what it is asked for, and four registries in processes of their own. */
async function withRegistries({ delayMs = 0 }, measure) {
  const from = await startRegistry({ delayMs });
  await fill(from);
  const children = Array.from({ length: 4 }, () => startProcess(delayMs));
  const hosts = await Promise.all(children.map(({ host }) => host));
  await measure({ from, hosts });
  for (const { child } of children) child.stdin.end();
  await from.close();
}

function startProcess(delayMs) {
  const args = [join(import.meta.dirname, "registry-process.mjs"), String(delayMs)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const host = new Promise((resolve) => child.stdout.once("data", (chunk) => resolve(chunk.toString().trim())));
  return { child, host };
}

async function ofEmbedded({ from, hosts }) {
  const memory = [];
  const reads = [];
  const times = await timesOf(`${from.host}/source:1`, {
    targetsFor: async (name) => hosts.map((host) => `${host}/${name}:1`),
    before: () => from.forget(),
    after({ peakMb }) {
      memory.push(peakMb);
      reads.push(readsPerBlob(from.seen()));
    },
  });
  printTimes("8 × 30 layers to four registries", times);
  const most = Math.max(...reads);
  row("  source reads of each blob", most.toFixed(2), "1", most === 1);
  note("  peak memory", `${median(memory).toFixed(0)} MB`);
}

/** Takes most of a minute between registries of the real kind, and has failed in one run of five: three of them then had the image. */
const tooSlow = "docker-buildx";

/** Between registries that others have written, empty at the beginning of each run. */
async function ofDebians() {
  if (!hasDebians()) return console.log("  skip the same between five docker-registry: not on PATH");
  const [from, ...to] = await Promise.all(Array.from({ length: 5 }, startDebian));
  await fill(from);
  const spentS = () => [from, ...to].map((registry) => registry.spentS()).reduce((sum, seconds) => sum + seconds);
  const spent = { one: [], fourTimes: [] };
  let spentBefore;
  const times = await timesOf(`${from.host}/source:1`, {
    without: tooSlow,
    async targetsFor(name) {
      await Promise.all(to.map((registry) => registry.empty()));
      spentBefore = spentS();
      return to.map(({ host }) => `${host}/${name}:1`);
    },
    after: () => spent.one.push(spentS() - spentBefore),
    afterFour: () => spent.fourTimes.push(spentS() - spentBefore),
  });
  printTimes("the same between five docker-registry", times);
  printFloor(spent);
  await Promise.all([from, ...to].map((registry) => registry.close()));
}

/** Registries that share the processors with the program take their part of the time: what is left of it if the program costs nothing. */
function printFloor({ one, fourTimes }) {
  const ratio = median(one.map((seconds, round) => seconds / fourTimes[round]));
  if (Number.isNaN(ratio)) return;
  const detail = `${ratio.toFixed(2)} × (${median(one).toFixed(2)} s, ${median(fourTimes).toFixed(2)} s)`;
  note("  the registries' own processor time in it, ours against ours × 4", detail);
}

/** In turns, so that a machine that grows slower grows slower for all; the first round warms up. */
async function timesOf(source, { targetsFor, without, before = nothing, after = nothing, afterFour = nothing }) {
  const installed = peers.filter((peer) => peer.program !== without && isInstalled(peer));
  const times = { one: [], fourTimes: [] };
  for (let round = 0; round <= rounds; round++) {
    const targets = await targetsFor(`one-${round}`);
    before();
    const one = await publish(targets, source);
    if (round > 0) after(one);
    const alone = await targetsFor(`four-${round}`);
    const fourTimes = await secondsOf(() => Promise.all(alone.map((target) => publish([target], source))));
    if (round > 0) afterFour();
    const theirs = {};
    for (const peer of installed)
      theirs[peer.program] = await timePeer(peer, source, await targetsFor(`${peer.program}-${round}`));
    if (round === 0) continue;
    for (const [name, seconds] of Object.entries({ one: one.wallS, fourTimes, ...theirs }))
      (times[name] ??= []).push(seconds);
  }
  return times;
}

function nothing() {}

function printTimes(figure, { one, fourTimes, ...theirs }) {
  const ours = median(one);
  const ratioTo = (others) => median(others.map((seconds, round) => one[round] / seconds));
  const ratio = ratioTo(fourTimes);
  const detail = `${ratio.toFixed(2)} × (${ours.toFixed(2)} s, ${median(fourTimes).toFixed(2)} s)`;
  row(`${figure}, against ours × 4 side by side`, detail, "≤ 0.65 ×", ratio <= 0.65);
  for (const peer of peers) {
    const { program: name } = peer;
    const others = theirs[name];
    if (!others) {
      if (!isInstalled(peer)) console.log(`  skip   against ${name}: not on PATH`);
      continue;
    }
    const against = ratioTo(others);
    row(`  against ${name}`, `${against.toFixed(2)} × (${median(others).toFixed(2)} s)`, "≤ 0.8 ×", against <= 0.8);
  }
}

async function withDelay({ from, hosts }) {
  const runs = [];
  for (let round = 0; round < rounds; round++) {
    const targets = hosts.map((host) => `${host}/copy-${round}:1`);
    runs.push(await publish(targets, `${from.host}/source:1`));
  }
  const wallS = median(runs.map((run) => run.wallS));
  row("the same, 50 ms on each request", `${wallS.toFixed(2)} s`, "≤ 3 s", wallS <= 3);
}

function publish(targets, source) {
  return runNode([program, "create", "--progress", "none", ...targets.flatMap((tag) => ["-t", tag]), source]);
}

async function secondsOf(work) {
  const began = performance.now();
  await work();
  return (performance.now() - began) / 1000;
}

function readsPerBlob(requests) {
  const blobs = requests.filter(({ method, url }) => method === "GET" && url.includes("/blobs/"));
  return blobs.length / new Set(blobs.map(({ url }) => url)).size;
}
