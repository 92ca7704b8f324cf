import { parseDigest, type Digest } from "../spec/digest.ts";
import { goJson } from "../spec/json.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { json, type Answer } from "./answer.ts";
import type { StoredManifest } from "./catalogue.ts";
import type { Exchange } from "./exchange.ts";
import { refusal } from "./refusal.ts";

/** Below the 4 MiB that clients are sure to take. */
const maxReferrersBytes = 3 * 1024 * 1024;

export function listTags(exchange: Exchange, repository: string): Answer {
  const tags = exchange.storage.catalogue.tags(repository);
  if (!tags) throw refusal(404, "NAME_UNKNOWN", "Cannot list tags: nobody has written to this repository");
  const { items, headers } = page(exchange, tags, `/v2/${repository}/tags/list`);
  return json({ name: repository, tags: items }, headers);
}

/** Only repositories that the client may read. */
export function listRepositories(exchange: Exchange): Answer {
  const { items, headers } = page(exchange, exchange.storage.catalogue.repositories(), "/v2/_catalog");
  return json({ repositories: items }, headers);
}

/** `all` from after `last`, at most `n`, with a link to what follows. Spec: distribution-spec v1.1.1, "Listing Tags". */
function page({ query, settings }: Exchange, all: readonly string[], path: string) {
  const wanted = query.get("n");
  if (wanted !== null && !/^[0-9]+$/.test(wanted))
    throw refusal(400, "UNSUPPORTED", "Cannot list: n must be a number, 0 or more");
  const last = query.get("last");
  const start = last === null ? 0 : countUpTo(last, all);
  const count = Math.min(wanted === null ? Number.POSITIVE_INFINITY : Number(wanted), settings.maxPage);
  const items = all.slice(start, start + count);
  const end = items.at(-1);
  if (end === undefined || start + items.length === all.length) return { items, headers: {} };
  const next = new URLSearchParams({ n: String(items.length), last: end });
  return { items, headers: { link: `<${path}?${next.toString()}>; rel="next"` } };
}

/** How many of the sorted `names` are not after `last`. */
function countUpTo(last: string, names: readonly string[]): number {
  let [low, high] = [0, names.length];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if ((names[middle] ?? "") > last) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** An index of the manifests whose subject is `name`; empty where there is none. Spec: distribution-spec v1.1.1, "Listing Referrers". */
export function listReferrers({ query, storage, settings }: Exchange, repository: string, name: string): Answer {
  if (!settings.referrers)
    throw refusal(404, "UNSUPPORTED", "Cannot list referrers: this registry does not have the API");
  const subject = parseDigest(name);
  const type = query.get("artifactType");
  const all = storage.catalogue.referrers(repository, subject);
  const matching = type === null ? all : all.filter(({ artifactType }) => artifactType === type);
  const last = query.get("last");
  const rest = last === null ? matching : matching.filter(({ digest }) => digest > last);
  const { written, end } = fill(rest, settings.maxPage);
  const body = `{"schemaVersion":2,"mediaType":"${mediaTypes.ociIndex}","manifests":[${written.join(",")}]}`;
  const headers = {
    "content-type": mediaTypes.ociIndex,
    ...(type !== null && { "oci-filters-applied": "artifactType" }),
    ...(end && { link: `<${nextPath(repository, subject, type, end)}>; rel="next"` }),
  };
  return { status: 200, headers, body: Buffer.from(body) };
}

/** As many descriptors as one answer may hold, and the last of them where more follow. */
function fill(manifests: readonly StoredManifest[], maxCount: number): { written: string[]; end?: Digest } {
  const written: string[] = [];
  let sizeBytes = 0;
  for (const [at, manifest] of manifests.entries()) {
    const text = goJson(descriptorOf(manifest));
    sizeBytes += Buffer.byteLength(text) + 1;
    const previous = manifests[at - 1];
    if (previous && (sizeBytes > maxReferrersBytes || at >= maxCount)) return { written, end: previous.digest };
    written.push(text);
  }
  return { written };
}

function descriptorOf({ mediaType, digest, sizeBytes, artifactType, annotations }: StoredManifest): object {
  return { mediaType, digest, size: sizeBytes, annotations, artifactType };
}

function nextPath(repository: string, subject: Digest, type: string | null, last: Digest): string {
  const query = new URLSearchParams({ ...(type !== null && { artifactType: type }), last });
  return `/v2/${repository}/referrers/${subject}?${query.toString()}`;
}
