import type { Command } from "commander";
import { WaybillError } from "../../errors.ts";
import { display, displayJson } from "../../spec/display.ts";
import type { RecordedRun } from "../../transfer/recorded-run.ts";
import { listRuns } from "../../transfer/runs.ts";
import type { Host } from "../host.ts";
import { addCommonOptions, addExamples, addSwitch, addValue, asText, newCommand } from "../options.ts";
import { runsText } from "../recorded.ts";
import { writeResult } from "../result.ts";
import { stateFolder, thisProcess } from "../state-folder.ts";
import { typedName } from "../typed-name.ts";

interface HistoryFlags {
  readonly state?: string;
  readonly json?: boolean;
}

/** `waybill history`: what the journals of this machine tell. */
export function historyCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS] [ID]")
    .description("List the publishes that this machine remembers, the latest first: 200 of them, for 30 days")
    .argument("[run]", "ID of a run, or its beginning: what became of each of its targets");
  command.optionsGroup("Output:");
  addSwitch(command, "--json", "Write JSON");
  addValue(command, "--state <folder>", "Where the journals are kept (default: $XDG_STATE_HOME/waybill)", asText);
  addCommonOptions(command);
  addExamples(command, ["What was published here, and what is unfinished", path]);
  return command.action(async (id: string | undefined, flags: HistoryFlags) => {
    const all = await listRuns(stateFolder(flags.state, host), thisProcess().user);
    const runs = id === undefined ? all : all.filter((run) => run.id.startsWith(id));
    if (id !== undefined && runs.length !== 1) throw unknown(id, runs.length, typedName(host));
    writeResult(host.stdout, flags.json ? jsonText(runs) : textOf(runs, id));
  });
}

function unknown(id: string, found: number, typed: string): WaybillError {
  const seen = found === 0 ? "no journal tells of it" : `${found} runs begin so`;
  return new WaybillError("not_found", `Cannot show run "${id}": ${seen}`, { advice: `see \`${typed} history\`` });
}

function textOf(runs: readonly RecordedRun[], id: string | undefined): string {
  if (runs.length === 0) return "No publish is remembered here\n";
  const [run] = runs;
  return id === undefined || !run ? runsText(runs) : runsText(runs) + targetsText(run);
}

function targetsText({ targets }: RecordedRun): string {
  return targets
    .flatMap(({ target, tags, error }) => [
      ...tags.map(
        ({ tag, state, before }) =>
          `  ${target}:${tag}  ${state}  before: ${before === undefined ? "unknown" : (before ?? "nothing")}\n`,
      ),
      ...(error ? [`  ${target}  failed: ${display(error.message)}\n`] : []),
    ])
    .join("");
}

function jsonText(runs: readonly RecordedRun[]): string {
  return `${displayJson(JSON.stringify(runs.map(jsonOf), undefined, 2))}\n`;
}

function jsonOf({ id, state, undoes, startedAt, changedAt, publication, targets }: RecordedRun): object {
  const { mediaType, digest, size } = publication.root;
  return {
    id,
    state,
    undoes,
    startedAt: new Date(startedAt).toISOString(),
    changedAt: new Date(changedAt).toISOString(),
    root: { mediaType, digest, size },
    tags: publication.targets.map(({ target, tags, before }) => ({ target, tags, before })),
    targets,
  };
}
