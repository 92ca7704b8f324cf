import type { Clock, Random } from "../async/clock.ts";
import type { CallOptions } from "../content/store.ts";
import { WaybillError, inContext } from "../errors.ts";
import type { HttpRequest, HttpResponse, Origin, Send } from "../http/send.ts";
import { hostOf, originOf } from "../http/url.ts";
import { formatLocation, isHost, isRepository, type Location } from "../spec/reference.ts";
import type { Report } from "../telemetry/events.ts";
import type { Quirks } from "./quirks.ts";

/** How one registry is reached, and what it is known to allow. */
export interface RegistryOptions {
  /** The wire, with everything that wraps it. */
  readonly send: Send;
  readonly clock: Clock;
  readonly random: Random;
  readonly report: Report;
  /** Ends calls that bring no signal of their own where they wait for something else than `send`; default: nothing does. */
  readonly signal?: AbortSignal;
  /** Scheme and authority that the registry is reached at, such as `https://registry-1.docker.io`. */
  readonly baseUrl: string;
  /** Send blobs in chunks of this many bytes, always; at least 2. Default: one request, chunks only where a registry makes us. */
  readonly chunkSizeBytes?: number;
  /** Whether both repositories are used with the same credentials; nothing is mounted between others. Default: yes. */
  readonly mayMount?: (from: Location, to: Location) => Promise<boolean>;
  /** Most descriptors in one manifest; default 5,000. */
  readonly maxDescriptors?: number;
  /** The longest `Retry-After` that an upload follows, in milliseconds; default 120,000. */
  readonly maxRetryAfterMs?: number;
  /** Whether a token says by itself that it gives `scope`: what it gives need not be tried. Default: none says so. */
  readonly isGranted?: (scope: string) => boolean;
}

/** What all requests to one registry share; `baseUrl` without a slash at the end. */
export interface RegistryAccess extends RegistryOptions {
  /** `host[:port]` as users write it. */
  readonly host: string;
  readonly quirks: Quirks;
}

/** One repository and how to ask for it. */
export interface Access extends RegistryAccess {
  readonly repository: string;
  /** What it is asked for. */
  readonly task: string | undefined;
}

/** A request towards one repository, as the files of this folder write it. */
export interface Ask extends Omit<HttpRequest, "url" | "registry" | "task"> {
  /** Below `/v2/<name>/`, or an absolute URL that the registry handed out. */
  readonly path: string;
  /** What the token must allow; default `pull`. */
  readonly rights?: "pull" | "pull,push" | "pull,push,delete";
  /** A repository that must be readable too. */
  readonly mountFrom?: string;
}

/** @throws WaybillError `invalid_reference` for a name that could not stand in a URL. */
export function accessTo(registry: RegistryAccess, repository: string): Access {
  if (!isHost(registry.host) || !isRepository(repository)) {
    throw new WaybillError(
      "invalid_reference",
      `Cannot open repository "${registry.host}/${repository.slice(0, 300)}"`,
    );
  }
  return { ...registry, repository, task: undefined };
}

export function locationOf(access: Access): Location & { kind: "registry" } {
  return { kind: "registry", host: access.host, repository: access.repository };
}

/** `access` for the task of one call. */
export function inTask(access: Access, { task }: CallOptions = {}): Access {
  return task === undefined ? access : { ...access, task };
}

/** For what lies beside the repositories: `/v2/` itself, the catalog. */
export function besideRepositories(registry: RegistryAccess): Access {
  return { ...registry, repository: "", task: undefined };
}

/** `ghcr.io/acme/app`, for sentences. */
export function nameOfRepository(access: Access): string {
  return access.repository === "" ? access.host : formatLocation(locationOf(access));
}

/** The registry's own origin: as it answered, or as it was named where a redirect led away from it. */
export function homeOf({ baseUrl }: RegistryAccess, answered: Origin): Origin {
  const named = originOf(baseUrl);
  return hostOf(named) === hostOf(answered) ? answered : named;
}

/** Who answered, where that is not the registry itself but where it led to, such as its storage. */
export function originElsewhere(access: RegistryAccess, { url }: HttpResponse): Origin | undefined {
  const origin = originOf(url);
  return origin === homeOf(access, origin) ? undefined : origin;
}

/** Sends one request. Whatever fails on the way carries the registry and the repository. */
export async function ask(access: Access, request: Ask): Promise<HttpResponse> {
  const { path, rights = "pull", mountFrom } = request;
  const { host, repository, baseUrl, task } = access;
  const own = `repository:${repository}:${rights}`;
  const scopes = request.scopes ?? (mountFrom === undefined ? [own] : [own, `repository:${mountFrom}:pull`]);
  const url = isAbsolute(path) ? path : `${baseUrl}/v2/${repository}/${path}`;
  try {
    // What is added goes first; see decision 14.
    return await access.send({
      url,
      registry: host,
      scopes,
      attempt: 1,
      ...request,
      ...(task !== undefined && { task }),
    });
  } catch (error) {
    throw inContext(error, contextOf(access));
  }
}

/** Asks the registry to delete what lies at `path`. The answer is the caller's to judge. */
export function askToDelete(access: Access, path: string, signal: AbortSignal | undefined): Promise<HttpResponse> {
  const request = { method: "DELETE", path, operation: "manifest", rights: "pull,push,delete" } as const;
  return ask(access, { ...request, signal });
}

function isAbsolute(path: string): boolean {
  return /^https?:\/\//i.test(path);
}

/** Where an error happened. */
export function contextOf({ host, repository }: Access): { registry: string; repository?: string } {
  return { registry: host, ...(repository !== "" && { repository }) };
}

/** Tells a warning about this registry once. */
export function warnOnce(access: RegistryAccess, message: string): void {
  if (access.quirks.told.has(message)) return;
  access.quirks.told.add(message);
  access.report({ type: "warning", message, source: access.host, at: access.clock.now() });
}
