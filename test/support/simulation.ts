import { getEventListeners } from "node:events";
import { sleep, type Random } from "../../src/async/clock.ts";
import type { Network } from "../../src/http/network.ts";
import type { HttpRequest, Interceptor, Send } from "../../src/http/send.ts";
import type { Sent } from "../../src/errors.ts";
import { cancelledError } from "../../src/http/outcome.ts";
import { bearerAuth } from "../../src/server/bearer-auth.ts";
import { createRegistry, type RegistryOptions } from "../../src/server/registry.ts";
import type { Storage } from "../../src/server/storage.ts";
import type { Digest } from "../../src/spec/digest.ts";
import type { WaybillEvent } from "../../src/telemetry/events.ts";
import type { StoresOptions } from "../../src/stores.ts";
import { openContext, type Context } from "../../src/verbs/context.ts";
import { wrongTags } from "./closures.ts";
import { fakeClock, type FakeClock } from "./fake-clock.ts";
import { fakeEnvironment } from "./credential-environment.ts";
import { attended, type OpenThings } from "./open-things.ts";

export interface SimulationOptions {
  readonly seed?: number;
  /** What each host's registry holds; it asks for sign-in, which the client can do. */
  readonly storages: Readonly<Record<string, Storage>>;
  readonly registries?: Readonly<Record<string, RegistryOptions>>;
  /** What tags of people may name, at any time. Default: anything that is whole. */
  readonly roots?: readonly Digest[];
  /** Put before the registries: faults. */
  readonly faults?: (simulation: Pick<Simulation, "clock" | "random" | "expireTokens">) => Interceptor;
  /** How long each request, and each answer, is under way. Default: no time at all. */
  readonly latencyMs?: (random: Random) => number;
  readonly chunkSizeBytes?: number;
  /** What the user allows towards single registries. */
  readonly limits?: StoresOptions["limits"];
  readonly onRequest?: (count: number) => void;
  readonly onEvent?: (event: WaybillEvent) => void;
}

/** The program's own composition before embedded registries; time passes only when nothing else can happen. */
export interface Simulation {
  readonly context: Context;
  readonly clock: FakeClock;
  readonly random: Random;
  readonly controller: AbortController;
  /** Time, method and place of every request, in order. */
  readonly trace: readonly string[];
  readonly events: readonly WaybillEvent[];
  /** What no moment of a run may show, as sentences. */
  readonly violations: readonly string[];
  /** Makes all tokens of a host void. */
  expireTokens(host: string): void;
  /** What `work` comes to. @throws Error where it can come to nothing any more, or takes an hour. */
  settle<T>(work: Promise<T>): Promise<T>;
  /** Waits for something that takes real time, such as the disk: meanwhile the simulated time stands still. */
  outside<T>(work: Promise<T>): Promise<T>;
  /** What is open and should not be, as sentences. */
  leftovers(): Promise<readonly string[]>;
}

