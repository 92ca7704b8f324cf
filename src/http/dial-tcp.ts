import type { Socket } from "node:net";
import { connect } from "node:net";
import type { DialContext, DialTarget } from "./dial.ts";
import type { PhaseLimits } from "./phase.ts";
import { phase } from "./phase.ts";
import { resolveHost } from "./resolve.ts";
import { bareHost, portOf } from "./url.ts";

/** Bytes that a socket buffers in each direction: large enough to keep a fast line busy, small enough for 64 of them. */
const socketBufferBytes = 256 * 1024;

/**
 * Connects to the host of `target.url`: name, address check, TCP, each within its deadline. Whoever gets the socket destroys it.
 *
 * @throws DeadlineExpired, Cancelled, what `target.check` throws, or Node's error.
 */
export async function openTcp(target: Omit<DialTarget, "alpn">, context: DialContext): Promise<Socket> {
  const { url, signal, marks, check } = target;
  const { clock, deadlines, lookup } = context;
  const common = { clock, signal, marks };
  const addresses = await resolveHost(url.hostname, lookup, { delayMs: deadlines.dnsMs, ...common }, check);
  const limits: PhaseLimits = { delayMs: deadlines.connectMs, ...common };
  const options = {
    host: bareHost(url.hostname),
    port: portOf(url),
    noDelay: true,
    keepAlive: true,
    highWaterMark: socketBufferBytes,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: 1000,
    lookup: (
      _host: string,
      _options: unknown,
      answer: (error: null, addresses: { address: string; family: number }[]) => void,
    ) => answer(null, [...addresses]),
  };
  return phase<Socket>("connect", limits, (done, fail) => {
    const socket = connect(options);
    // Stays for good: an error that nobody waits for must not end the process.
    socket.on("error", fail);
    socket.once("connect", () => done(socket));
    return () => socket.destroy();
  });
}
