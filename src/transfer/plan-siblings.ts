import type { Digest } from "../spec/digest.ts";
import type { Location } from "../spec/reference.ts";
import type { StageStep, TargetStep } from "./step.ts";

/**
 * The same steps, each blob sent once to a registry: where several of its repositories shall have a blob, the first gets it and
 * the others come behind it and take it from there. That is an order without a need: where the first fails, they get it as if
 * they were alone. What can be taken from a source on the same registry, or from a target that has everything, needs no
 * waiting. Pure.
 */
export function onceForEachRegistry(steps: readonly TargetStep[], complete: readonly Location[]): TargetStep[] {
  const first = new Map<string, StageStep>();
  return steps.map((step) => {
    if (step.kind !== "stage" || step.role !== "blob" || step.at.kind !== "registry") return step;
    const { host } = step.at;
    if (step.from.some((place) => isAt(place, host))) return step;
    const holder = complete.find((place) => isAt(place, host));
    if (holder) return { ...step, siblings: [holder] };
    const earlier = first.get(nameOf(host, step.content.digest));
    if (!earlier) first.set(nameOf(host, step.content.digest), step);
    return earlier ? { ...step, behind: earlier.id, siblings: [earlier.at] } : step;
  });
}

function isAt(place: Location, host: string): boolean {
  return place.kind === "registry" && place.host === host;
}

function nameOf(host: string, digest: Digest): string {
  return `${digest} ${host}`;
}

/** Where a blob can be read, best first: from a sibling of the target that has it, else from where it came. */
export function placesToRead(
  { siblings = [], from, content }: Pick<StageStep, "siblings" | "from" | "content">,
  hasBrought: (at: Location, digest: Digest) => boolean,
): readonly Location[] {
  return [...siblings.filter((at) => hasBrought(at, content.digest)), ...from];
}
