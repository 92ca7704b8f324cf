import type { Command } from "commander";
import { resume } from "../../verbs/resume.ts";
import { requireDistinct } from "../distinct-files.ts";
import type { Host } from "../host.ts";
import { addCommonOptions, addExamples, addRegistryOptions, newCommand } from "../options.ts";
import { isUnfinished, recordedAs } from "../recorded.ts";
import { addRecordOptions } from "../recorder.ts";
import { addProgressOptions } from "../in-show.ts";
import { runPublish, type PublishFlags } from "../run-publish.ts";
import { addTimelineOption } from "../timeline/film.ts";
import { stateFolder } from "../state-folder.ts";
import { typedName } from "../typed-name.ts";

/** `waybill resume`: finishes what was interrupted. */
export function resumeCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS] [ID|FILE]")
    .description(
      "Finish a publish that was interrupted or has failed, from its journal or its report. The image is the same, whatever its sources are called now; what is there is not sent again; a tag that somebody else has moved meanwhile is left alone",
    )
    .argument("[run]", "ID of a run (see `waybill history`) or a report file; without it, the only unfinished run");
  command.optionsGroup("Output:");
  addProgressOptions(command);
  addTimelineOption(command);
  addRecordOptions(command);
  addRegistryOptions(command);
  addCommonOptions(command);
  addExamples(
    command,
    ["Go on with the one that was interrupted", path],
    ["Go on, on another machine, from the report that the job has kept", `${path} waybill-report.json`],
  );
  return command.action(async (name: string | undefined, flags: PublishFlags) => {
    const recorded = await recordedAs(name, stateFolder(flags.state, host), {
      typed: typedName(host),
      state: flags.state,
      command: "resume",
      doing: "resume",
      counts: isUnfinished,
      called: "an unfinished run",
    });
    const { publication, earlier, startedAt, report = flags.report } = recorded;
    const own = report === undefined ? flags : { ...flags, report: flags.report ?? report };
    requireDistinct({ "--report": own.report, "--timeline": own.timeline });
    const failure = await runPublish((context) => resume(publication, context), own, host, {
      title: `waybill resume ${publication.targets.map(({ target }) => target).join(" ")}`,
      earlier,
      startedAt,
    });
    if (failure !== undefined) throw failure;
  });
}
