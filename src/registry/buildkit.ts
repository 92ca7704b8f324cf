import { createHash } from "node:crypto";
import { join } from "node:path";
import * as v from "valibot";
import { hasCode, WaybillError } from "../errors.ts";
import { Secret } from "../http/send.ts";
import { parseJson } from "../spec/json.ts";
import { recordOf } from "../spec/record-schema.ts";
import { normalizeHost } from "../spec/reference.ts";
import { dockerConfigFile } from "./credentials/environment.ts";
import { buildxFolder, dockerFolder, type FileReader, type Places } from "./user-files.ts";

/** What a builder's buildkitd.toml says about one registry. */
export interface RegistrySettings {
  /** Plain HTTP. */
  readonly http?: boolean;
  /** TLS without checking the certificate. */
  readonly insecure?: boolean;
  /** Certificate authorities, PEM. */
  readonly ca: readonly string[];
  /** Client certificates, PEM. */
  readonly keypairs: readonly { readonly certificate: string; readonly key: Secret }[];
  /** Files of certificates and keys that are named, and of which buildx keeps no copy; absent where there are none. */
  readonly missing?: readonly string[];
  /** Hosts to read from first, `host[:port][/path]`. */
  readonly mirrors: readonly string[];
}

/** Settings by normalised `host[:port]`. */
export type BuilderSettings = ReadonlyMap<string, RegistrySettings>;

const stringMap = v.optional(v.nullable(recordOf(v.string(), v.string())), {});
const instanceSchema = v.object({ Nodes: v.optional(v.nullable(v.array(v.object({ Files: stringMap }))), []) });
const currentSchema = v.object({
  Key: v.optional(v.string(), ""),
  Name: v.optional(v.string(), ""),
  Global: v.optional(v.boolean(), false),
});
const dockerSchema = v.object({ currentContext: v.optional(v.string(), "") });
const texts = v.optional(v.array(v.string()), []);
const registrySchema = v.object({
  http: v.optional(v.boolean()),
  insecure: v.optional(v.boolean()),
  ca: texts,
  keypair: v.optional(v.array(v.object({ key: v.optional(v.string(), ""), cert: v.optional(v.string(), "") })), []),
  mirrors: texts,
});
const tomlSchema = v.object({ registry: v.optional(recordOf(v.string(), registrySchema), {}) });

const builderGrammar = /^[A-Za-z][A-Za-z0-9._-]*$/;
const folderInBuilder = "/etc/buildkit/";

type Warn = (message: string) => void;

/**
 * The registry settings of a buildx builder: of `builder`, else of `$BUILDX_BUILDER`, else of the current one. Empty for a
 * builder that has none, such as docker's own. Buildx keeps the certificates beside the settings, in one JSON file.
 *
 * A malformed config file of docker's names no context: that is told to `warn`.
 *
 * @throws WaybillError `invalid_argument` where a builder that was named does not exist; `invalid_config`, `io_failed`.
 */
export async function builderSettings(
  files: FileReader & Places,
  builder?: string,
  warn: Warn = () => undefined,
): Promise<BuilderSettings> {
  const named = builder || files.env["BUILDX_BUILDER"];
  const instance = named ? await namedInstance(files, named) : await currentInstance(files, warn);
  return instance ? settingsIn(instance) : new Map();
}

interface Instance {
  readonly file: string;
  readonly files: Readonly<Record<string, string>>;
}

async function namedInstance(files: FileReader & Places, name: string): Promise<Instance | undefined> {
  const instance = await readInstance(files, name);
  if (instance || name === "default" || (await isContext(files, name))) return instance;
  const advice = "See the builders with: docker buildx ls";
  throw new WaybillError("invalid_argument", `Cannot use builder "${name.slice(0, 100)}": no such builder found`, {
    advice,
  });
}

async function readInstance(files: FileReader & Places, name: string): Promise<Instance | undefined> {
  if (!builderGrammar.test(name)) return undefined;
  const file = join(buildxFolder(files), "instances", name.toLowerCase());
  const instance = await readJson(files, file, instanceSchema);
  return instance && { file, files: instance.Nodes?.[0]?.Files ?? {} };
}

