import ipaddr from "ipaddr.js";
import { WaybillError } from "../errors.ts";
import type { Origin } from "./send.ts";
import { bareHost } from "./url.ts";

/**
 * What an IP address is good for. `forbidden` holds link-local, metadata, unspecified, multicast and broadcast addresses:
 * nobody's word but the user's leads there.
 */
export type AddressClass = "public" | "private" | "loopback" | "forbidden";

type Parsed = ReturnType<typeof ipaddr.parse>;

// Of AWS, Google, Alibaba, Azure and Oracle, as far as they are not link-local.
const metadata = new Set(["fd00:ec2::254", "fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"]);

const classes: Readonly<Record<string, AddressClass>> = {
  loopback: "loopback",
  private: "private",
  uniqueLocal: "private",
  carrierGradeNat: "private",
  benchmarking: "private",
  linkLocal: "forbidden",
  unspecified: "forbidden",
  multicast: "forbidden",
  broadcast: "forbidden",
};

let last: { readonly text: string; readonly class: AddressClass | undefined } = { text: "", class: undefined };

/** The class of an IP address; `undefined` where `text` is not one. IPv6 brackets and zones are accepted. */
export function classOfAddress(text: string): AddressClass | undefined {
  // Connections are made by the dozen, to few addresses.
  if (text !== last.text) last = { text, class: judge(text) };
  return last.class;
}

function judge(text: string): AddressClass | undefined {
  const bare = bareHost(text).replace(/%.*$/s, "");
  if (!ipaddr.isValid(bare)) return undefined;
  const address = unwrapped(ipaddr.parse(bare));
  if (metadata.has(address.toString())) return "forbidden";
  return classes[address.range()] ?? "public";
}

/** The IPv4 address that an IPv6 one stands for (mapped, NAT64, 6to4), else the address itself. */
function unwrapped(address: Parsed): Parsed {
  if (!(address instanceof ipaddr.IPv6)) return address;
  const range: string = address.range();
  const bytes = address.toByteArray();
  if (range === "ipv4Mapped" || range === "rfc6145" || range === "rfc6052") return new ipaddr.IPv4(bytes.slice(12));
  if (range === "6to4") return new ipaddr.IPv4(bytes.slice(2, 6));
  // The deprecated "IPv4-compatible" form, ::a.b.c.d; :: and ::1 keep their own meaning.
  const compatible = bytes.slice(0, 12).every((byte) => byte === 0) && bytes.slice(12, 14).some((byte) => byte !== 0);
  return compatible ? new ipaddr.IPv4(bytes.slice(12)) : address;
}

/** Whoever vouches for a host: the registry that named it, with the class of the address it was reached on. */
export interface Leader {
  readonly origin: Origin;
  /** `undefined` where it was not reached by a socket of ours. */
  readonly reachedOn?: AddressClass;
}

export interface AddressRules {
  /** Hosts, or `host:port`, that may be private or loopback whoever names them. */
  readonly allowPrivate: readonly string[];
}

/**
 * Refuses an address that a registry may not lead us to: link-local and metadata never; loopback only when the registry
 * was itself reached on loopback; private only when it was reached on a private or loopback address, or on the user's word.
 *
 * @param host `host[:port]` as in the URL.
 * @throws WaybillError `address_forbidden`
 */
export function assertAddressAllowed(host: string, address: AddressClass, leader: Leader, rules: AddressRules): void {
  if (isAllowed(host, address, leader, rules)) return;
  const kind = address === "forbidden" ? "a link-local or metadata" : `a ${address}`;
  const message = `Cannot follow "${new URL(leader.origin).host}" to "${host}": it is ${kind} address`;
  const advice = `Add --allow-private ${host} if this registry really keeps its content or tokens there`;
  throw new WaybillError("address_forbidden", message, {
    registry: new URL(leader.origin).host,
    sent: "nothing",
    ...(address === "forbidden" ? {} : { advice }),
  });
}

function isAllowed(host: string, address: AddressClass, leader: Leader, rules: AddressRules): boolean {
  if (address === "public") return true;
  if (address === "forbidden") return false;
  if (rules.allowPrivate.some((allowed) => names(allowed, host))) return true;
  if (address === "loopback") return leader.reachedOn === "loopback";
  return leader.reachedOn === "loopback" || leader.reachedOn === "private";
}

function names(allowed: string, host: string): boolean {
  const wanted = allowed.toLowerCase();
  return wanted === host.toLowerCase() || wanted === host.toLowerCase().replace(/:\d+$/, "");
}
