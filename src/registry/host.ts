import { originOf } from "../http/send.ts";
import { normalizeHost } from "../spec/reference.ts";

/** The `host[:port]` that a registry's API is served on: Docker Hub's differs from the name people write. */
export function apiHost(registry: string): string {
  const host = normalizeHost(registry);
  return host === "docker.io" ? "registry-1.docker.io" : host;
}

/** True for host names of this machine: `localhost`, 127.0.0.0/8, `[::1]`. In the form that `URL.hostname` has. */
export function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "[::1]" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

/** True when `url` lies on the API host of `registry`, whatever its scheme. */
export function isOnRegistry(url: string, registry: string): boolean {
  const origin = originOf(url);
  const own = `${origin.slice(0, origin.indexOf("//"))}//${apiHost(registry)}`;
  return own === origin || (URL.canParse(own) && new URL(own).origin === origin);
}
