// How long the program takes to start, against Node alone: where it has next to nothing to do, and where a command is understood.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { median, note, program, row, surroundings, timeNode } from "./support.mjs";

const rounds = 15;

export async function startFigures() {
  const home = mkdtempSync(join(tmpdir(), "bench-"));
  const env = surroundings(home);
  const bare = () => timeNode(["-e", "0"], env);
  const version = await ratioTo(bare, () => timeNode([program, "--version"], env));
  row("waybill --version against node -e 0", `${version.toFixed(2)} ×`, "≤ 1.3 ×", version <= 1.3);
  const help = await ratioTo(bare, () => timeNode([program, "create", "--help"], env));
  note("  waybill create --help", `${help.toFixed(2)} ×`);
  // A name that cannot be one ends the command before it opens a connection.
  const inspect = await ratioTo(bare, () => timeNode([program, "inspect", "A B"], env, { exitCode: 2 }));
  note("  waybill inspect of a name that is none", `${inspect.toFixed(2)} ×`);
  rmSync(home, { recursive: true });
}

/** In turns; the first round warms up. */
async function ratioTo(bare, ours) {
  const ratios = [];
  for (let round = 0; round <= rounds; round++) {
    const [one, other] = [await bare(), await ours()];
    if (round > 0) ratios.push(other.wallS / one.wallS);
  }
  return median(ratios);
}
