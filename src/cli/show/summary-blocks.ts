import { shortDigest, type Digest } from "../../spec/digest.ts";
import { formatLocation } from "../../spec/reference.ts";
import type { TagResult, TargetResult } from "../../transfer/result.ts";
import type { CreateResult } from "../../verbs/create.ts";
import { formatBytes, formatDuration } from "../units.ts";
import type { Style, Styles } from "./styles.ts";
import type { Cell } from "./table.ts";

/** One target: as rows of a table, and as lines for a terminal that is too narrow for one. */
export interface Block {
  readonly rows: readonly (readonly Cell[])[];
  readonly folded: readonly { readonly text: string; readonly first: string }[];
}

/** Blocks, and what stands above their columns. */
export interface Blocks {
  readonly head: readonly Cell[];
  readonly blocks: readonly Block[];
}

/** One row for a target: everything went well. */
export function successBlocks(targets: readonly TargetResult[], { dim }: Styles): Blocks {
  const head = ["target", "tags", "sent", "mounted", "skipped", "time"].map((text) => ({ text, style: dim }));
  return { head, blocks: targets.map(successBlock) };
}

function successBlock(target: TargetResult): Block {
  const tags = target.tags.map((tag) => `${tag.tag} ${tag.state}${movedFrom(tag)}`).join(", ") || "(by digest)";
  const took = formatDuration(target.durationMs);
  const name = formatLocation(target.at);
  return {
    rows: [[name, tags, ...amountsOf(target), took].map((text) => ({ text }))],
    folded: [
      { text: name, first: "  " },
      { text: tags, first: "    " },
      { text: [...amountWords(target), took].join(", "), first: "    " },
    ],
  };
}

function movedFrom({ state, before }: TagResult): string {
  return state === "moved" ? ` (was ${wordFor(before)})` : "";
}

/** A row for each tag: which of them stands where is the news. */
export function failureBlocks({ targets, root }: CreateResult, styles: Styles): Blocks {
  const head = ["target", "tag", "result", "digest", "sent", "mounted", "skipped"];
  const rootDigest = bare(root.descriptor.digest);
  return {
    head: head.map((text) => ({ text, style: styles.dim })),
    blocks: targets.map((target) => failureBlock(target, rootDigest, styles)),
  };
}

function failureBlock(target: TargetResult, root: string, styles: Styles): Block {
  const name = formatLocation(target.at);
  const amounts = amountsOf(target).map((text) => ({ text }));
  const tags = target.tags.map((tag): readonly Cell[] => {
    const state = tag.state.replace("-", " ");
    return [{ text: tag.tag }, { text: state, style: styleOf(tag, styles) }, { text: digestWords(tag, root) }];
  });
  const lines = tags.length > 0 ? tags : [[{ text: "(by digest)" }, { text: stateOf(target) }, { text: "" }]];
  return {
    rows: lines.map((cells, at) => (at === 0 ? [{ text: name }, ...cells, ...amounts] : [{ text: "" }, ...cells])),
    folded: [
      { text: [name, amountWords(target).join(", ")].filter(Boolean).join("  "), first: "  " },
      ...lines.map((cells) => ({
        text: cells
          .map(({ text }) => text)
          .filter(Boolean)
          .join("  "),
        first: "    ",
      })),
    ],
  };
}

function stateOf({ error, heldBack }: TargetResult): string {
  if (error !== undefined) return "failed";
  return heldBack ? "not attempted" : "complete";
}

/** What the tag names now, and before; why it was not put back. Foreign text. */
function digestWords({ state, before, now, why }: TagResult, root: string): string {
  // Why may say already what it names now.
  const last = why === undefined ? (now ?? before) : before;
  const was = last === undefined ? "" : wordFor(last);
  const because = why === undefined ? "" : `: ${why}`;
  switch (state) {
    case "created":
      return `${root} (new)`;
    case "moved":
      return `${wordFor(before)} → ${root}`;
    case "unchanged":
      return root;
    case "left-behind":
      return `${root} (was ${wordFor(before)}${because})`;
    case "rolled-back":
      return `${was} (as before${because})`;
    case "failed":
      return `${was}${because}`;
    default:
      return was;
  }
}

function styleOf({ state }: TagResult, { green, red, yellow, dim }: Styles): Style {
  if (state === "failed") return red;
  if (state === "rolled-back" || state === "left-behind") return yellow;
  return state === "not-attempted" ? dim : green;
}

function amountsOf({ sentBytes, mountedBytes, skippedBytes }: TargetResult): readonly string[] {
  return [sentBytes, mountedBytes, skippedBytes].map(formatBytes);
}

function amountWords({ sentBytes, mountedBytes, skippedBytes }: TargetResult): readonly string[] {
  const words: readonly (readonly [number, string])[] = [
    [sentBytes, "sent"],
    [mountedBytes, "mounted"],
    [skippedBytes, "skipped"],
  ];
  return words.filter(([bytes]) => bytes > 0).map(([bytes, word]) => `${formatBytes(bytes)} ${word}`);
}

function wordFor(before: Digest | "absent" | undefined): string {
  if (before === undefined) return "unknown";
  return before === "absent" ? before : bare(before);
}

function bare(digest: string): string {
  return shortDigest(digest).replace(/^sha(?:256|512):/, "");
}
