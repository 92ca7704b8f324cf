import type { AddressClass } from "./address.ts";
import { classOfAddress } from "./address.ts";
import type { PhaseLimits } from "./phase.ts";
import { phase } from "./phase.ts";
import { bareHost } from "./url.ts";

export interface ResolvedAddress {
  readonly address: string;
  readonly family: number;
}

/** All addresses of a host name. Rejects with Node's codes (`ENOTFOUND`, `EAI_AGAIN`). */
export type Lookup = (hostname: string) => Promise<readonly ResolvedAddress[]>;

/** The operating system's resolver, in the order that it prefers. */
export const systemLookup: Lookup = async (hostname) => {
  const { lookup } = await import("node:dns/promises");
  return lookup(hostname, { all: true, verbatim: true });
};

/** Every address that `hostname` may be connected to, each shown to `check` first; an address given literally stands for itself. */
export async function resolveHost(
  hostname: string,
  lookup: Lookup,
  limits: PhaseLimits,
  check: (address: AddressClass) => void,
): Promise<readonly ResolvedAddress[]> {
  const bare = bareHost(hostname);
  const literal = classOfAddress(bare);
  if (literal !== undefined) {
    check(literal);
    return [{ address: bare, family: bare.includes(":") ? 6 : 4 }];
  }
  const found = await phase<readonly ResolvedAddress[]>("dns", limits, (done, fail) => {
    const run = async () => {
      try {
        done(await lookup(bare));
      } catch (error) {
        fail(error as Error);
      }
    };
    void run();
    return () => undefined;
  });
  if (found.length === 0) throw Object.assign(new Error("no addresses"), { code: "ENOTFOUND" });
  for (const { address } of found) check(classOfAddress(address) ?? "forbidden");
  return found;
}