/** Docker contexts are builders too. Docker names their folders by digest. */
async function isContext(files: FileReader & Places, name: string): Promise<boolean> {
  const folder = createHash("sha256").update(name).digest("hex");
  return (await files.readFile(join(dockerFolder(files), "contexts", "meta", folder, "meta.json"))) !== undefined;
}

async function currentInstance(files: FileReader & Places, warn: Warn): Promise<Instance | undefined> {
  const folder = buildxFolder(files);
  const context = await currentContext(files, warn);
  const key = context === "default" ? files.env["DOCKER_HOST"] || "unix:///var/run/docker.sock" : context;
  const current = await readJson(files, join(folder, "current"), currentSchema);
  const isOurs = current && (current.Global || current.Key === key);
  const chosen = isOurs && current.Name ? await readInstance(files, current.Name) : undefined;
  if (chosen || (current?.Name && current.Key === key)) return chosen;
  const hash = createHash("sha256").update(key).digest("hex").slice(0, 20);
  const usual = await files.readFile(join(folder, "defaults", hash));
  return readInstance(files, usual ? Buffer.from(usual).toString().trim() : context);
}

async function currentContext(files: FileReader & Places, warn: Warn): Promise<string> {
  const { env } = files;
  if (env["DOCKER_HOST"]) return "default";
  return env["DOCKER_CONTEXT"] || (await configuredContext(files, warn)) || "default";
}

/** Most runs need nothing of this file: one that wants a credential from it fails then, and says so. */
async function configuredContext(files: FileReader & Places, warn: Warn): Promise<string | undefined> {
  try {
    return (await readJson(files, dockerConfigFile(files), dockerSchema))?.currentContext;
  } catch (error) {
    if (!hasCode(error, "invalid_config")) throw error;
    warn(`${error.message}; going on without`);
    return undefined;
  }
}

async function readJson<T extends v.GenericSchema>(
  files: FileReader,
  file: string,
  schema: T,
): Promise<v.InferOutput<T> | undefined> {
  const bytes = await files.readFile(file);
  if (!bytes || bytes.byteLength === 0) return undefined;
  try {
    return v.parse(schema, parseJson(bytes));
  } catch {
    // Without the cause: it would hold the file, and with it credentials and keys.
    throw new WaybillError("invalid_config", `Cannot read "${file}": it has not the form that it should have`);
  }
}

async function settingsIn(instance: Instance): Promise<BuilderSettings> {
  const toml = fileOf(instance, "buildkitd.toml");
  if (toml === undefined) return new Map();
  const { parse } = await import("smol-toml");
  const document = v.safeParse(
    tomlSchema,
    attempt(() => parse(toml)),
  );
  if (!document.success) {
    const message = `Cannot read "${instance.file}": the buildkitd.toml in it is malformed`;
    throw new WaybillError("invalid_config", message);
  }
  const registries = Object.entries(document.output.registry);
  return new Map(registries.map(([host, registry]) => [normalizeHost(host), registrySettings(instance, registry)]));
}

function attempt(parse: () => unknown): unknown {
  try {
    return parse();
  } catch {
    return undefined;
  }
}

function registrySettings(instance: Instance, registry: v.InferOutput<typeof registrySchema>): RegistrySettings {
  const { http, insecure, mirrors } = registry;
  const named = [...registry.ca, ...registry.keypair.flatMap(({ cert, key }) => [cert, key])];
  const missing = named.filter((path) => path !== "" && fileOf(instance, path) === undefined);
  const keypairs = registry.keypair.flatMap(({ cert, key }) => {
    const [certificate, secret] = [fileOf(instance, cert), fileOf(instance, key)];
    return certificate === undefined || secret === undefined ? [] : [{ certificate, key: new Secret(secret) }];
  });
  return {
    ...(http !== undefined && { http }),
    ...(insecure !== undefined && { insecure }),
    ca: registry.ca.flatMap((path) => fileOf(instance, path) ?? []),
    keypairs,
    ...(missing.length > 0 && { missing }),
    mirrors,
  };
}

/** A file that buildx copied into the instance, by its path in the builder. */
function fileOf(instance: Instance, path: string): string | undefined {
  const name = path.startsWith(folderInBuilder) ? path.slice(folderInBuilder.length) : path;
  const content = Object.hasOwn(instance.files, name) ? instance.files[name] : undefined;
  return content === undefined ? undefined : Buffer.from(content, "base64").toString();
}
