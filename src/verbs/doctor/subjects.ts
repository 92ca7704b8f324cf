import { WaybillError } from "../../errors.ts";
import { parseDockerConfig } from "../../registry/credentials/docker-config.ts";
import { dockerConfigFile, type CredentialEnvironment } from "../../registry/credentials/environment.ts";
import { isHost, normalizeHost, parseReference, type Reference } from "../../spec/reference.ts";

/** What is to be looked at, as it was typed. */
export interface Wanted {
  /** `HOST`, or references as everywhere. */
  readonly references: readonly string[];
  /** Repositories where an upload is tried and cancelled. */
  readonly probes: readonly string[];
}

/** One registry, and what about it. */
export interface RegistryWanted {
  readonly host: string;
  readonly references: readonly (Reference & { readonly location: { readonly kind: "registry" } })[];
  /** Repositories to try an upload in. */
  readonly probes: readonly string[];
}

/** What is to be looked at: registries in the order in which they were named, and layouts. */
export interface Subjects {
  readonly registries: readonly RegistryWanted[];
  readonly layouts: readonly Reference[];
}

/** @throws WaybillError `invalid_reference`; `invalid_argument` for a probe that is no repository. */
export function parseWanted({ references, probes }: Wanted): Subjects {
  const registries = new Map<
    string,
    { host: string; references: RegistryWanted["references"][number][]; probes: string[] }
  >();
  const at = (host: string) => {
    const entry = registries.get(host) ?? { host, references: [], probes: [] };
    registries.set(host, entry);
    return entry;
  };
  const layouts: Reference[] = [];
  for (const text of references) {
    const host = hostIn(text);
    const reference = host === undefined ? parseReference(text) : undefined;
    const { location } = reference ?? {};
    if (host !== undefined) at(host);
    else if (reference && location?.kind === "registry") at(location.host).references.push({ ...reference, location });
    else if (reference) layouts.push(reference);
  }
  for (const text of probes) {
    const { host, repository } = parseRepository(text);
    at(host).probes.push(repository);
  }
  return { registries: [...registries.values()], layouts };
}

/** A host alone: it has a dot, or is `localhost`. Anything else without a slash is an image of Docker Hub. */
function hostIn(text: string): string | undefined {
  const isNamed = /^(?:localhost|\[[^\]]*\]|[^/@:]*\.[^/@:]*)(?::\d+)?$/.test(text);
  if (isNamed && isHost(text)) return normalizeHost(text);
  if (!isNamed || !isMeantForHost(text)) return undefined;
  throw new WaybillError("invalid_reference", `Cannot look at "${text.slice(0, 300)}": it is not host[:port]`);
}

/** A wrong port or number must not make a host of this machine, or an IP address, an image of Docker Hub. */
function isMeantForHost(text: string): boolean {
  return /^(?:localhost:|\[|[\d.]+(?::\d+)?$)/.test(text);
}

function parseRepository(text: string): { readonly host: string; readonly repository: string } {
  const { location, tag, digest } = parseReference(text);
  const isBare = digest === undefined && !(tag !== undefined && text.endsWith(`:${tag}`));
  if (location.kind === "registry" && isBare) return location;
  throw new WaybillError("invalid_argument", `Cannot probe "${text.slice(0, 300)}": it is not a repository`, {
    advice: "write --probe HOST/REPOSITORY, without a tag",
  });
}

const mostConfigured = 20;

/** The registries that docker's config has credentials for. A config that cannot be read names none: another check says so. */
export async function configuredRegistries(environment: CredentialEnvironment): Promise<readonly RegistryWanted[]> {
  const file = dockerConfigFile(environment);
  try {
    const config = parseDockerConfig((await environment.readFile(file)) ?? "", file);
    const hosts = new Set([...config.auths.map(({ host }) => host), ...config.credHelpers.keys()]);
    return [...hosts].slice(0, mostConfigured).map((host) => ({ host, references: [], probes: [] }));
  } catch (error) {
    if (error instanceof WaybillError) return [];
    throw error;
  }
}
