import { createReadStream, fstatSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import process from "node:process";
import { systemClock } from "../async/clock.ts";
import type { Host } from "./host.ts";

/** The host that is this process. */
export function processHost(options: {
  readonly version: string;
  readonly isPlugin: boolean;
  readonly signal: AbortSignal;
}): Omit<Host, "log"> {
  return {
    ...options,
    env: takeEnvironment(),
    nodeVersion: process.versions.node,
    platform: process.platform,
    homeDirectory: homedir(),
    program: realpathSync(process.argv[1] ?? "."),
    stdin: input(),
    stdout: process.stdout,
    stderr: process.stderr,
    clock: systemClock(),
    random: Math.random,
  };
}

/** Standard input. Node takes a folder for the end of the input: read as a file it fails with the reason. */
function input(): Host["stdin"] {
  const isFolder = !process.stdin.isTTY && fstatSync(process.stdin.fd).isDirectory();
  return isFolder ? createReadStream("", { fd: process.stdin.fd }) : process.stdin;
}

/** The environment. Node's switch against certificates goes from the process: it has no effect, and Node would say that it has. */
function takeEnvironment(): Host["env"] {
  if (process.env["NODE_TLS_REJECT_UNAUTHORIZED"] === undefined) return process.env;
  const env = { ...process.env };
  delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
  return env;
}
