import { originOf } from "../http/url.ts";
import { normalizeHost } from "../spec/reference.ts";

/** The `host[:port]` that a registry's API is served on: Docker Hub's differs from the name people write. */
export function apiHost(registry: string): string {
  const host = normalizeHost(registry);
  return host === "docker.io" ? "registry-1.docker.io" : host;
}

/** What users may have called `host:port`: without the usual port, and Docker Hub by its name. */
export function namesOf(hostPort: string): readonly string[] {
  const full = /:\d+$/.test(hostPort) ? hostPort : `${hostPort}:443`;
  const names = full.endsWith(":443") ? [full, full.slice(0, -":443".length)] : [full];
  return names.includes(apiHost("docker.io")) ? [...names, "docker.io"] : names;
}

/** True when `url` lies on the API host of `registry`, whatever its scheme. */
export function isOnRegistry(url: string, registry: string): boolean {
  const origin = originOf(url);
  const own = `${origin.slice(0, origin.indexOf("//"))}//${apiHost(registry)}`;
  return own === origin || (URL.canParse(own) && new URL(own).origin === origin);
}
