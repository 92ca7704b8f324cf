import { display } from "../../spec/display.ts";
import { formatLocation } from "../../spec/reference.ts";
import type { CreateResult } from "../../verbs/create.ts";
import { isComplete } from "../../transfer/outcome.ts";
import { formatBytes, formatDuration } from "../units.ts";
import { tableText } from "./table.ts";

type Target = CreateResult["targets"][number];

/** The result for people: the digest, a line for each target, and what did not travel. */
export function summaryText(result: CreateResult): string {
  const { digest, mediaType } = result.root.descriptor;
  const head = ["target", "tags", "sent", "mounted", "skipped", "time"];
  const rows = result.targets.map(rowOf);
  const isPublished = result.targets.some(isComplete);
  const leftBehind = isPublished ? Object.entries(result.leftBehind) : [];
  const left = leftBehind.map(([type, count]) => `${count} ${display(type)}`);
  const leftLine = left.length === 0 ? "" : `left behind: ${left.join(", ")} (see --referrers)\n`;
  return `${digest} ${display(mediaType)}\n${tableText([head, ...rows])}${leftLine}`;
}

function rowOf(target: Target): readonly string[] {
  const tags = target.tags.map(({ tag, state }) => `${tag} ${state.replace("-", " ")}`).join(", ");
  const amounts = [target.sentBytes, target.mountedBytes, target.skippedBytes].map(formatBytes);
  const failure =
    target.error === undefined
      ? []
      : [`failed: ${target.error instanceof Error ? target.error.message : "no reason given"}`];
  const held = target.heldBack ? ["held back: another target failed"] : [];
  return [
    formatLocation(target.at),
    tags || "(by digest)",
    ...amounts,
    formatDuration(target.durationMs),
    ...failure,
    ...held,
  ];
}
