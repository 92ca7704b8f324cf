// One gibibyte from registry to registry, against a plain pipe; and peak memory as the size and the number of registries grow.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { median, note, program, row, runNode } from "./support.mjs";

const mib = 1024 * 1024;

async function withServers({ layerBytes, targets = 1 }, work) {
  const args = [join(import.meta.dirname, "bulk-server.mjs"), layerBytes, 4, targets].map(String);
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const line = await new Promise((resolve) => child.stdout.once("data", (chunk) => resolve(chunk.toString())));
  try {
    return await work(JSON.parse(line));
  } finally {
    child.kill("SIGTERM");
  }
}

const hostOf = (url) => new URL(url).host;

function copy({ source, targets }, name) {
  const args = ["create", "--progress", "none", "--referrers", "none", "--prefer-index=false"];
  const tags = targets.flatMap((target) => ["-t", `${hostOf(target)}/target:${name}`]);
  return runNode([program, ...args, ...tags, `${hostOf(source)}/source:1`]);
}

export async function bulkFigures() {
  await withServers({ layerBytes: 256 * mib }, async (servers) => {
    const pairs = [];
    for (let round = 0; round < 6; round++) {
      const pipe = await runNode([
        join(import.meta.dirname, "pipe.mjs"),
        servers.source,
        "source",
        servers.root,
        servers.targets[0],
        "target",
      ]);
      const ours = await copy(servers, round);
      if (round > 0) pairs.push({ ratio: ours.wallS / pipe.wallS, cpu: ours.cpuS / pipe.cpuS, ours, pipe });
    }
    const ratio = median(pairs.map((pair) => pair.ratio));
    const { ours, pipe } = pairs.at(-1);
    const detail = `${ratio.toFixed(2)} × (${ours.wallS.toFixed(2)} s, pipe ${pipe.wallS.toFixed(2)} s)`;
    row("1 GiB in 4 layers, against a plain node:http pipe", detail, "≤ 1.15 ×", ratio <= 1.15);
    const cpu = median(pairs.map((pair) => pair.cpu));
    note("  processor time", `${cpu.toFixed(2)} ×`);
  });
  const peaks = [];
  for (const size of [100, 1024, 4096]) {
    const { peakMb } = await withServers({ layerBytes: (size / 4) * mib }, (servers) => copy(servers, "memory"));
    peaks.push(peakMb);
    row(`  peak memory for ${size} MiB`, `${peakMb.toFixed(0)} MB`, "≤ 120 MB", peakMb <= 120);
  }
  row(
    "  flat from 100 MiB to 4 GiB",
    `${(peaks.at(-1) / peaks[0]).toFixed(2)} ×`,
    "≤ 1.2 ×",
    peaks.at(-1) / peaks[0] <= 1.2,
  );
  const four = await withServers({ layerBytes: 256 * mib, targets: 4 }, (servers) => copy(servers, "memory"));
  row("  peak memory for 1 GiB to four registries", `${four.peakMb.toFixed(0)} MB`, "≤ 150 MB", four.peakMb <= 150);
}
