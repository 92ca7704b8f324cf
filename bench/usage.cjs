// Preloaded into a measured process, as CommonJS, which loads nothing more: writes what it used to the file that WAYBILL_BENCH_USAGE names, when it exits.
const { readFileSync, writeFileSync } = require("node:fs");

process.on("exit", () => {
  const file = process.env.WAYBILL_BENCH_USAGE;
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  if (file) writeFileSync(file, JSON.stringify({ peakMb: peakMb(), cpuS: (userCPUTime + systemCPUTime) / 1e6 }));
});

// `maxRSS` also counts what the process was before it became this program: a copy of its parent.
function peakMb() {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)[1]) / 1024;
  } catch {
    return process.resourceUsage().maxRSS / 1024;
  }
}
