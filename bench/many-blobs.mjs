// Eight platforms of thirty layers, from one registry to another.
import { join } from "node:path";
import { median, noise, program, pushImage, pushIndex, row, runNode, startRegistry } from "./support.mjs";

const platforms = ["amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64", "loong64"];

export async function fill(registry) {
  const children = [];
  for (const architecture of platforms) {
    const layers = Array.from({ length: 30 }, (_, number) => noise(`${architecture} ${number}`, 100_000));
    children.push(await pushImage(registry, "source", { platform: { os: "linux", architecture }, layers }));
  }
  return pushIndex(registry, "source", "1", children);
}

export async function manyBlobFigures() {
  await withDelay();
  await withoutDelay();
}

async function withDelay() {
  const [from, to] = [await startRegistry({ delayMs: 50 }), await startRegistry({ delayMs: 50 })];
  await fill(from);
  const runs = [];
  for (let round = 0; round < 3; round++) {
    runs.push(
      await runNode([
        program,
        "create",
        "--progress",
        "none",
        "-t",
        `${to.host}/copy-${round}:1`,
        `${from.host}/source:1`,
      ]),
    );
  }
  const wallS = median(runs.map((run) => run.wallS));
  row("copy of 8 platforms × 30 layers, 50 ms on each request", `${wallS.toFixed(2)} s`, "≤ 2 s", wallS <= 2);
  await from.close();
  await to.close();
}

async function withoutDelay() {
  const [from, to] = [await startRegistry(), await startRegistry()];
  const root = await fill(from);
  const pairs = [];
  for (let round = 0; round < 6; round++) {
    const pipe = await runNode([
      join(import.meta.dirname, "pipe.mjs"),
      from.url,
      "source",
      root,
      to.url,
      `pipe-${round}`,
    ]);
    const ours = await runNode([
      program,
      "create",
      "--progress",
      "none",
      "-t",
      `${to.host}/ours-${round}:1`,
      `${from.host}/source:1`,
    ]);
    if (round > 0) pairs.push({ ratio: ours.wallS / pipe.wallS, ours, pipe });
  }
  const ratio = median(pairs.map((pair) => pair.ratio));
  const { ours, pipe } = pairs.at(-1);
  const detail = `${ratio.toFixed(2)} × (${ours.wallS.toFixed(2)} s, pipe ${pipe.wallS.toFixed(2)} s)`;
  row("the same without delay, against a plain node:http pipe", detail, "≤ 1.2 ×", ratio <= 1.2);
  await from.close();
  await to.close();
}
