import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stateHome } from "./state-home.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What a run of the program came to. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
  /** Sees the process as soon as it runs. */
  readonly onStart?: (child: ChildProcess) => void;
}

/** The real command line, built for this test process alone. */
export interface Program extends Disposable {
  /** Path of `main.js`. */
  readonly path: string;
  run(args: readonly string[], options?: RunOptions): Promise<Finished>;
}

/** Builds the command line as it is shipped. The caller disposes of it, which removes the files. */
export function buildProgram(): Program {
  const folder = join(".waybill", `e2e-${process.pid}`);
  execFileSync(process.execPath, ["scripts/build.mjs", `--cli=${folder}`], { cwd: root, stdio: "inherit" });
  const path = join(root, folder, "main.js");
  return {
    path,
    run: (args, options) => runCommand(process.execPath, [path, ...args], options),
    [Symbol.dispose]: () => rmSync(join(root, folder), { recursive: true, force: true }),
  };
}

/** Runs `file` with nothing of the machine's own configuration, and waits for its end. */
export function runCommand(file: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const own = { PATH: process.env["PATH"] ?? "", HOME: "/nonexistent", XDG_STATE_HOME: stateHome() };
  const env = { ...own, ...options.env };
  const child = spawn(file, args, { env, cwd: options.cwd ?? root, stdio: "pipe" });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  child.stdin.on("error", () => undefined);
  child.stdin.end(options.input ?? "");
  options.onStart?.(child);
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}
