import { createReadStream } from "node:fs";
import type { Command } from "commander";
import { WaybillError } from "../../errors.ts";
import { explain, knownCount, type Explanation } from "../../verbs/explain.ts";
import type { Host } from "../host.ts";
import { warn } from "../log/log.ts";
import { addCommonOptions, addExamples, addSwitch, newCommand } from "../options.ts";
import { reasonOf } from "../reason.ts";
import { explanationJson, explanationText } from "../show/explanation.ts";

interface ExplainFlags {
  readonly json?: boolean;
}

/** `waybill explain`: what a log of a failed publish says. */
export function explainCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS] FILE|-")
    .description(
      "Name the known failures in a log of `docker buildx imagetools create`, or of waybill: cause, versions concerned, what to run instead. Sends nothing anywhere",
    )
    .argument("<file>", "The log; - reads standard input");
  command.optionsGroup("Output:");
  addSwitch(command, "--json", "Print the result as JSON (schema/explain-1.json)");
  addCommonOptions(command);
  addExamples(
    command,
    ["A log that was downloaded", `${path} job.log`],
    [
      "Straight from the command",
      `docker buildx imagetools create -t acme/app:1 acme/app:1-amd64 2>&1 | tee job.log; ${path} job.log`,
    ],
    ["The ids of what was found", `${path} --json - < job.log | jq -r '.findings[].id'`],
  );
  return command.action((file: string, flags: ExplainFlags) => explainFile(file, flags, host));
}

async function explainFile(file: string, flags: ExplainFlags, host: Host): Promise<void> {
  const name = file === "-" ? "standard input" : `"${file}"`;
  const explanation = await explain(file === "-" ? host.stdin : createReadStream(file)).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  warnOfRest(explanation, name, host);
  if (flags.json) host.stdout.write(explanationJson(explanation));
  if (explanation.findings.length === 0) throw nothingKnown(explanation, name);
  if (!flags.json) host.stdout.write(explanationText(explanation, Math.min(host.stdout.columns ?? 80, 100)));
}

function warnOfRest({ read }: Explanation, name: string, host: Host): void {
  const { isWhole, bytes, cutLines } = read;
  if (!isWhole) warn(`only the first ${bytes} bytes of ${name} were read; give the end of the log`, host);
  if (cutLines > 0) warn(`${cutLines} very long lines were read only at their beginning`, host);
}

function unreadable(name: string, error: unknown): unknown {
  return new WaybillError("io_failed", `Cannot read ${name}: ${reasonOf(error)}`, {}, { cause: error });
}

function nothingKnown({ read }: Explanation, name: string): WaybillError {
  const seen = `none of ${knownCount} known failures is in its ${read.lines} lines`;
  const advice =
    "if it is a failure, please report it: the last 200 lines of the log without secrets, the command, and `waybill --version`, to the project's issues";
  return new WaybillError("unsupported", `Cannot explain ${name}: ${seen}`, { advice });
}
