import type { Clock } from "../async/clock.ts";
import { hasCode, WaybillError } from "../errors.ts";
import { drain } from "../http/body.ts";
import { intercept, type Interceptor, type Secret, type Send } from "../http/send.ts";
import { isHost, normalizeHost } from "../spec/reference.ts";
import type { Report } from "../telemetry/events.ts";
import { authorize } from "./auth/authorize.ts";
import {
  entryCredential,
  helperFor,
  matchingEntries,
  parseDockerConfig,
  placeOf,
  serverKey,
  type DockerConfig,
} from "./credentials/docker-config.ts";
import { dockerConfigFile, type CredentialEnvironment } from "./credentials/environment.ts";
import { eraseFromHelper, helperCredential, storeInHelper } from "./credentials/helper.ts";
import { readSettings, type SettingsFile } from "./credentials/settings-file.ts";

export interface LoginOptions {
  /** The chain towards registries, without authorization and without settling of schemes. */
  readonly send: Send;
  readonly baseUrl: (host: string) => string;
  readonly settleScheme: Interceptor;
  readonly environment: CredentialEnvironment;
  readonly clock: Clock;
  readonly report: Report;
  readonly trustRealms?: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * The user of the credential that lies where `login` would put one for `host`; nothing where there is none, or where it names no
 * user. A credential that cannot be read has none: the one that is stored takes its place.
 *
 * @throws WaybillError `invalid_argument` (no host), `invalid_config`, `io_failed`
 */
export async function storedUser(host: string, environment: CredentialEnvironment): Promise<string | undefined> {
  const registry = checkedHost(host);
  const path = dockerConfigFile(environment);
  const config = parseDockerConfig((await environment.readFile(path)) ?? "", path);
  const found = await storedCredential(config, registry, environment).catch(() => undefined);
  return found?.kind === "basic" ? found.username : undefined;
}

async function storedCredential(config: DockerConfig, registry: string, { run }: CredentialEnvironment) {
  const name = helperFor(config, registry);
  if (name !== undefined) return helperCredential({ name, run }, serverKey(registry));
  const entry = matchingEntries(config, registry).find(({ path }) => path === "");
  return entry && entryCredential(entry, config.source);
}

/** Where a credential went. */
export interface LoginResult {
  /** The file, or the helper program. */
  readonly storedIn: string;
  /** True when it lies there unencrypted. */
  readonly isPlain: boolean;
}

/**
 * Checks a user's password with the registry, then stores it as docker does: with the helper that the config file names,
 * else in the file itself, with a warning. Other members of the file stay as they are. A refused password changes nothing.
 *
 * @throws WaybillError `invalid_argument` (no host, no user), `auth_denied`, `not_a_registry`, `credential_helper_failed`,
 * `invalid_config`, `io_failed`, and what the wire throws.
 */
export async function login(
  host: string,
  username: string,
  password: Secret,
  options: LoginOptions,
): Promise<LoginResult> {
  const registry = checkedHost(host);
  if (username === "" || username.includes(":") || password.reveal() === "") {
    throw new WaybillError(
      "invalid_argument",
      `Cannot log in to "${registry}": user name and password must not be empty, and a user name has no colon`,
    );
  }
  await verify(registry, { username, password }, options);
  return store(registry, { username, password }, options);
}

interface Account {
  readonly username: string;
  readonly password: Secret;
}

async function verify(registry: string, account: Account, options: LoginOptions): Promise<void> {
  const { clock, report, trustRealms = [], signal } = options;
  const credentials = async () => ({ kind: "basic", ...account, source: "this login" }) as const;
  const send = intercept(options.send, options.settleScheme, authorize({ credentials, clock, report, trustRealms }));
  const url = `${options.baseUrl(registry)}/v2/`;
  const ping = { method: "GET", url, operation: "ping", registry, signal } as const;
  const response = await send(ping).catch((error: unknown) => {
    throw hasCode(error, "auth_denied") ? refusal(registry, error.context.status, error) : error;
  });
  await drain(response);
  const { status } = response;
  if (status >= 200 && status < 300) return;
  const facts = { registry, status };
  const failed = `Cannot log in to "${registry}": the registry answered ${status}`;
  if (status === 401 || status === 403) throw refusal(registry, status);
  if (status === 429) throw new WaybillError("rate_limited", failed, facts);
  if (status >= 500) throw new WaybillError("unavailable", failed, facts);
  throw new WaybillError("not_a_registry", failed, facts);
}

function refusal(registry: string, status: number | undefined, cause?: unknown): WaybillError {
  const message = `Cannot log in to "${registry}": the registry refused the user name or the password`;
  const advice = "Check both; many registries take an access token only, in place of the password";
  return new WaybillError("auth_denied", message, { registry, ...(status && { status }), advice }, { cause });
}

async function store(registry: string, account: Account, options: LoginOptions): Promise<LoginResult> {
  const { environment, clock, report } = options;
  const path = dockerConfigFile(environment);
  const settings = await readSettings(environment, path);
  const server = serverKey(registry);
  const name = helperFor(parseDockerConfig(settings.text, path), registry);
  if (name !== undefined) {
    await storeInHelper({ name, run: environment.run }, server, account);
    await save(environment, settings, (auths) => (auths[server] = {}));
    return { storedIn: `docker-credential-${name}`, isPlain: false };
  }
  const auth = Buffer.from(`${account.username}:${account.password.reveal()}`).toString("base64");
  await save(environment, settings, (auths) => (auths[server] = { auth }));
  const advice = `to keep it elsewhere, set "credsStore" in that file to a docker credential helper and log in again`;
  report({ type: "warning", message: `The password is stored unencrypted in ${path}; ${advice}`, at: clock.now() });
  return { storedIn: path, isPlain: true };
}

type Auths = Record<string, unknown>;

async function save(
  environment: CredentialEnvironment,
  settings: SettingsFile,
  change: (auths: Auths) => unknown,
): Promise<void> {
  const auths: Auths = { ...(settings.document["auths"] as object | undefined) };
  change(auths);
  await environment.replaceFile(settings.path, settings.render({ ...settings.document, auths }));
}

/**
 * Forgets the credential for a registry: in the helper that docker's config file names for it, and in the file, whichever
 * way the host is written there. Entries for paths of the host stay.
 *
 * @returns whether the file had an entry, or there is a helper, which does not tell.
 * @throws WaybillError `invalid_argument`, `credential_helper_failed`, `invalid_config`, `io_failed`
 */
export async function logout(host: string, environment: CredentialEnvironment): Promise<boolean> {
  const registry = checkedHost(host);
  const path = dockerConfigFile(environment);
  const settings = await readSettings(environment, path);
  const config = parseDockerConfig(settings.text, path);
  const name = helperFor(config, registry);
  if (name !== undefined) await eraseFromHelper({ name, run: environment.run }, serverKey(registry));
  const keys = config.auths.map(({ key }) => key).filter((key) => isFor(registry, key));
  if (keys.length === 0) return name !== undefined;
  await save(environment, settings, (auths) => keys.forEach((key) => Reflect.deleteProperty(auths, key)));
  return true;
}

function isFor(registry: string, key: string): boolean {
  const place = placeOf(key);
  return place?.host === registry && place.path === "";
}

/** Users paste what they see: docker takes an address with a scheme, too. */
function checkedHost(host: string): string {
  const bare = host.replace(/^https?:\/\//, "").replace(/\/(?:v[12]\/?)?$/, "");
  if (isHost(bare)) return normalizeHost(bare);
  const advice = "Write waybill login registry.example:5000";
  throw new WaybillError("invalid_argument", `Cannot log in to "${host.slice(0, 100)}": it is not host[:port]`, {
    advice,
  });
}
