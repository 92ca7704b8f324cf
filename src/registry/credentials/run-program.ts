import { execFile } from "node:child_process";
import { WaybillError } from "../../errors.ts";
import type { HelperRun } from "./helper.ts";

const timeoutMs = 60_000;
const maxOutputBytes = 1024 * 1024;

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
export function runProgram(env: Readonly<Record<string, string | undefined>>, call: ProgramCall): Promise<HelperRun> {
  const { program, action, input, signal } = call;
  const options = { env, timeout: timeoutMs, maxBuffer: maxOutputBytes, windowsHide: true, ...(signal && { signal }) };
  return new Promise((resolve, reject) => {
    const child = execFile(program, [action], options, (error, stdout, stderr) => {
      if (!error) return resolve({ exitCode: 0, stdout, stderr });
      if (signal?.aborted) return reject(signal.reason as Error);
      if (typeof error.code === "number") return resolve({ exitCode: error.code, stdout, stderr });
      // The error itself holds the output, and with it perhaps a secret: only its code goes on.
      reject(new WaybillError("credential_helper_failed", `Cannot run "${program}": ${reasonOf(error)}`));
    });
    // A helper that never reads its input closes it: its exit code tells the rest.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}

function reasonOf(error: { code?: unknown; killed?: boolean }): string {
  if (error.code === "ENOENT") return "it is not on the PATH";
  if (typeof error.code === "string") return error.code;
  return error.killed ? `it did not end within ${timeoutMs / 1000} seconds` : "it was killed";
}
