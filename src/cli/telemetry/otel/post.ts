import type { IncomingMessage, RequestOptions } from "node:http";
import { transportError } from "../../../http/outcome.ts";
import { retryAfterMs } from "../../../http/retry-after.ts";
import type { OtlpSettings } from "../../../telemetry/settings/otlp.ts";
import { safeLookup } from "./lookup.ts";

/** How one POST ended. */
export type Posted =
  | { readonly ok: true; readonly body: Uint8Array }
  | { readonly ok: false; readonly why: string; readonly passing: boolean; readonly retryAfterMs?: number };

/** Sends bytes to one collector. */
export interface Poster {
  /** Settles within the time given, whatever the other side does. Never rejects. */
  post(bytes: Uint8Array, withinMs: number): Promise<Posted>;
  /** What is under way ends at `at`, by `Date.now()`. */
  hurry(at: number): void;
  /** Closes every connection. */
  close(): void;
}

/** What is read of an answer. */
const mostAnswerBytes = 64 * 1024;
/** Node takes a longer delay for 1 ms. */
const longestTimerMs = 2 ** 31 - 1;
const passing: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** `files`: the PEM files that `settings` name, by path. */
export async function createPoster(
  settings: OtlpSettings,
  files: Readonly<Record<string, string>>,
  userAgent: string,
): Promise<Poster> {
  const isSecure = settings.url.startsWith("https:");
  const { Agent, request } = isSecure ? await import("node:https") : await import("node:http");
  const pem = (path: string | undefined) => (path === undefined ? undefined : files[path]);
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 2,
    lookup: safeLookup({ timeoutMs: 2000 }),
    ...(isSecure && {
      ca: pem(settings.certificate),
      key: pem(settings.clientKey),
      cert: pem(settings.clientCertificate),
    }),
  });
  const gzip = settings.compression === "gzip" ? (await import("node:zlib")).gzipSync : undefined;
  const headers = {
    ...settings.headers,
    "content-type": settings.encoding === "json" ? "application/json" : "application/x-protobuf",
    "user-agent": userAgent,
    ...(gzip && { "content-encoding": "gzip" }),
  };
  const { host } = new URL(settings.url);
  const exchange = (body: Uint8Array, signal: AbortSignal) =>
    new Promise<Posted>((resolve, reject) => {
      const options: RequestOptions = {
        method: "POST",
        headers: { ...headers, "content-length": body.byteLength },
        agent,
        signal,
      };
      const sent = request(settings.url, options, (response) => void read(response, host).then(resolve, reject));
      sent.on("error", reject);
      sent.end(body);
    });
  let current: AbortController | undefined;
  const abortIn = (delayMs: number) =>
    setTimeout(() => current?.abort(), Math.min(Math.max(0, delayMs), longestTimerMs));
  return {
    async post(bytes, withinMs) {
      const startedAt = Date.now();
      current = new AbortController();
      const { signal } = current;
      const timer = abortIn(withinMs);
      try {
        return await exchange(gzip?.(bytes) ?? bytes, signal);
      } catch (error) {
        const why = signal.aborted ? silence(host, Date.now() - startedAt) : reasonOf(error, settings.url);
        return { ok: false, why, passing: true };
      } finally {
        clearTimeout(timer);
      }
    },
    hurry: (at) => void abortIn(at - Date.now()),
    close: () => agent.destroy(),
  };
}

async function read(response: IncomingMessage, host: string): Promise<Posted> {
  const chunks: Buffer[] = [];
  let seen = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    seen += chunk.byteLength;
    if (seen > mostAnswerBytes) break;
    chunks.push(chunk);
  }
  const { statusCode = 0, headers } = response;
  if (statusCode >= 200 && statusCode < 300) return { ok: true, body: Buffer.concat(chunks) };
  const wait = retryAfterMs(headers["retry-after"], Date.now());
  const why = `the collector at "${host}" answered ${statusCode}`;
  return { ok: false, why, passing: passing.has(statusCode), ...(wait !== undefined && { retryAfterMs: wait }) };
}

function silence(host: string, afterMs: number): string {
  return `the collector at "${host}" did not answer within ${Math.round(afterMs / 100) / 10} s`;
}

/** Where it was sent is named by its host: the rest of the address may be secret. */
function reasonOf(error: unknown, url: string): string {
  const told = error instanceof Error ? transportError({ method: "POST", url }, error, "nothing").message : "unknown";
  return `the collector is out of reach: ${told}`;
}
