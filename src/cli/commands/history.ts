import type { Command } from "commander";
import { display, displayJson } from "../../spec/display.ts";
import type { Digest } from "../../spec/digest.ts";
import { namedJson } from "../../transfer/named.ts";
import type { PublicationTarget } from "../../transfer/publication.ts";
import type { RecordedRun } from "../../transfer/recorded-run.ts";
import type { Host } from "../host.ts";
import { runsNamed, theOnly, unknownRun } from "../named-run.ts";
import { addCommonOptions, addExamples, addStateOption, addSwitch, newCommand } from "../options.ts";
import { runsText } from "../runs-text.ts";
import { writeResult } from "../result.ts";
import { stateFolder } from "../state-folder.ts";
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
  addStateOption(command);
  addCommonOptions(command);
  addExamples(command, ["What was published here, and what is unfinished", path]);
  return command.action(async (id: string | undefined, flags: HistoryFlags) => {
    const runs = await runsNamed(stateFolder(flags.state, host), id);
    const choice = { doing: `show run "${id}"`, command: "history", typed: typedName(host), state: flags.state };
    if (id !== undefined && !theOnly(runs, choice)) throw unknownRun(choice);
    writeResult(host.stdout, flags.json ? jsonText(runs) : textOf(runs, id));
  });
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
    tags: publication.targets.map(({ target, tags, before }) => ({ target, tags, before: namedBefore(before) })),
    targets,
  };
}

/** `null` where a tag named nothing, as in `targets`. */
function namedBefore(before: PublicationTarget["before"]): Readonly<Record<string, Digest | null>> {
  return Object.fromEntries(Object.entries(before).map(([tag, named]) => [tag, namedJson(named)]));
}
