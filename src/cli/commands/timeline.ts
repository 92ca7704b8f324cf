import type { Command } from "commander";
import { WaybillError } from "../../errors.ts";
import type { RecordedRun } from "../../transfer/recorded-run.ts";
import { runFolder } from "../../transfer/runs.ts";
import type { Host } from "../host.ts";
import { runsNamed, theOnly, unknownRun, type Choice } from "../named-run.ts";
import { addCommonOptions, addExamples, addStateOption, addValue, newCommand } from "../options.ts";
import { reasonOf } from "../reason.ts";
import { stateFolder } from "../state-folder.ts";
import { typedArguments, typedName } from "../typed-name.ts";
import { pageFor, writePage } from "../timeline/film.ts";
import { readFilm } from "../timeline/kept.ts";
import { journalFilm } from "../timeline/notes.ts";

interface Flags {
  readonly output?: string;
  readonly state?: string;
}

/** `waybill timeline`: a picture of an earlier run. */
export function timelineCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS] [ID]")
    .description(
      "Draw an earlier publish as a page to look at, from what its journal has kept: registries as lanes, blobs and requests as bars, what waited for what. The page needs no network",
    )
    .argument("[run]", "ID of a run (see `waybill history`), or its beginning; without it, the latest");
  command.optionsGroup("Output:");
  addValue(command, "-o, --output <path>", "Where the page is written (default: waybill-timeline-ID.html)");
  addStateOption(command);
  addCommonOptions(command);
  addExamples(
    command,
    ["What the latest publish spent its time on", path],
    ["The same, while it runs", "waybill create --timeline timeline.html …"],
  );
  return command.action(async (id: string | undefined, flags: Flags) => {
    const folder = stateFolder(flags.state, host);
    const typed = typedName(host);
    const run = await runNamed(id, folder, { typed, state: flags.state });
    const resume = `${typed} resume ${typedArguments(flags.state, run.id)}`;
    const film = (await readFilm(runFolder(folder, run.id))) ?? journalFilm(run, resume);
    const output = flags.output ?? `waybill-timeline-${run.id}.html`;
    await written(output, await pageFor(film));
    host.stdout.write(`${output}\n`);
  });
}

async function runNamed(
  id: string | undefined,
  folder: string,
  known: Pick<Choice, "typed" | "state">,
): Promise<RecordedRun> {
  const choice = { doing: `draw a timeline of run "${id ?? "latest"}"`, command: "timeline", ...known };
  const runs = await runsNamed(folder, id);
  const run = id === undefined ? runs[0] : theOnly(runs, choice);
  if (!run) throw unknownRun(choice);
  return run;
}

async function written(path: string, page: string): Promise<void> {
  try {
    await writePage(path, page);
  } catch (error) {
    if (error instanceof WaybillError) throw error;
    const reason = reasonOf(error, { missing: "folder" });
    throw new WaybillError("io_failed", `Cannot write timeline "${path}": ${reason}`, {}, { cause: error });
  }
}
