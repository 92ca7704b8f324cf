import { backoffMs } from "../async/backoff.ts";
import { sleep } from "../async/clock.ts";
import { lagMs, lagPatience } from "../async/lag-patience.ts";
import type { CallOptions } from "../content/store.ts";
import { hasCode, WaybillError } from "../errors.ts";
import { drain } from "../http/body.ts";
import { descriptorJson, type Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { goJson } from "../spec/json.ts";
import type { Index } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { ask, contextOf, inTask, nameOfRepository, type Access } from "./access.ts";
import { readManifest } from "./manifests.ts";
import { problemOf } from "./problem.ts";
import { referrersTag } from "./referrers.ts";

const maxRounds = 6;

/** Keeps the lists of referrers of one repository whose registry does not. */
export interface FallbackTags {
  /** Lists `referrer` under the tag of its subject. Writers in this process wait for each other, per subject, and share writes. */
  add(subject: Digest, referrer: Descriptor, options?: CallOptions): Promise<void>;
}

/**
 * Others may write the same tag at the same time, and few registries know conditional requests. So every write is read
 * again, and repeated where the entry is missing.
 *
 * Spec: distribution-spec v1.1.1, "Pushing Manifests with Subject", steps for registries without the referrers API.
 */
export function fallbackTags(access: Access): FallbackTags {
  const lines = new Map<string, Line>();
  return {
    add(subject, referrer, options = {}) {
      const tag = referrersTag(subject);
      const line = lines.get(tag) ?? { turn: Promise.resolve(), ours: new Map(), listed: new Set() };
      lines.set(tag, line);
      line.ours.set(referrer.digest, referrer);
      const list = async () => {
        if (line.listed.has(referrer.digest)) return;
        const { signal = access.signal } = options;
        const { manifests } = await addTo(inTask(access, options), tag, { referrer, ours: line.ours, signal });
        for (const { digest } of manifests) line.listed.add(digest);
      };
      const work = line.turn.then(list);
      const turn = work.then(ignore, ignore);
      line.turn = turn;
      // Later on others may have changed the list: what was seen holds for those who were waiting then.
      void turn.then(() => line.turn === turn && line.listed.clear());
      return work;
    },
  };
}

/** The writers of one tag. */
interface Line {
  /** Settles when the last in line is done. */
  turn: Promise<void>;
  /** What this run has to list, that of those who wait included: whoever writes writes it for all. */
  readonly ours: Map<Digest, Descriptor>;
  /** What was seen in the list by the last who wrote it. */
  readonly listed: Set<Digest>;
}

function ignore(): void {
  // The next in line does not depend on how this one fared.
}

interface Addition extends CallOptions {
  readonly referrer: Descriptor;
  /** All that this run has to list or has listed: a registry that shows its own writes late must not make us drop it. */
  readonly ours: ReadonlyMap<Digest, Descriptor>;
}

/** @returns the list as it is with the referrer in it. */
async function addTo(access: Access, tag: string, addition: Addition): Promise<Index> {
  const isListed = ({ index }: Version) => index.manifests.some(({ digest }) => digest === addition.referrer.digest);
  const until = access.clock.now() + lagMs;
  let now = await read(access, tag, addition);
  for (let round = 0; !isListed(now) && round < maxRounds; round++) {
    // Another writer is met at once, unless it goes on.
    if (round > 2) await sleep(access.clock, backoffMs(round, access.random), addition.signal);
    await write(access, tag, { ...addition, ...now });
    now = await readAfter(access, tag, { ...addition, replaced: now, until });
  }
  if (isListed(now)) return now.index;
  const { referrer } = addition;
  const message = `Cannot list referrer ${referrer.digest} in "${nameOfRepository(access)}": somebody else keeps replacing tag "${tag}"`;
  throw new WaybillError("busy", message, { ...contextOf(access), subject: tag });
}

interface Version {
  /** Of the list; absent where there is none. */
  readonly digest?: Digest;
  readonly index: Index;
  readonly etag?: string;
}

/** Reads what a write has come to. A registry that shows its own writes late, and so what was there before, is given time. */
async function readAfter(
  access: Access,
  tag: string,
  { replaced, until, signal }: CallOptions & { readonly replaced: Version; readonly until: number },
): Promise<Version> {
  const patience = lagPatience(access.clock, until);
  for (;;) {
    const now = await read(access, tag, { signal });
    if (now.digest !== replaced.digest || !(await patience.wait(signal))) return now;
  }
}

const empty: Index = { kind: "index", mediaType: mediaTypes.ociIndex, manifests: [] };

async function read(access: Access, tag: string, { signal }: CallOptions): Promise<Version> {
  try {
    const { manifest, etag } = await readManifest(access, tag, { signal });
    const index = manifest.document.kind === "index" ? manifest.document : empty;
    return { digest: manifest.descriptor.digest, index, ...(etag !== undefined && { etag }) };
  } catch (error) {
    if (hasCode(error, "not_found")) return { index: empty };
    throw error;
  }
}

/** Writes the list with what it lacks. A list that was replaced in between stays as it is. */
async function write(access: Access, tag: string, { ours, index, etag, signal }: Addition & Version): Promise<void> {
  const missing = [...ours.values()].filter(({ digest }) =>
    index.manifests.every((listed) => listed.digest !== digest),
  );
  const manifests = [...index.manifests, ...missing].map(descriptorJson);
  const { annotations } = index;
  const json = goJson({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, annotations });
  const response = await ask(access, {
    method: "PUT",
    path: `manifests/${tag}`,
    operation: "manifest",
    rights: "pull,push",
    headers: { "content-type": mediaTypes.ociIndex, ...(etag !== undefined && { "if-match": etag }) },
    body: Buffer.from(json),
    signal,
  });
  if (response.status < 300 || response.status === 412) return drain(response);
  throw await problemOf(access, response, `Cannot write tag "${tag}" in`);
}
