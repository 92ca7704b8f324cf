// One gibibyte from registry to registry, against a plain pipe; and peak memory as the size grows.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { median, program, row, runNode } from "./support.mjs";

const mib = 1024 * 1024;

async function withServers(layerBytes, layers, work) {
  const child = spawn(
    process.execPath,
    [join(import.meta.dirname, "bulk-server.mjs"), String(layerBytes), String(layers)],
    {
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const line = await new Promise((resolve) => child.stdout.once("data", (chunk) => resolve(chunk.toString())));
  try {
    return await work(JSON.parse(line));
  } finally {
    child.kill("SIGTERM");
  }
}

const hostOf = (url) => new URL(url).host;

function copy({ source, target }, name) {
  const args = ["create", "--progress", "none", "--referrers", "none", "--prefer-index=false"];
  return runNode([program, ...args, "-t", `${hostOf(target)}/target:${name}`, `${hostOf(source)}/source:1`]);
}

export async function bulkFigures() {
  await withServers(256 * mib, 4, async (servers) => {
    const pairs = [];
    for (let round = 0; round < 6; round++) {
      const pipe = await runNode([
        join(import.meta.dirname, "pipe.mjs"),
        servers.source,
        "source",
        servers.root,
        servers.target,
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
    row("  processor time", `${cpu.toFixed(2)} ×`, "–", true);
  });
  const peaks = [];
  for (const size of [100, 1024, 4096]) {
    const { peakMb } = await withServers((size / 4) * mib, 4, (servers) => copy(servers, "memory"));
    peaks.push(peakMb);
    row(`  peak memory for ${size} MiB`, `${peakMb.toFixed(0)} MB`, "≤ 120 MB", peakMb <= 120);
  }
  row(
    "  flat from 100 MiB to 4 GiB",
    `${(peaks.at(-1) / peaks[0]).toFixed(2)} ×`,
    "≤ 1.2 ×",
    peaks.at(-1) / peaks[0] <= 1.2,
  );
}
