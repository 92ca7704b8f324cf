// One embedded registry as a process of its own, so that several share nothing but the machine. registry-process.mjs DELAY_MS;
// prints its host.
import { startRegistry } from "./support.mjs";

const { host } = await startRegistry({ delayMs: Number(process.argv[2]) });
console.log(host);
// Nobody outlives the bench, whatever becomes of it.
process.stdin.on("end", () => process.exit(0)).resume();