/** Numbers that look random and depend on `seed` only. */
export function seeded(seed: number): Random {
  let state = (seed + 1) * 0x9e3779b9;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export async function simulate(options: SimulationOptions): Promise<Simulation> {
  const clock = fakeClock();
  const random = seeded(options.seed ?? 0);
  const controller = new AbortController();
  const events: WaybillEvent[] = [];
  const keys = new Map(Object.keys(options.storages).map((host) => [host, Buffer.alloc(32, host)]));
  const expireTokens = (host: string) => void keys.get(host)?.writeUInt32LE(Math.floor(random() * 2 ** 32));
  const inner = { ...options, clock, random, keys };
  const violations: string[] = [];
  const wire = registriesOf(inner, violations);
  const faulted = options.faults?.({ clock, random, expireTokens })(wire) ?? wire;
  const { send, open, trace } = network(faulted, inner);
  const context = await openContext({
    clock,
    // Not the machine's: what a seed does must not depend on it.
    ownLoad: () => 0,
    random,
    env: {},
    environment: fakeEnvironment({ files: { "/home/u/.docker/config.json": signedIn([...keys.keys()]) } }),
    report(event) {
      events.push(event);
      options.onEvent?.(event);
    },
    signal: controller.signal,
    network: { send, close: async () => undefined },
    ...(options.chunkSizeBytes !== undefined && { chunkSizeBytes: options.chunkSizeBytes }),
    ...(options.limits && { limits: options.limits }),
  });
  const outside = { count: 0 };
  const settle = <T>(work: Promise<T>) => settled(work, clock, outside);
  const waitOutside = async <T>(work: Promise<T>) => {
    outside.count++;
    try {
      return await work;
    } finally {
      outside.count--;
    }
  };
  const leftovers = async () => {
    await turn();
    return leftOver({ open, clock, signal: context.signal });
  };
  return {
    context,
    clock,
    random,
    controller,
    trace,
    events,
    violations,
    expireTokens,
    settle,
    outside: waitOutside,
    leftovers,
  };
}

function signedIn(hosts: readonly string[]) {
  const auth = Buffer.from("u:pw").toString("base64");
  return { auths: Object.fromEntries(hosts.map((host) => [host, { auth }])) };
}

interface Inner extends SimulationOptions {
  readonly clock: FakeClock;
  readonly random: Random;
  readonly keys: ReadonlyMap<string, Buffer>;
}

function registriesOf({ storages, registries, roots, clock, random, keys }: Inner, violations: string[]): Send {
  const passwords = { check: async (name: string, password: string) => name === "u" && password === "pw" };
  const sends = new Map(
    Object.entries(storages).map(([host, storage]) => {
      const auth = bearerAuth(passwords, { clock, key: keys.get(host)!, lifetimeMs: 300_000 });
      return [host, createRegistry(storage, { auth, clock, random, ...registries?.[host] })];
    }),
  );
  return async (request) => {
    const { host, pathname } = new URL(request.url);
    const response = await sends.get(host)!(request);
    const mayMoveTags = request.method === "PUT" && pathname.includes("/manifests/");
    if (mayMoveTags) violations.push(...(await wrongTags(storages[host]!, roots)));
    return response;
  };
}

function network(wire: Send, { clock, random, latencyMs, onRequest }: Inner) {
  const trace: string[] = [];
  const open: OpenThings = { responses: new Set(), bodies: new Set(), uploads: new Set() };
  const slow: Send = async (request) => {
    const { host, pathname, search } = new URL(request.url);
    trace.push(`${clock.now()} ${request.method} ${host}${pathname}${search}`);
    onRequest?.(trace.length);
    await underWay(request, "nothing");
    const response = await wire(request);
    await underWay(request, "all").catch(async (error: unknown) => {
      await response[Symbol.asyncDispose]();
      throw error;
    });
    return response;
  };
  const underWay = async (request: HttpRequest, sent: Sent) => {
    try {
      request.signal?.throwIfAborted();
      if (latencyMs) await sleep(clock, latencyMs(random), request.signal);
    } catch {
      throw cancelledError(request, sent);
    }
  };
  const send: Network["send"] = attended(slow, open);
  return { send, open, trace };
}

const hourMs = 3_600_000;

async function settled<T>(work: Promise<T>, clock: FakeClock, outside: { readonly count: number }): Promise<T> {
  const state = { isDone: false };
  const finish = () => void (state.isDone = true);
  work.then(finish, finish);
  const until = clock.now() + hourMs;
  for (let idle = 0; !state.isDone && idle < 20;) {
    await turn();
    if (outside.count > 0) idle = 0;
    else if (!state.isDone) idle = clock.next() ? 0 : idle + 1;
    if (clock.now() > until) throw new Error("It is still not done after an hour");
  }
  if (!state.isDone) throw new Error("It hangs: nothing is under way any more");
  return work;
}

/** Lets everything happen that needs no time. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

interface Leaving {
  readonly open: OpenThings;
  readonly clock: FakeClock;
  readonly signal: AbortSignal;
}

function leftOver({ open, clock, signal }: Leaving): readonly string[] {
  const timers = clock.pending > 0 ? [`${clock.pending} timers`] : [];
  const listeners = getEventListeners(signal, "abort").length;
  return [
    ...timers,
    ...(listeners > 0 ? [`${listeners} listeners on the signal`] : []),
    ...[...open.responses].map((name) => `response to ${name}`),
    ...[...open.bodies].map((name) => `body of ${name}`),
    ...[...open.uploads].map((name) => `upload ${name}`),
  ];
}
