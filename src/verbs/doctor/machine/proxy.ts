import { proxyFromEnv } from "../../../http/proxy.ts";
import { note, ok, type Check } from "../check.ts";
import type { Machine } from "../machine.ts";

const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/** Which proxy settings there are; what they mean for a registry is told with it. */
export const proxy: Check<Machine> = {
  name: "proxy",
  async run({ options }) {
    const { env } = options;
    const set = names.flatMap((name) => [name.toLowerCase(), name]).filter((name) => env[name]);
    if (set.length === 0) return note("no proxy is set");
    const proxyFor = proxyFromEnv({ ...env, NO_PROXY: "", no_proxy: "" });
    const used = ["https://registry.invalid/", "http://registry.invalid/"].map((url) => hostOf(proxyFor(url)));
    const exceptions = (env["no_proxy"] || env["NO_PROXY"] || "").split(/[,\s]/).filter((entry) => entry !== "");
    const [https, http] = used;
    const text = `${set.join(", ")}: https by ${https ?? "none"}, http by ${http ?? "none"}`;
    return ok(`${text}; NO_PROXY has ${exceptions.length} entries`, { https, http, exceptions });
  },
};

/** Without user and password. */
function hostOf(proxy: string | undefined): string | undefined {
  return proxy === undefined ? undefined : new URL(proxy).host;
}
