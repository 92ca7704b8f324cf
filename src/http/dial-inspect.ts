import type { PeerCertificate, TLSSocket } from "node:tls";
import type { WaybillError } from "../errors.ts";
import { classOfAddress } from "./address.ts";
import { handshake, tlsOptions } from "./dial-tls.ts";
import { dialPlain, type DialContext, type PlainLine } from "./dial.ts";
import { cancelledError, codeOf, errorOf } from "./outcome.ts";
import { Cancelled } from "./phase.ts";
import { destroyed } from "./connection.ts";
import type { ResolvedAddress } from "./resolve.ts";

/** What a connection to an origin goes through, as far as it comes. Durations are in milliseconds. */
export interface LineReport {
  /** `host[:port]` of the proxy that it goes by: then name and addresses are the proxy's. */
  readonly proxy?: string;
  /** Absent where the host is an address. */
  readonly lookup?: { readonly name: string; readonly addresses: readonly string[]; readonly durationMs: number };
  /** Through a proxy, up to where the proxy lets us through. */
  readonly connected?: { readonly address: string; readonly durationMs: number };
  /** Absent for plain HTTP. */
  readonly tls?: TlsReport;
  /** What it did not get past. A certificate that is not trusted is no failure here: see `tls`. */
  readonly failure?: { readonly during: "lookup" | "connect" | "tls"; readonly error: WaybillError };
}

/** What TLS came to, with a certificate that may be anybody's. Texts are foreign. */
export interface TlsReport {
  readonly durationMs: number;
  /** Such as `TLSv1.3`. */
  readonly protocol: string;
  /** What ALPN chose of `h2` and `http/1.1`; empty where the server chose nothing. */
  readonly alpn: string;
  /** Why the certificate is not trusted, as Node's code; absent where it is. */
  readonly distrust?: string;
  /** False where the settings for this host do not ask for trust. */
  readonly mustBeTrusted: boolean;
  readonly subject: string;
  readonly issuer: string;
  /** By the Unix epoch; `NaN` where the certificate does not say. */
  readonly validFromMs: number;
  readonly validToMs: number;
}

/**
 * Opens a connection to `url`'s origin, looks at it and closes it again. Sends nothing over it but what TLS and a proxy need.
 * Every certificate is taken, so that it can be told what is wrong with it.
 *
 * @throws WaybillError `cancelled`. All other failures are part of the report.
 */
export async function inspectLine(
  target: { readonly url: URL; readonly proxy?: URL | undefined; readonly signal?: AbortSignal },
  context: DialContext,
): Promise<LineReport> {
  const { clock } = context;
  const report: { -readonly [K in keyof LineReport]: LineReport[K] } = {};
  if (target.proxy) report.proxy = target.proxy.host;
  const isAddress = classOfAddress((target.proxy ?? target.url).hostname) !== undefined;
  let at: NonNullable<LineReport["failure"]>["during"] = isAddress ? "connect" : "lookup";
  let since = clock.now();
  const lookup = async (name: string): Promise<readonly ResolvedAddress[]> => {
    const found = await context.lookup(name);
    if (found.length === 0) return found;
    const addresses = found.map(({ address }) => address);
    report.lookup = { name, addresses, durationMs: clock.now() - since };
    at = "connect";
    since = clock.now();
    return found;
  };
  try {
    const line = await dialPlain({ ...target, alpn: [], check: () => undefined }, { ...context, lookup });
    await using _ = { [Symbol.asyncDispose]: () => destroyed(line.socket) };
    report.connected = { address: line.socket.remoteAddress ?? "", durationMs: clock.now() - since };
    at = "tls";
    if (target.url.protocol === "https:") report.tls = await inspectTls(line, target, context);
  } catch (error) {
    report.failure = { during: at, error: inWords(error, target) };
  }
  return report;
}

function inWords(error: unknown, { url, signal }: { readonly url: URL; readonly signal?: AbortSignal }): WaybillError {
  const request = { method: "GET", url: url.href, signal } as const;
  if (error instanceof Cancelled || signal?.aborted) throw cancelledError(request, "nothing");
  return errorOf(request, error, "nothing") as WaybillError;
}

type Inspected = { readonly url: URL; readonly signal?: AbortSignal };

async function inspectTls(line: PlainLine, { url, signal }: Inspected, context: DialContext): Promise<TlsReport> {
  const { clock, deadlines } = context;
  const options = await tlsOptions(line.socket, { url, alpn: ["h2", "http/1.1"], signal }, context);
  const since = clock.now();
  const limits = { clock, delayMs: deadlines.tlsMs, signal };
  const socket = await handshake({ ...options, rejectUnauthorized: false }, limits);
  const report = reportOf(socket, options.rejectUnauthorized !== false, clock.now() - since);
  socket.destroy();
  return report;
}

function reportOf(socket: TLSSocket, mustBeTrusted: boolean, durationMs: number): TlsReport {
  const certificate = socket.getPeerCertificate();
  const { authorizationError: reason } = socket;
  const distrust = socket.authorized ? undefined : codeOf(reason) || String(reason);
  return {
    durationMs,
    protocol: socket.getProtocol() ?? "",
    alpn: socket.alpnProtocol || "",
    ...(distrust !== undefined && { distrust }),
    mustBeTrusted,
    subject: nameIn(certificate.subject),
    issuer: nameIn(certificate.issuer),
    validFromMs: Date.parse(certificate.valid_from),
    validToMs: Date.parse(certificate.valid_to),
  };
}

function nameIn(name: PeerCertificate["subject"] | undefined): string {
  const { CN, O } = { CN: undefined, O: undefined, ...name };
  return [CN, O]
    .filter((part) => part !== undefined && part !== "")
    .join(", ")
    .slice(0, 200);
}
