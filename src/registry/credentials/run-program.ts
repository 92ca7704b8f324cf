import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { refusals } from "../../disk/durable.ts";
import { WaybillError } from "../../errors.ts";
import type { HelperRun } from "./helper.ts";

const timeoutMs = 60_000;
const maxOutputBytes = 1024 * 1024;

type Environment = Readonly<Record<string, string | undefined>>;

interface ProgramCall {
  readonly program: string;
  readonly action: string;
  readonly input: string;
  readonly signal?: AbortSignal;
}

/**
 * Runs a helper without a shell, `input` on its standard input, and gives it a minute.
 *
 * @throws WaybillError `credential_helper_failed` when it cannot be started, is killed, or says more than 1 MiB.
 */
export function runProgram(env: Environment, call: ProgramCall): Promise<HelperRun> {
  const { program, action, input, signal } = call;
  const options = { env, timeout: timeoutMs, maxBuffer: maxOutputBytes, windowsHide: true, signal };
  return new Promise((resolve, reject) => {
    const child = execFile(program, [action], options, (error, stdout, stderr) => {
      if (!error) return resolve({ exitCode: 0, stdout, stderr });
      if (signal?.aborted) return reject(signal.reason as Error);
      if (typeof error.code === "number") return resolve({ exitCode: error.code, stdout, stderr });
      // The error itself holds the output, and with it perhaps a secret: only its code goes on.
      reject(new WaybillError("credential_helper_failed", `Cannot run "${program}": ${reasonOf(error, program, env)}`));
    });
    // A helper that never reads its input closes it: its exit code tells the rest.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

function reasonOf(error: { code?: unknown; killed?: boolean }, program: string, env: Environment): string {
  // The system says the same of a script whose interpreter is missing.
  if (error.code === "ENOENT")
    return isOnPath(program, env) ? "the program that its first line names is missing" : "it is not on the PATH";
  if (error.code === "ERR_CHILD_PROCESS_STDIO_MAXBUFFER") return `it said more than ${maxOutputBytes} bytes`;
  if (typeof error.code === "string") return refusals[error.code] ?? error.code;
  return error.killed ? `it did not end within ${timeoutMs / 1000} seconds` : "it was killed";
}

function isOnPath(program: string, { PATH = "" }: Environment): boolean {
  return PATH.split(delimiter).some((folder) => existsSync(join(folder, program)));
}
