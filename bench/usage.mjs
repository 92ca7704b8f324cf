// Preloaded into a measured process: writes what it used to the file that WAYBILL_BENCH_USAGE names, when it exits.
import { writeFileSync } from "node:fs";

process.on("exit", () => {
  const file = process.env.WAYBILL_BENCH_USAGE;
  const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
  if (file) writeFileSync(file, JSON.stringify({ peakMb: maxRSS / 1024, cpuS: (userCPUTime + systemCPUTime) / 1e6 }));
});
