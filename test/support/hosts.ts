import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/async/clock.ts";
import type { HttpRequest, HttpResponse, Send } from "../../src/http/send.ts";
import { openStores, type Stores, type StoresOptions } from "../../src/stores.ts";
import type { WaybillEvent } from "../../src/telemetry/events.ts";
import { respond, textOf } from "./responses.ts";

/** A request as a host saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly body: string;
  readonly ledBy: string | undefined;
}

/** What a host answers; nothing means 404. */
export type HostScript = (request: HttpRequest, seen: Seen) => HttpResponse | undefined | Promise<HttpResponse>;

/** The internet as a test writes it, with the real chain of `stores.ts` before it, and a user's home with credentials. */
export interface Internet extends AsyncDisposable {
  readonly stores: Stores;
  readonly seen: readonly Seen[];
  readonly events: readonly WaybillEvent[];
  /** Requests that reached `host`. */
  at(host: string): readonly Seen[];
}

export interface InternetOptions extends Partial<StoresOptions> {
  /** Docker's config.json. */
  readonly config?: object;
}

/** Hosts by `host[:port]` of their URLs, or real sockets. The caller disposes of it. */
export async function internet(
  hosts: Readonly<Record<string, HostScript>> | "sockets",
  { config = {}, ...options }: InternetOptions = {},
): Promise<Internet> {
  const home = mkdtempSync(join(tmpdir(), "waybill-home-"));
  writeFileSync(join(home, "config.json"), JSON.stringify(config));
  const seen: Seen[] = [];
  const events: WaybillEvent[] = [];
  const scripts = hosts === "sockets" ? {} : hosts;
  const send: Send = async (request) => {
    const { host } = new URL(request.url);
    const told = await seenOf(request);
    seen.push(told);
    return (await scripts[host]?.(request, told)) ?? respond(request, 404);
  };
  const stores = await openStores({
    clock: systemClock(),
    random: () => 0,
    env: { HOME: home, DOCKER_CONFIG: home },
    report: (event) => void events.push(event),
    ...(hosts !== "sockets" && { network: { send, close: async () => undefined } }),
    ...options,
  });
  return {
    stores,
    seen,
    events,
    at: (host) => seen.filter(({ url }) => new URL(url).host === host),
    async [Symbol.asyncDispose]() {
      await stores[Symbol.asyncDispose]();
      rmSync(home, { recursive: true });
    },
  };
}

async function seenOf(request: HttpRequest): Promise<Seen> {
  const { method, url, authorization, ledBy } = request;
  return { method, url, authorization: authorization?.value.reveal(), body: await textOf(request), ledBy };
}

/** A registry's 401 that asks for a token of `realm`. */
export function challenged(request: HttpRequest, realm: string): HttpResponse {
  const challenge = `Bearer realm="${realm}",service="s",scope="repository:app:pull"`;
  return respond(request, 401, { headers: { "www-authenticate": challenge } });
}

/** An entry of docker's config for `user` and `password`. */
export function basicEntry(user: string, password: string): { readonly auth: string } {
  return { auth: Buffer.from(`${user}:${password}`).toString("base64") };
}
