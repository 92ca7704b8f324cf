import { lookup as systemLookup, Resolver } from "node:dns";
import type { LookupFunction } from "node:net";

export interface LookupOptions {
  /** In place of the system's name servers, for tests. */
  readonly servers?: readonly string[];
  /** How long a name server may be silent. */
  readonly timeoutMs: number;
}

/**
 * The system's lookup, asked only where the name servers answer at all. It runs in a thread that nothing can stop, and no
 * process ends before such a thread has: with name servers that are silent, that is many seconds later.
 */
export function safeLookup({ servers, timeoutMs }: LookupOptions): LookupFunction {
  return (hostname, options, callback) => {
    if (/(?:^|\.)localhost\.?$/i.test(hostname)) return systemLookup(hostname, options, callback);
    const resolver = new Resolver({ timeout: timeoutMs, tries: 1 });
    if (servers) resolver.setServers([...servers]);
    resolver.resolve4(hostname, (error) => {
      if (error?.code === "ETIMEOUT") return callback(error, "", 0);
      systemLookup(hostname, options, callback);
    });
  };
}
