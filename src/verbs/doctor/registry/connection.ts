import { proxyFromEnv } from "../../../http/proxy.ts";
import { failed, note, ok, type Check, type Said } from "../check.ts";
import type { Patient } from "../patient.ts";

/** The proxy that the registry is reached by, where one is set at all. */
export const route: Check<Patient> = {
  name: "route",
  async run(patient) {
    const { env } = patient.options;
    const proxyFor = proxyFromEnv(env);
    const url = `${await patient.origin()}/`;
    const proxy = proxyFor(url);
    if (proxy !== undefined) return ok(`by the proxy ${new URL(proxy).host}`, { proxy: new URL(proxy).host });
    const without = proxyFromEnv({ ...env, NO_PROXY: "", no_proxy: "" })(url);
    if (without === undefined) return [];
    return ok("straight: NO_PROXY names it", { proxy: null });
  },
};

/** What the host's name, or that of its proxy, resolves to. */
export const name: Check<Patient> = {
  name: "name",
  async run(patient) {
    const { lookup, failure, proxy } = await patient.line();
    if (failure?.during === "lookup") return behind(proxy, failed(failure.error));
    if (!lookup) return [];
    const { addresses, durationMs } = lookup;
    const more = addresses.length > 3 ? ` and ${addresses.length - 3} more` : "";
    const of = proxy === undefined ? "" : `proxy ${lookup.name}: `;
    return ok(`${of}${addresses.slice(0, 3).join(", ")}${more} (${shown(durationMs)})`, { ...lookup });
  },
};

/** TCP, and a proxy's consent. */
export const connection: Check<Patient> = {
  name: "connection",
  async run(patient) {
    const { connected, failure, proxy } = await patient.line();
    if (failure?.during === "connect") return behind(proxy, failed(failure.error));
    if (!connected) return [];
    const through = proxy === undefined ? "" : ` by proxy ${proxy}`;
    return ok(`to ${connected.address}${through} in ${shown(connected.durationMs)}`, { ...connected, proxy });
  },
};

/** What the wire would do with HTTP/2 here. */
export const http2: Check<Patient> = {
  name: "http2",
  async run(patient) {
    const { tls } = await patient.line();
    const { http2: mode = "off" } = patient.options;
    if (!tls) return [];
    const offers = tls.alpn === "h2";
    const text = offers ? `offered; ${mode === "off" ? "--http2 auto would use it" : "used"}` : "not offered";
    return note(text, { offered: offers, mode });
  },
};

/** What failed is then the proxy's name, the proxy, or the way on from it. */
function behind(proxy: string | undefined, said: Said): Said {
  return proxy === undefined ? said : { ...said, text: `by the proxy ${proxy}: ${said.text}` };
}

function shown(durationMs: number): string {
  return `${Math.round(durationMs)} ms`;
}
