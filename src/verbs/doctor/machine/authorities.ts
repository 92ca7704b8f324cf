import { authoritySources } from "../../../registry/authorities.ts";
import { isCheckSwitchedOff } from "../../../registry/tls.ts";
import { ok, warning, type Check } from "../check.ts";
import type { Machine } from "../machine.ts";

/** Where the certificate authorities come from that are trusted for every registry. */
export const authorities: Check<Machine> = {
  name: "authorities",
  async run({ environment, options }) {
    const { caFiles } = options;
    const sources = await authoritySources({ files: environment, ...(caFiles && { caFiles }) });
    const all = new Set(sources.flatMap(({ certificates }) => certificates)).size;
    const counts = sources.map(({ from, certificates }) => `${new Set(certificates).size} of ${from}`);
    const text = `${all} certificates: ${counts.join(", ")}`;
    const facts = {
      all,
      sources: sources.map(({ from, certificates }) => ({ from, count: new Set(certificates).size })),
    };
    if (!isCheckSwitchedOff(environment.env)) return ok(text, facts);
    const advice = "NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect on waybill; use --insecure HOST where it is meant";
    return warning(text, advice, facts);
  },
};
