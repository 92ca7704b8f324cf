import { parseDockerConfig, type DockerConfig } from "../../../registry/credentials/docker-config.ts";
import {
  containersAuthFiles,
  dockerConfigFile,
  type CredentialEnvironment,
} from "../../../registry/credentials/environment.ts";
import { note, ok, warning, type Check, type Said } from "../check.ts";
import type { Machine } from "../machine.ts";

/** The files that credentials are looked for in: docker's in any case, the others where they exist. */
export const config: Check<Machine> = {
  name: "config",
  async run({ environment }) {
    const { env } = environment;
    const inline = env["DOCKER_AUTH_CONFIG"];
    const files = [dockerConfigFile(environment), ...containersAuthFiles(environment)];
    const found = await Promise.all(files.map((file) => lookAt(environment, file)));
    const [docker = note("no docker config"), ...others] = found.map((said, at) => said ?? absent(files[at] ?? ""));
    const present = others.filter(({ facts }) => facts?.["exists"]);
    if (!inline) return [docker, ...present];
    const own = parseDockerConfig(inline, "DOCKER_AUTH_CONFIG");
    return [ok(`DOCKER_AUTH_CONFIG: ${summaryOf(own)}`), docker, ...present];
  },
};

function absent(file: string): Said {
  return note(`${file} does not exist: no credentials from there`, { file, exists: false });
}

async function lookAt(environment: CredentialEnvironment, file: string): Promise<Said | undefined> {
  const bytes = await environment.readFile(file);
  if (!bytes) return undefined;
  const parsed = parseDockerConfig(bytes, file);
  const mode = await environment.modeOf(file);
  const shownMode = mode === undefined ? "" : `, mode ${mode.toString(8).padStart(3, "0")}`;
  const text = `${file}: ${summaryOf(parsed)}${shownMode}`;
  const secrets = parsed.auths.filter(holdsSecret).length;
  const facts = { file, exists: true, entries: parsed.auths.length, secrets, mode: mode?.toString(8) };
  // Kubernetes mounts files with 0644, so this is told and not refused.
  if (mode === undefined || (mode & 0o077) === 0 || secrets === 0) return ok(text, facts);
  return warning(text, `others on this machine can read the passwords in it: chmod 600 ${file}`, facts);
}

function summaryOf({ auths, credHelpers, credsStore }: DockerConfig): string {
  const parts = [auths.length === 1 ? "1 entry" : `${auths.length} entries`];
  if (credHelpers.size > 0)
    parts.push(credHelpers.size === 1 ? "a helper for 1 host" : `helpers for ${credHelpers.size} hosts`);
  if (credsStore !== undefined) parts.push(`${credsStore} for the rest`);
  return parts.join(", ");
}

function holdsSecret({ fields }: DockerConfig["auths"][number]): boolean {
  return [fields.auth, fields.password, fields.identitytoken, fields.registrytoken].some(Boolean);
}
