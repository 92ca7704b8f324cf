import type { Digest } from "../spec/digest.ts";
import { sameLocation, type Location } from "../spec/reference.ts";
import type { Closure, Node } from "./closure.ts";
import type { KnownTags } from "./named.ts";
import { onceForEachRegistry } from "./plan-siblings.ts";
import { planTags, type PlanOptions } from "./plan-tags.ts";
import { stepId, type CheckStep, type Plan, type StageStep, type TargetStep, type VerifyStep } from "./step.ts";

/** One repository or layout, with the tags it shall get, in order, and what each of them names now. */
export interface PlannedTarget extends KnownTags {
  readonly at: Location;
  readonly tags: readonly string[];
}

/** One target: acknowledgements are proof enough, and its tag's write stages the root. */
const alone: PlanOptions = { barrier: false, verify: "ack" };
/** Several: none of them is tagged before all of them are complete. */
const asOne: PlanOptions = { barrier: true, verify: "manifests" };

/** From this many blobs on, asking for the manifest first is cheaper than asking for each of its blobs. */
const worthACheck = 6;

/**
 * What to do so that every target holds `closure` and names its root. Pure: the same input gives the same plan. Content is
 * staged children first; a blob goes to each registry once; tags come last. What is read from a target is not staged to it, and a target whose tags are right
 * already only gets the referrers that it lacks, unless all is to be verified. Default: several targets wait for each other and are verified.
 */
export function planPublish(
  closure: Closure,
  targets: readonly PlannedTarget[],
  options: PlanOptions = targets.length > 1 ? asOne : alone,
): Plan {
  const root = closure.nodes.get(closure.root);
  const stagings = targets.map((target) => stageTarget(closure, target, options));
  const staged = targets.map((target, at) => ({
    ...target,
    tags: target.tags.filter((tag) => target.before[tag] !== closure.root),
    staged: (stagings[at] ?? []).map(({ id }) => id),
  }));
  const complete = targets.filter((target) => isTakenAsComplete(target, closure, options)).map((target) => target.at);
  return {
    steps: [
      ...onceForEachRegistry(stagings.flat(), complete),
      ...(root ? planTags(root.content, staged, options) : []),
    ],
  };
}

/** True when every tag of the target names `root` already, so that nothing of it needs to be written. */
export function isUpToDate(target: PlannedTarget, root: Digest): boolean {
  return target.tags.length > 0 && target.tags.every((tag) => target.before[tag] === root);
}

/** A registry lets no tag name what lacks something. Whoever asks for `full` does not take its word for that. */
function isTakenAsComplete(target: PlannedTarget, { root }: Closure, { verify }: PlanOptions): boolean {
  return verify !== "full" && isUpToDate(target, root);
}

function stageTarget(closure: Closure, target: PlannedTarget, options: PlanOptions): TargetStep[] {
  const upToDate = isTakenAsComplete(target, closure, options);
  const all = upToDate ? withoutRootClosure([...closure.nodes.values()], closure) : [...closure.nodes.values()];
  const nodes = all.filter((node) => !isReadFrom(node, target.at));
  const isSaidToBeThere = isUpToDate(target, closure.root);
  const checked =
    options.verify === "full"
      ? nodes.filter(() => isSaidToBeThere)
      : nodes.filter((node) => isWorthACheck(node, closure, upToDate));
  const checks = new Map(checked.map((node) => [node.content.digest, checkStep(node, target.at)]));
  const isStaged = (node: Node) => node.content.digest !== closure.root || mustGoByDigest(closure, target, options);
  const untagged = target.tags.length === 0 ? closure.root : undefined;
  const stages = stageSteps(nodes.filter(isStaged), nodes, checks, target.at).map((step) =>
    step.content.digest === untagged ? { ...step, isRoot: true as const } : step,
  );
  const asked = isSaidToBeThere ? stages.map((step) => ({ ...step, mayBeThere: true as const })) : stages;
  return [...checks.values(), ...asked, ...verifySteps(all.filter(isStaged), checks, target.at, options)];
}

/** What a check has found by itself is not asked for again. */
function verifySteps(nodes: readonly Node[], checks: Checks, at: Location, { verify }: PlanOptions): VerifyStep[] {
  const verified = nodes.filter((node) => verify === "full" || (verify === "manifests" && node.role === "manifest"));
  return verified.map(({ content, from }) => {
    const after = from.some((place) => sameLocation(place, at)) ? [] : [stepId("stage", content.digest, at)];
    const check = verify === "full" ? checks.get(content.digest)?.id : undefined;
    const id = stepId("verify", content.digest, at);
    return { kind: "verify", id, at, after, content, ...(check !== undefined && { unless: [check] }) };
  });
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

/** The tag's PUT stages the root, unless there is no tag, others are waited for, or referrers want to find their subject. */
function mustGoByDigest(closure: Closure, target: PlannedTarget, { barrier, verify }: PlanOptions): boolean {
  if (target.tags.length === 0 || barrier || verify !== "ack") return true;
  return closure.referrers.some((digest) => subjectOf(closure.nodes.get(digest)) === closure.root);
}

function subjectOf(node: Node | undefined): Digest | undefined {
  return node?.role === "manifest" ? node.manifest.document.subject?.digest : undefined;
}

type Checks = ReadonlyMap<Digest, CheckStep>;

function checkStep(node: Node, at: Location): CheckStep {
  return { kind: "check", id: stepId("check", node.content.digest, at), at, after: [], content: node.content };
}

function stageSteps(staged: readonly Node[], nodes: readonly Node[], checks: Checks, at: Location): StageStep[] {
  const ids = new Map(staged.map((node) => [node.content.digest, stepId("stage", node.content.digest, at)]));
  const parents = parentsOf(nodes);
  return subjectsFirst(staged).map((node) => {
    const digest = node.content.digest;
    const wanted = node.role === "manifest" || checks.has(digest) ? [digest] : (parents.get(digest) ?? []);
    const unless = wanted.flatMap((parent) => checks.get(parent)?.id ?? []);
    const before =
      node.role === "manifest" ? [...node.children, ...(subjectOf(node) ? [subjectOf(node) as Digest] : [])] : [];
    return {
      kind: "stage",
      id: stepId("stage", digest, at),
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
