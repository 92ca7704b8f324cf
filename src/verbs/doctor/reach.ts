import { once } from "../../async/remembered.ts";
import { hasCode } from "../../errors.ts";
import { drain } from "../../http/body.ts";
import type { LineReport } from "../../http/network.ts";
import type { HttpHeaders, Send } from "../../http/send.ts";
import { essence } from "../../spec/media-type.ts";
import type { OpenContext } from "../context.ts";
import { Unreached } from "./check.ts";

/** How the registry's first page answered. */
export interface Ping {
  readonly url: string;
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly protocol: string;
}

/** The way to a registry. Each question is asked once, whoever wants its answer. */
export interface Reach {
  /** Where its API is: settled for loopback, as far as it could be. */
  origin(): Promise<string>;
  /** What a connection goes through. @throws Unreached where there are no sockets to look at. */
  line(): Promise<LineReport>;
  /** @throws Unreached where there is no connection, or one that may not be used; what the wire throws. */
  ping(): Promise<Ping>;
  /** @throws Unreached unless its first page answers as a registry does. */
  reached(): Promise<void>;
}

export interface ReachOptions {
  readonly context: Pick<OpenContext, "inspect">;
  /** The wire without credentials and repetition. */
  readonly send: Send;
  readonly baseUrl: string;
  readonly signal: AbortSignal;
}

/** Asks nothing yet. */
export function reachFor(host: string, options: ReachOptions): Reach {
  const { baseUrl, context, signal } = options;
  const firstPage = once(() => askFirstPage(host, options));
  const origin = once(() => settledOrigin(baseUrl, firstPage));
  const line = once(async () => {
    if (!context.inspect) throw new Unreached();
    return context.inspect(await origin(), { signal });
  });
  const ping = once(async () => {
    const { failure, tls } = await line();
    if (failure || (tls?.mustBeTrusted && tls.distrust !== undefined)) throw new Unreached();
    return firstPage();
  });
  const reached = async (): Promise<void> => {
    const page = await ping().catch(() => undefined);
    if (!page || !isRegistry(page)) throw new Unreached();
  };
  return { origin, line, ping, reached };
}

async function askFirstPage(host: string, { send, baseUrl, signal }: ReachOptions): Promise<Ping> {
  const response = await send({ method: "GET", url: `${baseUrl}/v2/`, operation: "ping", registry: host, signal });
  const { url, status, headers, protocol = "" } = response;
  await drain(response);
  return { url, status, headers, protocol };
}

/** A port of loopback shows by its answer whether it speaks TLS. */
async function settledOrigin(baseUrl: string, firstPage: () => Promise<Ping>): Promise<string> {
  if (!baseUrl.startsWith("http:")) return baseUrl;
  try {
    return new URL((await firstPage()).url).origin;
  } catch (error) {
    return hasCode(error, "tls_failed") ? baseUrl.replace("http:", "https:") : baseUrl;
  }
}

/** Whether a first page looks like that of a registry, whoever it lets in. */
function isRegistry({ status, headers }: Ping): boolean {
  const isPage = essence(headers.get("content-type") ?? "") === "text/html";
  return (status >= 200 && status < 300 && !isPage) || status === 401 || status === 403;
}
