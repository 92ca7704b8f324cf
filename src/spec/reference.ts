import { WaybillError } from "../errors.ts";
import { isDigest, type Digest } from "./digest.ts";

/** A place that holds content: a repository on a registry, an OCI layout folder, or a store in memory. */
export type Location =
  | {
      readonly kind: "registry";
      /** `host[:port]`, as users write it: `docker.io`. */ readonly host: string;
      readonly repository: string;
    }
  | { readonly kind: "layout"; readonly path: string }
  | { readonly kind: "memory"; readonly name: string };

/** A name for content at a location. Where both are given the digest decides what is fetched. */
export interface Reference {
  readonly location: Location;
  readonly tag?: string;
  readonly digest?: Digest;
}

const tagGrammar = /^\w[\w.-]{0,127}$/;
const component = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
const repositoryGrammar = new RegExp(`^${component}(?:/${component})*$`);
const label = "[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?";
const hostGrammar = new RegExp(`^(?:${label}(?:\\.${label})*|\\[[A-Fa-f0-9:]+\\])(?::[0-9]{1,5})?$`);
const layoutScheme = "oci-layout://";
const looksLikeDigest = /^[a-z][a-z0-9+._-]*:[0-9a-f]{32,}$/i;

/** Whether it may stand behind the colon of a reference. Spec: distribution-spec v1.1.1, "Pulling manifests". */
export function isTag(text: string): boolean {
  return tagGrammar.test(text);
}

/** Whether it names a repository in full: `library/alpine`, in lower case, at most 255 characters. */
export function isRepository(text: string): boolean {
  return text.length <= 255 && repositoryGrammar.test(text);
}

/** `host[:port]`, with IPv6 in brackets, that an address can hold: not port 99999, nor `256.1.1.1`. */
export function isHost(text: string): boolean {
  return text.length <= 261 && hostGrammar.test(text) && URL.canParse(`http://${text}`);
}

/**
 * Reads a reference as docker does: `alpine` means `docker.io/library/alpine:latest`. Also takes `oci-layout://PATH[:tag][@digest]`.
 * Without tag and digest the tag is `latest`.
 *
 * @throws WaybillError `invalid_reference`
 */
export function parseReference(text: string): Reference {
  if (text.startsWith(layoutScheme)) return parseLayoutReference(text);
  const scheme = /^[a-z][a-z0-9+.-]{0,30}:\/\//i.exec(text)?.[0];
  if (scheme !== undefined) throw invalid(text, `a reference begins with its host: leave "${scheme}" out`);
  const { name, tag, digest } = splitName(text);
  const location = parseName(text, name);
  return referenceTo(location, tag, digest);
}

function referenceTo(location: Location, tag: string | undefined, digest: Digest | undefined): Reference {
  if (tag === undefined && digest === undefined) return { location, tag: "latest" };
  return { location, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

function splitName(text: string): { name: string; tag?: string; digest?: Digest } {
  const at = text.indexOf("@");
  const beforeDigest = at < 0 ? text : text.slice(0, at);
  const digest = at < 0 ? undefined : text.slice(at + 1);
  if (digest !== undefined && !isDigest(digest))
    throw invalid(text, "its digest is not a valid sha256 or sha512 digest");
  const colon = beforeDigest.lastIndexOf(":");
  const hasTag = colon > beforeDigest.lastIndexOf("/") && colon > beforeDigest.lastIndexOf("]");
  if (!hasTag) return { name: beforeDigest, ...(digest && { digest }) };
  const tag = beforeDigest.slice(colon + 1);
  if (!isTag(tag)) throw invalid(text, "its tag may hold letters, digits, _ . and -, at most 128");
  return { name: beforeDigest.slice(0, colon), tag, ...(digest && { digest }) };
}

function parseName(text: string, name: string): Location {
  if (/^[a-f0-9]{64}$/.test(text)) throw invalid(text, "64 hex digits are an image ID, not a name");
  const slash = name.indexOf("/");
  const first = slash < 0 ? "" : name.slice(0, slash);
  const named = isNamedHost(first) || first !== first.toLowerCase();
  // A host of one word is told from a folder by its capitals alone: they stay.
  const written = isNamedHost(first.toLowerCase()) ? normalizeHost(first) : first;
  const host = named ? written : "docker.io";
  const path = named ? name.slice(slash + 1) : name;
  const repository = host === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  if (first === "." || first === "..")
    throw invalid(text, `its host is not host[:port]; a folder is written ${layoutScheme}${text.slice(0, 300)}`);
  if (named && !isHost(first)) throw invalid(text, "its host is not host[:port]");
  if (path === "") throw invalid(text, "it names no repository");
  if (/[A-Z]/.test(path)) throw invalid(text, "repository name must be lowercase");
  if (!isRepository(repository)) throw invalid(text, "invalid reference format");
  return { kind: "registry", host, repository };
}

function isNamedHost(first: string): boolean {
  return /[.:[]/.test(first) || first === "localhost";
}

/** Names of one host that docker takes for the same: Docker Hub's old one, and letter case. */
export function normalizeHost(host: string): string {
  const lower = host.toLowerCase();
  return lower === "index.docker.io" || lower === "registry-1.docker.io" ? "docker.io" : lower;
}

function parseLayoutReference(text: string): Reference {
  let path = text.slice(layoutScheme.length);
  const at = path.lastIndexOf("@");
  const suffix = at < 0 ? "" : path.slice(at + 1);
  if (looksLikeDigest.test(suffix) && !isDigest(suffix))
    throw invalid(text, "its digest is not a valid sha256 or sha512 digest");
  const digest = isDigest(suffix) ? suffix : undefined;
  if (digest !== undefined) path = path.slice(0, at);
  const colon = path.lastIndexOf(":");
  const isDrive = colon === 1 && /^[A-Za-z]:(?:[\\/]|$)/.test(path);
  const tag = colon >= 0 && !isDrive && isTag(path.slice(colon + 1)) ? path.slice(colon + 1) : undefined;
  if (tag !== undefined) path = path.slice(0, colon);
  if (path === "" || path.includes("\0")) throw invalid(text, "it names no folder");
  return referenceTo({ kind: "layout", path }, tag, digest);
}

function invalid(text: string, why: string): WaybillError {
  return new WaybillError("invalid_reference", `Cannot read reference "${text.slice(0, 300)}": ${why}`);
}

const written = new WeakMap<Location, string>();

/** `docker.io/library/alpine`, `oci-layout://path`: what `parseReference` reads back, without tag. Each location is written once. */
export function formatLocation(location: Location): string {
  const before = written.get(location);
  if (before !== undefined) return before;
  const text = writeLocation(location);
  written.set(location, text);
  return text;
}

function writeLocation(location: Location): string {
  if (location.kind === "registry") return `${location.host}/${location.repository}`;
  return location.kind === "layout" ? layoutScheme + location.path : `memory://${location.name}`;
}

/** `docker.io/library/alpine:latest@sha256:…`, with what the reference has. */
export function formatReference(reference: Reference): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return formatLocation(reference.location) + tag + digest;
}

/** Whether both are the same place, by the text that `formatLocation` writes. */
export function sameLocation(a: Location, b: Location): boolean {
  return a === b || formatLocation(a) === formatLocation(b);
}

/** What is fetched: the digest where there is one, else the tag. */
export function nameOf(reference: Reference): string {
  return reference.digest ?? reference.tag ?? "latest";
}
