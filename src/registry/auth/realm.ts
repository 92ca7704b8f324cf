import { WaybillError } from "../../errors.ts";
import type { Origin } from "../../http/send.ts";
import { isLoopbackHost, portOf } from "../../http/url.ts";
import { normalizeHost } from "../../spec/reference.ts";

/** A registry as its users name it, and where it was reached. */
export interface RegistryIdentity {
  /** `host[:port]` */
  readonly registry: string;
  readonly origin: Origin;
}

/**
 * Token services that lie outside of their registry's own domain. Evidence for each is in docs/registries.md.
 * A leading dot stands for every host below the domain.
 */
const knownServices: readonly { readonly registries: readonly string[]; readonly service: string }[] = [
  { registries: ["docker.io", ".docker.io", "dhi.io", "registry.scout.docker.com"], service: "auth.docker.io" },
  { registries: [".scw.cloud"], service: "api.scaleway.com" },
];

/**
 * The address of a token service, as a challenge names it.
 *
 * @throws WaybillError `realm_untrusted` where it is no https address (http only when the registry itself is spoken to so),
 * or carries a user name.
 */
export function parseRealm(realm: string, { registry, origin }: RegistryIdentity): URL {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  const schemes = origin.startsWith("http:") ? ["https:", "http:"] : ["https:"];
  if (url && schemes.includes(url.protocol) && url.username === "" && url.password === "") return url;
  const shown = url ? `"${url.origin === "null" ? url.protocol : url.origin}"` : "no URL";
  const message = `Cannot get a token for "${registry}": the registry named ${shown} as its token service, which must be an https address`;
  throw new WaybillError("realm_untrusted", message, { registry });
}

/**
 * Holds back a long-lived credential from token services that have nothing to do with the registry. One is trusted on the
 * registry's own host at any port, under the same registrable domain, when it is known to serve that registry, or when
 * `trustRealms` (`host` or `host:port`) names it.
 *
 * @throws WaybillError `realm_untrusted` with the flag that would allow it.
 */
export async function assertTrusted(realm: URL, at: RegistryIdentity, trustRealms: readonly string[]): Promise<void> {
  if (trustRealms.some((entry) => namesHost(entry, realm))) return;
  if (isKnown(realm, at.registry) || (await isRelated(realm.hostname, new URL(at.origin).hostname))) return;
  const message = `Cannot send the credential for "${at.registry}" to the token service at "${realm.origin}": it is on a foreign host`;
  const advice = `If this host may have the credential, add --trust-realm ${realm.host}`;
  throw new WaybillError("realm_untrusted", message, { registry: at.registry, advice });
}

function namesHost(entry: string, realm: URL): boolean {
  const wanted = entry.toLowerCase();
  return wanted === realm.hostname || wanted === `${realm.hostname}:${portOf(realm)}`;
}

function isKnown(realm: URL, registry: string): boolean {
  const host = normalizeHost(registry);
  const matches = (name: string) => (name.startsWith(".") ? host.endsWith(name) : host === name);
  return knownServices.some(({ registries, service }) => realm.host === service && registries.some(matches));
}

async function isRelated(realmHost: string, registryHost: string): Promise<boolean> {
  if (realmHost === registryHost || (isLoopbackHost(realmHost) && isLoopbackHost(registryHost))) return true;
  const { getDomain } = await import("tldts");
  const domain = getDomain(registryHost, { allowPrivateDomains: true });
  return domain !== null && domain === getDomain(realmHost, { allowPrivateDomains: true });
}
