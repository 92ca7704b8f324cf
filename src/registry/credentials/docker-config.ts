import * as v from "valibot";
import { hasCode, type WaybillError } from "../../errors.ts";
import { Secret } from "../../http/send.ts";
import { parseJson } from "../../spec/json.ts";
import { isHost, normalizeHost } from "../../spec/reference.ts";
import { tokenSecret, UnreadableCredentials, type Credential } from "./credential.ts";

/** What a config file in docker's format says about credentials. */
export interface DockerConfig {
  /** Where it was read, for people. */
  readonly source: string;
  readonly auths: readonly AuthEntry[];
  /** Helper by normalised host. */
  readonly credHelpers: ReadonlyMap<string, string>;
  readonly credsStore?: string;
}

/** One member of `auths`. */
export interface AuthEntry {
  /** The member's name as written. */
  readonly key: string;
  readonly host: string;
  /** The path that the entry is for, without slashes at its ends; empty for the whole host. */
  readonly path: string;
  readonly fields: v.InferOutput<typeof entrySchema>;
}

const text = v.optional(v.nullable(v.string()));
const entrySchema = v.object({
  auth: text,
  username: text,
  password: text,
  identitytoken: text,
  registrytoken: text,
});
const configSchema = v.object({
  auths: v.optional(v.unknown()),
  credHelpers: v.optional(v.unknown()),
  credsStore: text,
});

/** The name by which docker and its helpers know Docker Hub. */
const hubKey = "https://index.docker.io/v1/";

/**
 * Reads docker's config format. Members that are not about credentials are not looked at; an empty text is an empty config.
 *
 * @throws WaybillError `invalid_config` naming `source`; no content is quoted.
 */
export function parseDockerConfig(input: Uint8Array | string, source: string): DockerConfig {
  const json = jsonOf(input, source);
  const document = v.safeParse(configSchema, json);
  if (!document.success || Array.isArray(json)) throw invalid(source, "it is not an object in docker's format");
  const { auths, credHelpers, credsStore } = document.output;
  const helpers = membersOf(credHelpers, source, "credHelpers").flatMap(([key, name]) => {
    const place = placeOf(key);
    return place && typeof name === "string" ? [[place.host, name] as const] : [];
  });
  return {
    source,
    auths: membersOf(auths, source, "auths").flatMap(([key, value]) => entryOf(key, value, source)),
    credHelpers: new Map(helpers),
    ...(credsStore && { credsStore }),
  };
}

function jsonOf(input: Uint8Array | string, source: string): unknown {
  if (input.length === 0) return {};
  try {
    return parseJson(input, { maxBytes: 4 * 1024 * 1024, maxDepth: 32 });
  } catch (error) {
    throw invalid(source, hasCode(error, "too_large") ? "it is too large" : "it is not valid JSON");
  }
}

function membersOf(value: unknown, source: string, name: string): readonly [string, unknown][] {
  if (value === undefined || value === null) return [];
  if (typeof value !== "object" || Array.isArray(value)) throw invalid(source, `"${name}" is not an object`);
  return Object.entries(value);
}

function entryOf(key: string, value: unknown, source: string): readonly AuthEntry[] {
  const place = placeOf(key);
  if (!place) return [];
  const fields = v.safeParse(entrySchema, value);
  if (!fields.success || Array.isArray(value))
    throw invalid(source, `its entry for "${place.host}" is not an object of strings`);
  return [{ key, ...place, fields: fields.output }];
}

/**
 * The host and path that a key of `auths` or `credHelpers` is for: `host[:port]`, `host/path`, and docker's older
 * `https://host/v1/`. Nothing where it names no host; such a key matches nothing.
 */
export function placeOf(key: string): { readonly host: string; readonly path: string } | undefined {
  const bare = key.replace(/^https?:\/\//, "");
  const slash = bare.indexOf("/");
  const host = slash < 0 ? bare : bare.slice(0, slash);
  if (!isHost(host)) return undefined;
  const path = slash < 0 ? "" : bare.slice(slash + 1).replace(/\/$/, "");
  return { host: normalizeHost(host), path: /^v[12]$/.test(path) ? "" : path };
}

/** The name that docker gives a registry in its config file and towards helpers. */
export function serverKey(registry: string): string {
  const host = normalizeHost(registry);
  return host === "docker.io" ? hubKey : host;
}

/**
 * Entries of `auths` for this repository, the most exact first: same host, and a path that ends at a `/` border of it. Of
 * several ways to write one host docker's own comes first: that is the one which a login renews.
 */
export function matchingEntries(config: DockerConfig, registry: string, repository = ""): readonly AuthEntry[] {
  const host = normalizeHost(registry);
  const own = serverKey(registry);
  const within = (path: string) => path === "" || repository === path || repository.startsWith(`${path}/`);
  return config.auths
    .filter((entry) => entry.host === host && within(entry.path))
    .sort((a, b) => b.path.length - a.path.length || Number(b.key === own) - Number(a.key === own));
}

/** The helper that a config names for a host, if any: its own one first, then the one for everything. */
export function helperFor(config: DockerConfig, registry: string): string | undefined {
  return config.credHelpers.get(normalizeHost(registry)) ?? config.credsStore;
}

/**
 * The credential in an entry. Docker leaves empty entries behind where a helper keeps the secret: nothing then.
 *
 * @throws WaybillError `invalid_config` naming the file and the entry.
 */
export function entryCredential(entry: AuthEntry, file: string): Credential | undefined {
  const { auth, identitytoken, registrytoken } = entry.fields;
  const source = `auths in ${file}`;
  if (registrytoken) return { kind: "registry-token", token: tokenSecret(registrytoken, source), source };
  if (identitytoken) return { kind: "identity-token", token: tokenSecret(identitytoken, source), source };
  const [username, password] = auth ? decodeAuth(auth, entry, file) : [entry.fields.username, entry.fields.password];
  if (!username || !password) return undefined;
  return { kind: "basic", username, password: new Secret(password), source };
}

function decodeAuth(auth: string, entry: AuthEntry, file: string): readonly [string, string] {
  const decoded = /^[A-Za-z0-9+/_-]+={0,2}\s*$/.test(auth) ? Buffer.from(auth, "base64").toString() : "";
  const colon = decoded.indexOf(":");
  if (colon <= 0) throw invalid(file, `"auth" of its entry for "${entry.host}" is not base64 of user:password`);
  return [decoded.slice(0, colon), decoded.slice(colon + 1).replaceAll("\0", "")];
}

function invalid(source: string, why: string): WaybillError {
  const advice = `Mend ${source}, or take it away`;
  return new UnreadableCredentials("invalid_config", `Cannot read credentials in ${source}: ${why}`, { advice });
}
