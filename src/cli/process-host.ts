import { realpathSync } from "node:fs";
import { homedir } from "node:os";
import process from "node:process";
import { systemClock } from "../async/clock.ts";
import type { Host } from "./host.ts";

/** The host that is this process. */
export function processHost(options: {
  readonly version: string;
  readonly isPlugin: boolean;
  readonly signal: AbortSignal;
}): Host {
  return {
    ...options,
    env: process.env,
    platform: process.platform,
    homeDirectory: homedir(),
    program: realpathSync(process.argv[1] ?? "."),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    clock: systemClock(),
    random: Math.random,
  };
}
