import type { Digest } from "../spec/digest.ts";
import { formatLocation, sameLocation, type Location } from "../spec/reference.ts";
import type { Closure, Node } from "./closure.ts";
import type { CheckStep, Plan, StageStep, Step } from "./step.ts";

/** One repository or layout, with the tags it shall get, in order, and what each of them names now. */
export interface PlannedTarget {
  readonly at: Location;
  readonly tags: readonly string[];
  readonly before: Readonly<Record<string, Digest | "absent">>;
}

/** From this many blobs on, asking for the manifest first is cheaper than asking for each of its blobs. */
const worthACheck = 6;

/**
 * What to do so that every target holds `closure` and names its root. Pure: the same input gives the same plan. Content is
 * staged children first; tags come last. What is read from a target is not staged to it, and a target whose tags are right
 * already only gets the referrers that it lacks.
 */
export function planPublish(closure: Closure, targets: readonly PlannedTarget[]): Plan {
  return { steps: targets.flatMap((target) => planTarget(closure, target)) };
}

/** True when every tag of the target names `root` already, so that nothing of it needs to be written. */
export function isUpToDate(target: PlannedTarget, root: Digest): boolean {
  return target.tags.length > 0 && target.tags.every((tag) => target.before[tag] === root);
}

function planTarget(closure: Closure, target: PlannedTarget): Step[] {
  const upToDate = isUpToDate(target, closure.root);
  const needed = [...closure.nodes.values()].filter((node) => !isReadFrom(node, target.at));
  const nodes = upToDate ? withoutRootClosure(needed, closure) : needed;
  const checked = nodes.filter((node) => node.role === "manifest" && isWorthACheck(node, closure, upToDate));
  const checks = new Map(checked.map((node) => [node.content.digest, checkStep(node, target.at)]));
  const staged = nodes.filter((node) => node.content.digest !== closure.root || mustGoByDigest(closure, target));
  const untagged = target.tags.length === 0 ? closure.root : undefined;
  const stages = stageSteps(staged, nodes, checks, target.at).map((step) =>
    step.content.digest === untagged ? { ...step, isRoot: true as const } : step,
  );
  return [...checks.values(), ...stages, ...tagSteps(closure, target, stages)];
}

function isReadFrom(node: Node, at: Location): boolean {
  return node.from.some((from) => sameLocation(from, at));
}

function withoutRootClosure(nodes: readonly Node[], closure: Closure): Node[] {
  const present = new Set<Digest>();
  const mark = (digest: Digest): void => {
    const node = closure.nodes.get(digest);
    if (present.has(digest) || !node) return;
    present.add(digest);
    if (node.role === "manifest") for (const child of node.children) mark(child);
  };
  mark(closure.root);
  return nodes.filter((node) => !present.has(node.content.digest));
}

function isWorthACheck(node: Node, closure: Closure, upToDate: boolean): boolean {
  if (node.role !== "manifest" || node.content.digest === closure.root) return false;
  const blobs = node.children.filter((child) => closure.nodes.get(child)?.role === "blob");
  return upToDate || blobs.length >= worthACheck;
}

/** The tag's PUT stages the root, unless there is no tag, or referrers want to find their subject. */
function mustGoByDigest(closure: Closure, target: PlannedTarget): boolean {
  if (target.tags.length === 0) return true;
  return closure.referrers.some((digest) => subjectOf(closure.nodes.get(digest)) === closure.root);
}

function subjectOf(node: Node | undefined): Digest | undefined {
  return node?.role === "manifest" ? node.manifest.subject?.digest : undefined;
}

function checkStep(node: Node, at: Location): CheckStep {
  return { kind: "check", id: idOf("check", node.content.digest, at), at, after: [], content: node.content };
}

function stageSteps(
  staged: readonly Node[],
  nodes: readonly Node[],
  checks: ReadonlyMap<Digest, CheckStep>,
  at: Location,
): StageStep[] {
  const ids = new Map(staged.map((node) => [node.content.digest, idOf("stage", node.content.digest, at)]));
  const parents = parentsOf(nodes);
  return subjectsFirst(staged).map((node) => {
    const digest = node.content.digest;
    const wanted = node.role === "manifest" ? [digest] : (parents.get(digest) ?? []);
    const unless = wanted.flatMap((parent) => checks.get(parent)?.id ?? []);
    const before =
      node.role === "manifest" ? [...node.children, ...(subjectOf(node) ? [subjectOf(node) as Digest] : [])] : [];
    return {
      kind: "stage",
      id: idOf("stage", digest, at),
      at,
      after: before.flatMap((needed) => ids.get(needed) ?? []),
      content: node.content,
      role: node.role,
      from: node.from,
      ...(unless.length > 0 && unless.length === wanted.length && { unless }),
    };
  });
}

function parentsOf(nodes: readonly Node[]): ReadonlyMap<Digest, readonly Digest[]> {
  const parents = new Map<Digest, Digest[]>();
  for (const node of nodes) {
    if (node.role !== "manifest") continue;
    for (const child of node.children) parents.set(child, [...(parents.get(child) ?? []), node.content.digest]);
  }
  return parents;
}

/** The same order, but a referrer comes after its subject, whose closure the order may hold later. */
function subjectsFirst(nodes: readonly Node[]): Node[] {
  const byDigest = new Map(nodes.map((node) => [node.content.digest, node]));
  const ordered = new Map<Digest, Node>();
  const place = (node: Node): void => {
    if (ordered.has(node.content.digest)) return;
    const subject = byDigest.get(subjectOf(node) ?? node.content.digest);
    if (subject && subject !== node) placeWithChildren(subject);
    placeWithChildren(node);
  };
  const placeWithChildren = (node: Node): void => {
    if (ordered.has(node.content.digest)) return;
    if (node.role === "manifest") {
      for (const child of node.children.flatMap((digest) => byDigest.get(digest) ?? [])) placeWithChildren(child);
    }
    ordered.set(node.content.digest, node);
  };
  for (const node of nodes) place(node);
  return [...ordered.values()];
}

function tagSteps(closure: Closure, target: PlannedTarget, stages: readonly StageStep[]): Step[] {
  const root = closure.nodes.get(closure.root);
  const tags = target.tags.filter((tag) => target.before[tag] !== closure.root);
  if (!root || tags.length === 0) return [];
  const after = stages.filter((stage) => stage.role === "manifest" || isChildOf(root, stage)).map((stage) => stage.id);
  return [
    {
      kind: "tag",
      id: idOf("tag", closure.root, target.at),
      at: target.at,
      after,
      content: root.content,
      tags,
      before: target.before,
    },
  ];
}

function isChildOf(root: Node, stage: StageStep): boolean {
  return root.role === "manifest" && root.children.includes(stage.content.digest);
}

function idOf(kind: Step["kind"], digest: Digest, at: Location): string {
  return `${kind} ${digest} ${formatLocation(at)}`;
}
