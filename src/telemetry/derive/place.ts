/** What a place or an address says about the content concerned, as attributes of spans and measurements. */
export interface Place {
  readonly registry?: string;
  readonly repository?: string;
}

/** The registry and the repository of a target as it is told: `docker.io/acme/app`. A layout is neither. */
export function placeOfTarget(target: string | undefined): Place {
  const slash = target?.indexOf("/") ?? -1;
  if (target === undefined || slash < 1 || target.includes("://")) return {};
  return { registry: target.slice(0, slash), repository: target.slice(slash + 1) };
}

/** What the path of a request names. */
export interface PathFacts {
  readonly repository?: string;
  readonly digest?: string;
  readonly tag?: string;
  readonly isManifest?: true;
  /** The path with its variable parts named; absent for addresses that are none of the distribution API. */
  readonly template?: string;
}

const api =
  /^\/v2\/(?:(.{1,1024}?)\/(manifests|blobs|referrers|tags)\/([^/]{1,1024})(?:\/([^/]{0,1024}))?|_catalog)?\/?$/;
const digestPattern = /^[a-z0-9]{1,32}:[0-9a-f]{32,128}$/;

/** Reads a path of the distribution API. Spec: distribution-spec v1.1.1, "Endpoints". */
export function pathFacts(path: string): PathFacts {
  const match = api.exec(path);
  if (!match) return {};
  const [, repository, kind, reference = ""] = match;
  if (repository === undefined) return { template: path.startsWith("/v2/_catalog") ? "/v2/_catalog" : "/v2/" };
  if (kind === "tags") return { repository, template: "/v2/{name}/tags/list" };
  if (kind === "blobs" && reference === "uploads") {
    const isOpen = match[4] !== undefined && match[4] !== "";
    return { repository, template: `/v2/{name}/blobs/uploads/${isOpen ? "{session}" : ""}` };
  }
  const isDigest = digestPattern.test(reference);
  return {
    repository,
    ...(isDigest && { digest: reference }),
    ...(kind === "manifests" && { isManifest: true, ...(!isDigest && { tag: reference }) }),
    template: `/v2/{name}/${kind}/{${kind === "manifests" ? "reference" : "digest"}}`,
  };
}
