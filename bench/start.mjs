// How long the program takes to start, against Node alone.
import { median, program, row, runNode } from "./support.mjs";

export async function startFigures() {
  const ratios = [];
  for (let round = 0; round < 15; round++) {
    const bare = await runNode(["-e", "0"]);
    const ours = await runNode([program, "--version"]);
    if (round > 0) ratios.push(ours.wallS / bare.wallS);
  }
  const ratio = median(ratios);
  row("waybill --version against node -e 0", `${ratio.toFixed(2)} ×`, "≤ 1.3 ×", ratio <= 1.3);
}
