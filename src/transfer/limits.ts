import { WaybillError } from "../errors.ts";
import { formatLocation, sameLocation } from "../spec/reference.ts";
import type { Closure, Node } from "./closure.ts";
import { isFound, namesAlready, refused, type Looked } from "./look.ts";

/** The entry, refused where the target is known not to take something that it would be sent. Pure. */
export function withinLimits(entry: Looked, closure: Closure): Looked {
  if (!isFound(entry) || namesAlready(entry, closure.root)) return entry;
  const { target, facts } = entry;
  const limitOf = ({ role }: Node) => (role === "blob" ? facts.maxBlobBytes : facts.maxManifestBytes);
  const isHere = ({ from }: Node) => from.some((place) => sameLocation(place, target.at));
  for (const node of closure.nodes.values()) {
    const limit = limitOf(node);
    if (limit === undefined || node.content.size <= limit || isHere(node)) continue;
    return refused(entry, tooLarge(node, formatLocation(target.at), limit));
  }
  return entry;
}

function tooLarge({ role, content }: Node, name: string, limit: number): WaybillError {
  const message = `Cannot push ${role} ${content.digest} to "${name}": its ${content.size} bytes are more than the ${limit} that this registry takes`;
  const advice =
    role === "blob"
      ? "make the layer smaller, or publish this image without that target"
      : "shorten its annotations, or publish fewer platforms at once";
  return new WaybillError("too_large", message, { subject: content.digest, side: "target", advice });
}
