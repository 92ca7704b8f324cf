import type { Command } from "commander";
import { messageOf, WaybillError } from "../../errors.ts";
import { shortDigest } from "../../spec/digest.ts";
import { formatLocation } from "../../spec/reference.ts";
import { failedState } from "../../transfer/cancelled.ts";
import type { TagResult, TargetResult } from "../../transfer/result.ts";
import { publicationId } from "../../transfer/publication.ts";
import { tagName, type Ending } from "../../transfer/recording.ts";
import { planRollback, rollback, type RollbackTag, type RollbackTarget } from "../../verbs/rollback.ts";
import { askYes, canAsk } from "../ask.ts";
import { openCommandContext } from "../context.ts";
import type { Host } from "../host.ts";
import {
  addCommonOptions,
  addExamples,
  addReachOptions,
  addStateOption,
  addSwitch,
  newCommand,
  type RegistryFlags,
} from "../options.ts";
import { recordedAs, type Recorded } from "../recorded.ts";
import { openRecorder } from "../recorder.ts";
import { inShow } from "../in-show.ts";
import { tableText } from "../show/table.ts";
import { stateFolder } from "../state-folder.ts";
import { typedName } from "../typed-name.ts";

interface RollbackFlags extends RegistryFlags {
  readonly yes?: boolean;
  readonly deleteCreatedTags?: boolean;
  readonly state?: string;
}

/** `waybill rollback`: puts the tags of a publish back. */
export function rollbackCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS] [ID|FILE]")
    .description(
      "Make the tags that a publish has moved name again what they named before. Tags that were new stay unless --delete-created-tags is given, and tags that somebody has moved since are left alone",
    )
    .argument(
      "[run]",
      "ID of a run (see `waybill history`) or a report file; without it, the only run that is remembered",
    );
  command.optionsGroup("Rolling back:");
  addSwitch(command, "-y, --yes", "Do not ask; needed where nobody can be asked");
  addSwitch(
    command,
    "--delete-created-tags",
    "Delete tags that were new, where the registry is known to delete nothing else with a tag",
  );
  addStateOption(command);
  addReachOptions(command);
  addCommonOptions(command);
  addExamples(
    command,
    ["See what would be moved, and be asked", `${path} waybill-report.json`],
    ["In a job", `${path} --yes waybill-report.json`],
  );
  return command.action((name: string | undefined, flags: RollbackFlags) => run(name, flags, host));
}

async function run(name: string | undefined, flags: RollbackFlags, host: Host): Promise<void> {
  const folder = stateFolder(flags.state, host);
  const words = { command: "rollback", doing: "roll back", called: "a run" };
  const wanted = { ...words, typed: typedName(host), state: flags.state, counts: () => true };
  const found = await recordedAs(name, folder, wanted);
  await inShow({ ...flags, quiet: true }, host, async (show, shown) => {
    const { recorder } = await openRecorder(recordFlags(flags, found), host, { ...found, news: show.report });
    await using context = await openCommandContext(flags, shown, show.report, recorder);
    // A run that is still going could write a tag after it was looked at, and may have told more by the time that it has ended.
    await using held = await recorder.reopen(found.publication);
    const recorded = await recordedAs(found.report ?? publicationId(found.publication), folder, wanted);
    const plan = await planRollback(recorded.publication, recorded.earlier, context, {
      deleteCreated: flags.deleteCreatedTags === true,
      heardAt: recorded.changedAt,
    });
    host.stderr.write(host.log.say(planText(plan)));
    const rollBack = () => rollback(plan, recorded.publication.root.digest, context);
    if (!plan.some(hasMoves)) return requireBack(plan, await rollBack());
    await requireYes(flags, host);
    await using recording = await held.begin();
    const results = await rollBack();
    await recording.end({ state: stateOf(results, context.signal), results });
    host.stderr.write(host.log.say(resultText(results)));
    requireBack(plan, results);
  });
}

function stateOf(results: readonly TargetResult[], signal: AbortSignal): Ending["state"] {
  if (results.every(({ error, tags }) => error === undefined && !tags.some(isFailed))) return "rolled-back";
  return failedState(signal);
}

function recordFlags({ state }: RollbackFlags, { report }: Recorded) {
  return { ...(state !== undefined && { state }), ...(report !== undefined && { report }) };
}

/** Whether anything is done about its tags, or waited for. */
function hasMoves({ tags }: RollbackTarget): boolean {
  return tags.some((tag) => isMove(tag) || tag.mayLand !== undefined);
}

function isMove({ move }: RollbackTag): boolean {
  return move === "put-back" || move === "delete";
}

async function requireYes({ yes }: RollbackFlags, host: Host): Promise<void> {
  if (yes) return;
  if (!canAsk(host)) {
    throw new WaybillError("invalid_argument", "Cannot ask whether to roll back: there is no terminal", {
      advice: "add --yes",
    });
  }
  if (!(await askYes("Put these tags back?", host))) {
    throw new WaybillError("cancelled", "Nothing was moved: the answer was no");
  }
}

/** What becomes of a tag, in cells. */
function moveText(tag: RollbackTag): readonly string[] {
  return [...moveWords(tag), ...(tag.mayLand ? ["waits for what its write comes to"] : [])];
}

