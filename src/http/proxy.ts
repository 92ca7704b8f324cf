import ipaddr from "ipaddr.js";
import { WaybillError } from "../errors.ts";
import { classOfAddress } from "./address.ts";
import { Secret } from "./send.ts";
import { bareHost, isLoopbackHost, portOf } from "./url.ts";

/** The proxy's URL for a request to `url`; `undefined` where it goes straight. @throws WaybillError `invalid_config` */
export type ProxyFor = (url: string) => string | undefined;

/**
 * Reads `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, lower case first as curl does. Entries of `NO_PROXY` are host
 * names (with all below them), addresses, CIDR blocks, each with an optional port, or `*`. Loopback never goes by a proxy.
 */
export function proxyFromEnv(env: Readonly<Record<string, string | undefined>>): ProxyFor {
  const read = (upper: string): Setting | undefined => {
    const name = [upper.toLowerCase(), upper].find((it) => env[it]);
    return name === undefined ? undefined : { name, value: env[name] ?? "" };
  };
  const all = read("ALL_PROXY");
  const byScheme: Readonly<Record<string, Setting | undefined>> = {
    "http:": read("HTTP_PROXY") ?? all,
    "https:": read("HTTPS_PROXY") ?? all,
  };
  if (!byScheme["http:"] && !byScheme["https:"]) return () => undefined;
  const exceptions = exceptionsOf(read("NO_PROXY")?.value ?? "");
  return (url) => {
    const parsed = new URL(url);
    const { protocol, hostname } = parsed;
    const proxy = byScheme[protocol];
    if (proxy === undefined || isHere(hostname)) return undefined;
    const target = { host: named(hostname), port: `${portOf(parsed)}` };
    return exceptions.some((matches) => matches(target)) ? undefined : usable(proxy);
  };
}

/** A variable that is set, by the name in which it was found. */
interface Setting {
  readonly name: string;
  readonly value: string;
}

/** Refused without being quoted: there may be a password in it. */
function usable({ name, value }: Setting): string {
  const proxy = withScheme(value);
  if (URL.canParse(proxy)) return proxy;
  const advice = `Write ${name}=http://HOST:PORT`;
  throw new WaybillError("invalid_config", `Cannot use the proxy in ${name}: it is not a URL`, { advice });
}

/** The passwords in the addresses of `env`'s proxies, alone and as they are sent. */
export function proxyPasswords(env: Readonly<Record<string, string | undefined>>): readonly Secret[] {
  const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((name) => [name, name.toLowerCase()]);
  return names.flatMap((name) => {
    const text = withScheme(env[name] ?? "");
    if (!URL.canParse(text)) return [];
    const { username, password } = new URL(text);
    return [unescaped(password), `${unescaped(username)}:${unescaped(password)}`].map((it) => new Secret(it));
  });
}

/** A part of a URL without its escapes; as it is where they are none. */
export function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

interface ProxyTarget {
  readonly host: string;
  readonly port: string;
}

type Exception = (target: ProxyTarget) => boolean;

function exceptionsOf(list: string): Exception[] {
  return list
    .split(/[,\s]/)
    .filter((entry) => entry !== "")
    .map((entry) => exceptionOf(entry.toLowerCase()));
}

function exceptionOf(entry: string): Exception {
  if (entry === "*") return () => true;
  const { host, port } = splitPort(entry);
  const matchesHost = cidrMatcher(host) ?? addressMatcher(host) ?? suffixMatcher(host);
  return (target) => (port === undefined || port === target.port) && matchesHost(target.host);
}

type HostMatcher = (host: string) => boolean;

function cidrMatcher(text: string): HostMatcher | undefined {
  if (!ipaddr.isValidCIDR(text)) return undefined;
  const [network, bits] = ipaddr.parseCIDR(text);
  return (host) => {
    if (!ipaddr.isValid(host)) return false;
    const address = ipaddr.process(host);
    return address.kind() === network.kind() && address.match(network, bits);
  };
}

function addressMatcher(text: string): HostMatcher | undefined {
  if (!ipaddr.isValid(text)) return undefined;
  const wanted = ipaddr.process(text).toNormalizedString();
  return (host) => ipaddr.isValid(host) && ipaddr.process(host).toNormalizedString() === wanted;
}

function suffixMatcher(text: string): HostMatcher {
  const name = text.replace(/^\*?\./, "").replace(/\.$/, "");
  return (host) => host === name || host.endsWith(`.${name}`);
}

function splitPort(entry: string): { host: string; port?: string } {
  const bracketed = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(entry);
  const match = bracketed ?? /^([^:]*):(\d{1,5})$/.exec(entry);
  if (!match) return { host: entry };
  const host = match[1] ?? "";
  return match[2] === undefined ? { host } : { host, port: match[2] };
}

/** Names below `localhost` as well: a proxy would look for them on its own machine, if anywhere. */
function isHere(hostname: string): boolean {
  return isLoopbackHost(hostname) || hostname.endsWith(".localhost") || classOfAddress(hostname) === "loopback";
}

/** As `NO_PROXY` has it. `URL.hostname` is in lower case already. */
function named(hostname: string): string {
  return bareHost(hostname).replace(/\.$/, "");
}

function withScheme(proxy: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(proxy) ? proxy : `http://${proxy}`;
}
