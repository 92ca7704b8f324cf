import { systemClock } from "../../src/async/clock.ts";
import { buildImage, pushImage } from "../../src/cli/quickstart/image.ts";
import type { Send } from "../../src/http/send.ts";
import {
  createMemoryStorage,
  createRegistry,
  serve,
  type RegistryOptions,
  type ServeOptions,
} from "../../src/server/index.ts";
import type { Digest } from "../../src/spec/digest.ts";
import { parseReference } from "../../src/spec/reference.ts";
import { silent } from "../../src/telemetry/events.ts";
import { openContext } from "../../src/verbs/context.ts";

/** A registry of our own on a free port. */
export interface RunningRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT` */
  readonly host: string;
}

export interface RunningOptions extends RegistryOptions {
  readonly tls?: ServeOptions["tls"];
  /** Stands between the socket and the registry. */
  readonly wrap?: (next: Send) => Send;
}

/** Starts a registry that forgets everything when it is disposed of. */
export async function startRegistry(options: RunningOptions = {}): Promise<RunningRegistry> {
  const { tls, wrap = (next) => next, ...registry } = options;
  const send = wrap(createRegistry(createMemoryStorage(), registry));
  const server = await serve(send, { host: "127.0.0.1", port: 0, clock: systemClock(), ...(tls && { tls }) });
  return { host: server.url.replace(/^https?:\/\//, ""), [Symbol.asyncDispose]: () => server.close() };
}

/** Pushes a small image for `linux/<architecture>` under `reference`. @returns the digests of its blobs */
export async function pushSmallImage(reference: string, architecture: string): Promise<readonly Digest[]> {
  const signal = new AbortController().signal;
  await using context = await openContext({
    clock: systemClock(),
    random: Math.random,
    env: {},
    report: silent,
    signal,
  });
  const { location, tag = "latest" } = parseReference(reference);
  const image = buildImage(architecture, [{ path: "hello", content: Buffer.from("hello\n") }]);
  await pushImage(image, await context.open(location), tag, signal);
  return image.blobs.map(([descriptor]) => descriptor.digest);
}
