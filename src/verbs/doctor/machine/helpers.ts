import { hasCode } from "../../../errors.ts";
import {
  helperFor,
  parseDockerConfig,
  serverKey,
  type DockerConfig,
} from "../../../registry/credentials/docker-config.ts";
import { dockerConfigFile } from "../../../registry/credentials/environment.ts";
import { helperCredential } from "../../../registry/credentials/helper.ts";
import { saidOfEach, note, ok, Unreached, type Check, type Said } from "../check.ts";
import type { Machine } from "../machine.ts";

/** Each credential helper that docker's config names for these registries, asked about them as `create` asks. */
export const helpers: Check<Machine> = {
  name: "helpers",
  async run(machine) {
    const file = dockerConfigFile(machine.environment);
    const config = parsed((await machine.environment.readFile(file)) ?? "", file);
    const asked = hostsByHelper(config, machine.hosts);
    if (asked.size === 0) return note("none is configured for these registries");
    return saidOfEach([...asked], machine.options.signal, ([name, hosts]) => ask(machine, name, hosts));
  },
};

/** @throws Unreached where it is malformed: `config` tells of that. */
function parsed(bytes: Uint8Array | string, file: string): DockerConfig {
  try {
    return parseDockerConfig(bytes, file);
  } catch (error) {
    throw hasCode(error, "invalid_config") ? new Unreached() : error;
  }
}

/** Without a registry, the helper for everything is asked about Docker Hub. */
function hostsByHelper(config: DockerConfig, hosts: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const asked = new Map<string, readonly string[]>();
  for (const host of hosts.length > 0 ? hosts : ["docker.io"]) {
    const name = helperFor(config, host);
    if (name !== undefined) asked.set(name, [...(asked.get(name) ?? []), host]);
  }
  return asked;
}

async function ask(machine: Machine, name: string, hosts: readonly string[]): Promise<Said> {
  const { environment, options } = machine;
  const { signal } = options;
  const found = await Promise.all(
    hosts.map((host) => helperCredential({ name, run: environment.run }, serverKey(host), { signal })),
  );
  const [has, lacks] = [hosts.filter((_, at) => found[at]), hosts.filter((_, at) => !found[at])];
  const parts = [
    ...(has.length > 0 ? [`has ${has.join(", ")}`] : []),
    ...(lacks.length > 0 ? [`nothing for ${lacks.join(", ")}`] : []),
  ];
  return ok(`docker-credential-${name} answers: ${parts.join("; ")}`, { helper: name, has, lacks });
}
