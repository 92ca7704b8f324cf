import { openScope } from "../async/scope.ts";
import type { Digest } from "../spec/digest.ts";
import { formatLocation } from "../spec/reference.ts";
import { answersFor } from "../transfer/late.ts";
import { demanding, isFound, refused, type Looked } from "../transfer/look.ts";
import { movedSince, noNames, type Named } from "../transfer/named.ts";
import { closureRootOf, locationOf, targetsOf, type Publication } from "../transfer/publication.ts";
import { tagName } from "../transfer/recording.ts";
import { parseReferrersPolicy } from "../transfer/referrers.ts";
import { beginLooking } from "./as-tasks.ts";
import type { Context } from "./context.ts";
import type { CreateResult } from "./create.ts";
import { publishRoot } from "./publish-root.ts";
import { rememberedSources } from "./remembered.ts";

/**
 * Finishes a publish that was interrupted, from what was written down of it: its sources are read by digest, so that nothing
 * but the same image can come of it; what is there is not sent again; uploads go on where they stand.
 *
 * @returns also when targets failed: each result says what happened there since the first run.
 * @throws WaybillError `digest_mismatch`, `invalid_argument` where the record is not what it says; for what cannot be read from the
 *   sources, which is `partial` where an earlier run has moved a tag. `busy` where another process is at it. A tag that names
 *   neither what it named before nor the new content fails its target with `precondition_failed`.
 */
export async function resume(publication: Publication, context: Context): Promise<CreateResult> {
  const root = closureRootOf(publication);
  const referrers = parseReferrersPolicy(publication.referrers);
  const targets = targetsOf(publication);
  const pull = [...new Set(Object.values(publication.origins).flat())].map(locationOf);
  using _ = context.announce({ pull, push: targets.map(({ at }) => at) });
  const { policy } = publication;
  await using looks = openScope({ signal: context.signal });
  const present = presentIn(publication);
  const lookings = beginLooking(targets, looks, { ...context, present }).map(({ target, looking }) => ({
    target,
    looking: looking.then((entry) => unmoved(entry, publication)),
  }));
  const looked = await answersFor(policy, lookings, context);
  const { descriptor, bytes } = root.manifest;
  const published = await publishRoot(
    {
      root,
      looked,
      referrers,
      policy,
      open: rememberedSources(context),
    },
    context,
  );
  return { root: { descriptor, bytes }, ...published };
}

/** The tags that named something when the first run looked at them. */
function presentIn({ targets }: Publication): ReadonlySet<string> {
  const named = targets.flatMap(({ target, tags, before }) =>
    tags.filter((tag) => (before[tag] ?? "absent") !== "absent").map((tag) => tagName(target, tag)),
  );
  return new Set(named);
}

/** The entry, refused where somebody else has moved one of its tags since the first run looked at it. */
function unmoved(entry: Looked, { root, targets }: Publication): Looked {
  if (!isFound(entry)) return entry;
  const { target, before } = entry;
  const first = targets.find((told) => told.target === formatLocation(target.at))?.before ?? noNames;
  const moved = target.tags.find((tag) => isElsewhere(before[tag], { first: first[tag], root: root.digest }));
  if (moved === undefined) return demanding(entry, Object.entries(first));
  const advice = "look at what it names; to move it all the same, run the original command again";
  const told = { before: first[moved], now: before[moved] };
  return refused(entry, movedSince(tagName(target.at, moved), told, { side: "target", advice }));
}

function isElsewhere(
  now: Named | undefined,
  { first, root }: { readonly first: Named | undefined; readonly root: Digest },
): boolean {
  return first !== undefined && now !== undefined && now !== root && now !== first;
}
