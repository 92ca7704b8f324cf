import type { Descriptor } from "../spec/descriptor.ts";
import type { Location } from "../spec/reference.ts";
import type { KnownTags } from "./named.ts";
import type { PublishPolicy } from "./policy.ts";
import { stepId, type BarrierStep, type CompareStep, type ConfirmStep, type Step, type TagStep } from "./step.ts";

/** A target whose staging is planned, with the tags that still have to be written. */
export interface StagedTarget extends KnownTags {
  readonly at: Location;
  readonly tags: readonly string[];
  /** The steps that make it complete. */
  readonly staged: readonly string[];
}

/** How targets wait for each other, and what is asked for before tags are written. */
export interface PlanOptions {
  /**
   * No tag is written anywhere before every target is complete, and every tag everywhere was seen to name still what it
   * named. Without it each target is for itself.
   */
  readonly barrier: boolean;
  /**
   * What is asked for before tags are written: nothing (`ack`: acknowledgements are the proof), every manifest, or every blob
   * too. All but `ack` read tags back.
   */
  readonly verify: NonNullable<PublishPolicy["verify"]>;
  /** Tags that can be put back are written first; those that are new or unknown, and so cannot, last. Default: in the given order. */
  readonly newTagsLast?: boolean;
  /**
   * Each tag is asked for once more before it is written, also where there is no barrier. Default: only when that was long ago,
   * or where a target did not say what its tags name: once it holds the content, it may.
   */
  readonly compare?: boolean;
}

type TagPhaseStep = CompareStep | TagStep | ConfirmStep;

/** The end of a plan: how the tags of all targets come to name `root`. Pure. */
export function planTags(root: Descriptor, targets: readonly StagedTarget[], options: PlanOptions): Step[] {
  const { ready, gates } = options.barrier ? gatesFor(root, targets) : { ready: undefined, gates: [] };
  const readyOf = (target: StagedTarget) => (ready ? [ready.id] : target.staged);
  if (!options.newTagsLast) {
    return [...gates, ...targets.flatMap((target) => tagSteps(root, target, { ...options, after: readyOf(target) }))];
  }
  const first = targets.map((target) =>
    tagSteps(
      root,
      { ...target, tags: target.tags.filter((tag) => !isNew(target, tag)) },
      { ...options, after: readyOf(target) },
    ),
  );
  const moved = barrierAfter(`moved ${root.digest}`, first.flat());
  const last = targets.map((target, at) => {
    const own = idsOf(first[at] ?? []);
    const after = [...readyOf(target), ...(options.barrier ? [moved.id] : own)];
    return tagSteps(
      root,
      { ...target, tags: target.tags.filter((tag) => isNew(target, tag)) },
      { ...options, after, isNew: true },
    );
  });
  return [...gates, ...first.flat(), ...(options.barrier ? [moved] : []), ...last.flat()];
}

function isNew(target: StagedTarget, tag: string): boolean {
  return target.before[tag] === "absent" || target.before[tag] === undefined;
}

/** Complete everywhere, then compared everywhere: a tag that somebody else has moved is found before any is written. */
function gatesFor(root: Descriptor, targets: readonly StagedTarget[]): { ready: BarrierStep; gates: Step[] } {
  const staged: BarrierStep = {
    kind: "barrier",
    id: `barrier staged ${root.digest}`,
    after: targets.flatMap((target) => target.staged),
  };
  const compares = targets.flatMap((target) => compareSteps(root, target, staged));
  const compared = barrierAfter(`compared ${root.digest}`, compares);
  const ready = { ...compared, after: [staged.id, ...compared.after] };
  return { ready, gates: [staged, ...compares, ready] };
}

function compareSteps(root: Descriptor, target: StagedTarget, staged: BarrierStep): CompareStep[] {
  const { at, tags } = target;
  if (tags.length === 0) return [];
  const id = stepId("compare", root.digest, at);
  return [{ kind: "compare", id, at, after: [staged.id], content: root, tags, ...knownOf(target) }];
}

function knownOf({ before, demanded }: StagedTarget): KnownTags {
  return { before, ...(demanded && { demanded }) };
}

interface Tagging extends PlanOptions {
  readonly after: readonly string[];
  readonly isNew?: boolean;
}

function tagSteps(root: Descriptor, target: StagedTarget, tagging: Tagging): TagPhaseStep[] {
  const { at, tags, before } = target;
  if (tags.length === 0) return [];
  const { after, barrier, verify, isNew = false, compare = false } = tagging;
  const suffix = isNew ? " new" : "";
  const common = { at, content: root, tags };
  const id = stepId("tag", root.digest, at) + suffix;
  const tag: TagStep = {
    kind: "tag",
    id,
    after,
    ...common,
    ...knownOf(target),
    compare: (compare || tags.some((tag) => before[tag] === undefined)) && !barrier,
    ...(isNew && { irreversible: true }),
  };
  if (verify === "ack") return [tag];
  return [tag, { kind: "confirm", id: stepId("confirm", root.digest, at) + suffix, after: [id], ...common }];
}

function barrierAfter(id: string, steps: readonly TagPhaseStep[]): BarrierStep {
  return { kind: "barrier", id: `barrier ${id}`, after: idsOf(steps) };
}

function idsOf(steps: readonly { readonly id: string }[]): readonly string[] {
  return steps.map(({ id }) => id);
}
