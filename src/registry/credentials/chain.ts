import type { Clock } from "../../async/clock.ts";
import { createMemo, type Memo } from "../../async/memo.ts";
import { WaybillError } from "../../errors.ts";
import { normalizeHost } from "../../spec/reference.ts";
import { silent, type Report } from "../../telemetry/events.ts";
import { buildxScopedFiles } from "./buildx-scoped.ts";
import type { Credential, CredentialSource } from "./credential.ts";
import {
  entryCredential,
  matchingEntries,
  parseDockerConfig,
  serverKey,
  type AuthEntry,
  type DockerConfig,
} from "./docker-config.ts";
import { containersAuthFiles, dockerConfigFile, type CredentialEnvironment } from "./environment.ts";
import { helperCredential } from "./helper.ts";

export interface CredentialChainOptions {
  readonly clock: Clock;
  readonly report?: Report;
}

/** Registries that take Docker Hub's accounts. */
const hubBacked = new Set(["dhi.io", "registry.scout.docker.com"]);

/**
 * Looks for a credential where docker, buildx and podman keep them, the first place with an entry for the host wins:
 * buildx's scoped configs, `DOCKER_AUTH_CONFIG`, docker's config file, `REGISTRY_AUTH_FILE`, podman's files. Registries
 * that take Docker Hub's accounts use its entry when they have none. Each file and folder is read and each helper asked at
 * most once, and not before the first look-up.
 *
 * A malformed `DOCKER_AUTH_CONFIG` is a warning, as in docker; a malformed file and a failing helper are errors.
 */
export function credentialChain(environment: CredentialEnvironment, options: CredentialChainOptions): CredentialSource {
  const folders = createMemo<readonly string[]>();
  const readDir = (path: string) => folders.get(path, () => environment.readDir(path));
  const sources: Sources = {
    environment: { ...environment, readDir },
    ...options,
    files: createMemo(),
    helpers: createMemo(),
  };
  return async (registry, repository, scopes) => {
    const found = await firstEntry(sources, { registry, repository, scopes });
    if (found || !hubBacked.has(normalizeHost(registry))) return found;
    return firstEntry(sources, { registry: "docker.io", scopes });
  };
}

interface Sources extends CredentialChainOptions {
  readonly environment: CredentialEnvironment;
  readonly files: Memo<DockerConfig | undefined>;
  readonly helpers: Memo<Credential | undefined>;
}

interface Wanted {
  readonly registry: string;
  readonly repository?: string | undefined;
  readonly scopes?: readonly string[] | undefined;
}

async function firstEntry(sources: Sources, wanted: Wanted): Promise<Credential | undefined> {
  for await (const config of configs(sources, wanted)) {
    const found = config && (await inConfig(sources, config, wanted));
    if (found) return found;
  }
  return undefined;
}

async function* configs(sources: Sources, wanted: Wanted): AsyncGenerator<DockerConfig | undefined> {
  const { environment } = sources;
  for (const file of await buildxScopedFiles(environment, wanted.registry, wanted.repository, wanted.scopes)) {
    yield sources.files.get(file, () => readConfig(sources, file));
  }
  yield sources.files.get("$DOCKER_AUTH_CONFIG", async () => configFromEnv(sources));
  for (const file of [dockerConfigFile(environment), ...containersAuthFiles(environment)]) {
    yield sources.files.get(file, () => readConfig(sources, file));
  }
}

async function readConfig(sources: Sources, file: string): Promise<DockerConfig | undefined> {
  const { environment, clock, report = silent } = sources;
  const bytes = await environment.readFile(file);
  if (!bytes) return undefined;
  const config = parseDockerConfig(bytes, file);
  const mode = await environment.modeOf(file);
  if (mode !== undefined && (mode & 0o077) !== 0 && config.auths.length > 0) {
    report({ type: "debug", message: `${file} can be read by others (mode ${mode.toString(8)})`, at: clock.now() });
  }
  return config;
}

function configFromEnv({ environment, clock, report = silent }: Sources): DockerConfig | undefined {
  const text = environment.env["DOCKER_AUTH_CONFIG"];
  if (!text) return undefined;
  try {
    return parseDockerConfig(text, "DOCKER_AUTH_CONFIG");
  } catch (error) {
    const message = `Ignoring DOCKER_AUTH_CONFIG: ${error instanceof WaybillError ? error.message : "it is unreadable"}`;
    report({ type: "warning", message, isUrgent: true, at: clock.now() });
    return undefined;
  }
}

/** Paths before the whole host; for the host its helper, the helper for everything, then what the file itself holds. */
async function inConfig(sources: Sources, config: DockerConfig, wanted: Wanted): Promise<Credential | undefined> {
  const entries = matchingEntries(config, wanted.registry, wanted.repository);
  const inFile = (some: readonly AuthEntry[]) => firstCredential(some, config.source);
  return (
    inFile(entries.filter(({ path }) => path !== "")) ??
    (await fromHelper(sources, config, wanted.registry)) ??
    inFile(entries.filter(({ path }) => path === ""))
  );
}

function firstCredential(entries: readonly AuthEntry[], file: string): Credential | undefined {
  for (const entry of entries) {
    const found = entryCredential(entry, file);
    if (found) return found;
  }
  return undefined;
}

async function fromHelper(sources: Sources, config: DockerConfig, registry: string): Promise<Credential | undefined> {
  const own = config.credHelpers.get(normalizeHost(registry));
  const name = own ?? config.credsStore;
  if (!name) return undefined;
  const server = serverKey(registry);
  const found = await sources.helpers.get(`${name} ${server}`, (signal) =>
    helperCredential({ name, run: sources.environment.run }, server, { signal }),
  );
  const member = own === undefined ? "credsStore" : "credHelpers";
  return found && { ...found, source: `${member} in ${config.source} (docker-credential-${name})` };
}
