import type { Socket } from "node:net";
import { WaybillError } from "../errors.ts";
import { classOfAddress } from "./address.ts";
import { AnswerParser } from "./answer-parser.ts";
import { openTcp } from "./dial-tcp.ts";
import { secure } from "./dial-tls.ts";
import type { DialContext, DialTarget, PlainLine } from "./dial.ts";
import { ProxyFailed } from "./outcome.ts";
import type { PhaseLimits } from "./phase.ts";
import { Cancelled, phase } from "./phase.ts";
import { unescaped } from "./proxy.ts";
import { textOf } from "./request-head.ts";
import type { HttpHeaders } from "./send.ts";
import { portOf } from "./url.ts";

/**
 * Connects to a proxy and, for a host that is spoken to over TLS, has it open a way through. Whoever gets the socket destroys it.
 *
 * @throws ProxyFailed, Cancelled, WaybillError (`unsupported`, `address_forbidden`, the proxy's refusal).
 */
export async function dialProxy(target: DialTarget, proxy: URL, context: DialContext): Promise<PlainLine> {
  if (proxy.protocol !== "http:" && proxy.protocol !== "https:") {
    throw new WaybillError(
      "unsupported",
      `Cannot use proxy "${proxy.host}": scheme "${proxy.protocol}" is not supported`,
      { sent: "nothing" },
    );
  }
  const reachedOn = classOfAddress(target.url.hostname);
  if (reachedOn !== undefined) target.check(reachedOn);
  try {
    return { ...(await openWay(target, proxy, context)), reachedOn };
  } catch (error) {
    throw isOurs(error) ? error : new ProxyFailed(proxy.host, error as Error);
  }
}

/** A cancellation, or a refusal that names whom it is about. */
function isOurs(error: unknown): boolean {
  return error instanceof Cancelled || error instanceof WaybillError || !(error instanceof Error);
}

/** Connects to the proxy, by TLS where it wants that, and through it where the target does. */
async function openWay(
  target: DialTarget,
  proxy: URL,
  context: DialContext,
): Promise<Pick<PlainLine, "socket" | "tcp">> {
  const { signal, marks } = target;
  const tcp = await openTcp({ url: proxy, signal, marks, check: () => undefined }, context);
  const socket =
    proxy.protocol === "https:" ? await secure(tcp, { url: proxy, alpn: ["http/1.1"], signal, marks }, context) : tcp;
  const isTunnel = target.url.protocol === "https:";
  return { socket: isTunnel ? await tunnel(socket, target, proxy, context) : socket, tcp };
}

/** Asks the proxy for a way through. The answer has the connect deadline. */
function tunnel(socket: Socket, target: DialTarget, proxy: URL, context: DialContext): Promise<Socket> {
  const authority = `${target.url.hostname}:${portOf(target.url)}`;
  const { signal, marks } = target;
  const limits: PhaseLimits = { clock: context.clock, delayMs: context.deadlines.connectMs, signal, marks };
  return phase<Socket>("connect", limits, (done, fail) => {
    const parser = new AnswerParser("CONNECT", {
      // Any 2xx opens the way: RFC 9110, 9.3.6.
      answered: ({ status, headers }) =>
        void ((status < 200 || status > 299) && fail(proxyRefusal(proxy, status, headers))),
      received: () => undefined,
      receivedAll(isExact) {
        stopListening();
        // TLS begins with us.
        if (isExact) done(socket);
        else fail(new Error("the proxy said more than that the way is open"));
      },
    });
    const stopListening = listen(socket, { take: (chunk) => parser.take(chunk), fail });
    socket.write(textOf("CONNECT", { target: authority, headers: { host: authority, ...proxyAuthorization(proxy) } }));
    return () => socket.destroy();
  });
}

interface Listener {
  readonly take: (chunk: Buffer) => void;
  readonly fail: (error: Error) => void;
}

/** Tells what comes on a socket, until the returned function is called. */
function listen(socket: Socket, { take, fail }: Listener): () => void {
  const onData = (chunk: Buffer) => {
    try {
      take(chunk);
    } catch (error) {
      fail(error as Error);
    }
  };
  const onClose = () => fail(Object.assign(new Error("closed without an answer"), { code: "ECONNRESET" }));
  socket.on("data", onData).on("error", fail).on("close", onClose);
  return () => {
    socket.off("data", onData).off("error", fail).off("close", onClose);
    socket.pause();
  };
}

/** What a proxy's refusal means: 407 and other refusals stay as they are, its own trouble may pass. */
export function proxyRefusal(proxy: URL, status: number, headers: HttpHeaders): WaybillError {
  const context = { status, phase: "proxy", sent: "nothing" } as const;
  if (status === 407) {
    const [seen, advice] = whatIsWanted(proxy, headers);
    return new WaybillError("auth_required", `Cannot use proxy "${proxy.host}": ${seen}`, { ...context, advice });
  }
  const code = status >= 500 || status === 429 ? "connection_failed" : "rejected";
  return new WaybillError(code, `Cannot use proxy "${proxy.host}": it answered ${status}`, context);
}

/** What a 407 comes from, and what to do about it. */
function whatIsWanted(proxy: URL, headers: HttpHeaders): readonly [seen: string, advice: string] {
  const schemes = headers.all("proxy-authenticate").map((value) => /^[\w-]{1,20}/.exec(value)?.[0] ?? "");
  if (schemes.length > 0 && !schemes.some((scheme) => /^(?:basic)?$/i.test(scheme))) {
    return [
      `it wants ${schemes.join(" or ")}, which is not supported`,
      "Use a proxy that takes a password by Basic, or none",
    ];
  }
  if (proxy.username !== "") return ["it refuses the credentials", "Correct the user and password in the proxy's URL"];
  return ["it asks for credentials", "Put the user and password into the proxy's URL: http://USER:PASSWORD@HOST:PORT"];
}

/** The header with which a proxy is told who asks; nothing where its URL names nobody. */
export function proxyAuthorization(proxy: URL): Readonly<Record<string, string>> {
  if (proxy.username === "" && proxy.password === "") return {};
  const pair = [proxy.username, proxy.password].map(unescaped).join(":");
  return { "proxy-authorization": `Basic ${Buffer.from(pair).toString("base64")}` };
}