function moveWords({ move, before, now }: RollbackTag): readonly [string, string] {
  switch (move) {
    case "put-back":
      return [now === before ? "put back once more to" : "put back to", shortDigest(before ?? "")];
    case "delete":
      return [now === before ? "is deleted, if it shows up: it was new" : "is deleted: it was new", ""];
    case "unseen":
      return ["cannot be looked at", ""];
    case "left":
      return [before === undefined ? "stays: what it named is not known" : "stays: it was new", ""];
    default:
      if (now !== undefined && now === before) return ["is as it was", now === "absent" ? "" : shortDigest(now)];
      return ["not ours any more: stays", `names ${now === undefined ? "?" : shortDigest(now)}`];
  }
}

function planText(plan: readonly RollbackTarget[]): string {
  const rows = plan.flatMap(({ at, tags, error }) => [
    ...tags.map((tag) => [`${formatLocation(at)}:${tag.tag}`, ...moveText(tag)]),
    ...(error === undefined ? [] : [[formatLocation(at), "cannot be looked at:", messageOf(error)]]),
  ]);
  return rows.length === 0 ? "There is nothing to put back: the run has moved no tag\n" : tableText(rows);
}

function resultText(results: readonly TargetResult[]): string {
  const rows = results.flatMap(({ at, tags }) =>
    tags.map(({ tag, state, before, why }) => [
      `${formatLocation(at)}:${tag}`,
      state.replace("-", " "),
      before === undefined ? "" : before === "absent" ? "(was absent)" : before,
      ...(why === undefined ? [] : [why]),
    ]),
  );
  return tableText(rows);
}

/**
 * @throws what kept a tag from being put back, `precondition_failed` where somebody has moved it since; as `partial` where others were
 *   put back, or may be; `partial` for new tags, which stay, and for those of which nobody can know what they come to name.
 */
function requireBack(plan: readonly RollbackTarget[], results: readonly TargetResult[]): void {
  const failed = results.find(({ error }) => error !== undefined);
  const hasMoved = plan.some(({ tags }, at) => tags.filter(isMove).some(({ tag }) => isBack(tag, results[at])));
  const isUnsettled = results.some(({ tags }) => tags.some(({ mayDiffer }) => mayDiffer));
  if (failed) throw hasMoved || isUnsettled ? partly(failed.error) : failed.error;
  const stayed = results.flatMap(({ at, tags }) =>
    tags.filter(({ state }) => state === "left-behind").map((told) => ({ ...told, name: tagName(at, told.tag) })),
  );
  const gone = results.flatMap(({ at, tags }) =>
    tags.filter(isFailed).map(({ tag, why = "no reason given" }) => `${tagName(at, tag)}: ${why}`),
  );
  if (isUnsettled) throw unsettled(gone);
  if (gone.length > 0) throw notOurs(gone, hasMoved || stayed.length > 0 ? "partial" : "precondition_failed");
  requireNone(stayed, plan.some(couldDelete));
}

/** True where --delete-created-tags takes away what stays now. */
function couldDelete({ tags, canDelete }: RollbackTarget): boolean {
  return canDelete === true && tags.some(({ move, before }) => move === "left" && before === "absent");
}

function isFailed({ state }: TagResult): boolean {
  return state === "failed";
}

function unsettled(tags: readonly string[]): WaybillError {
  const advice = "run the same command again in a minute: by then its registry has done it, or will not";
  return new WaybillError("partial", `Cannot put everything back: ${tags.join("; ")}`, { advice });
}

function notOurs(tags: readonly string[], code: "partial" | "precondition_failed"): WaybillError {
  const advice = "look at what it names: what somebody else has published is not taken back";
  return new WaybillError(code, `Cannot put everything back: ${tags.join("; ")}`, { advice });
}

function isBack(tag: string, result: TargetResult | undefined): boolean {
  return result?.tags.some((told) => told.tag === tag && told.state === "rolled-back") === true;
}

function partly(cause: unknown): WaybillError {
  const advice = "put right what failed, then run the same command again";
  return new WaybillError("partial", `Cannot put everything back: ${messageOf(cause)}`, { advice }, { cause });
}

/** A tag that names what was published still. */
type Stayed = Pick<TagResult, "before"> & { readonly name: string };

function requireNone(stayed: readonly Stayed[], couldDelete: boolean): void {
  if (stayed.length === 0) return;
  const seen = `${stayed.map(({ name }) => name).join(", ")} ${stayed.length === 1 ? "stays" : "stay"}`;
  const advice = adviceOn(stayed, couldDelete);
  throw new WaybillError("partial", `Cannot put everything back: ${seen}`, { advice });
}

function adviceOn(stayed: readonly Stayed[], couldDelete: boolean): string {
  const deleting = couldDelete
    ? "--delete-created-tags deletes tags that were new where nothing else goes with them, if they must go"
    : "delete tags that were new in the registry's web page, if they must go";
  const unknown = stayed.find(({ before }) => before === undefined)?.name;
  const advices = [
    ...(stayed.every(({ before }) => before === undefined) ? [] : [deleting]),
    ...(unknown === undefined
      ? []
      : [`nobody knows what ${unknown} named: publish the image that it shall name under it again`]),
  ];
  return advices.join("; ");
}
