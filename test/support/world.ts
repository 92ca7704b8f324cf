import { systemClock } from "../../src/async/clock.ts";
import type { Store } from "../../src/content/store.ts";
import { intercept, type HttpRequest, type Interceptor, type Send } from "../../src/http/send.ts";
import { openLayout } from "../../src/layout/layout.ts";
import { createLayoutOwner } from "../../src/layout/lock.ts";
import { openRegistry, type Registry } from "../../src/registry/registry.ts";
import { createMemoryStorage } from "../../src/server/memory-storage.ts";
import { createRegistry, type RegistryOptions } from "../../src/server/registry.ts";
import { formatLocation, parseReference, type Location } from "../../src/spec/reference.ts";
import type { WaybillEvent } from "../../src/telemetry/events.ts";
import { create, type CreateRequest, type CreateResult } from "../../src/verbs/create.ts";
import type { Context } from "../../src/verbs/context.ts";
import { inspect } from "../../src/verbs/inspect.ts";

/** Registries in memory behind one wire, the real client before it, and the verbs on top: no socket, no file but layouts. */
export interface World {
  readonly context: Context;
  readonly events: readonly WaybillEvent[];
  /** `METHOD host/path` of every request, in order. */
  readonly requests: readonly string[];
  forget(): void;
  store(reference: string): Promise<Store>;
  create(request: Partial<CreateRequest>): Promise<CreateResult>;
  inspect(reference: string, options?: { format?: string; raw?: boolean }): Promise<string>;
  /** What a tag names at a place. */
  digestAt(reference: string): Promise<string | undefined>;
}

export interface WorldOptions {
  /** By host; other hosts get the defaults. */
  readonly registries?: Readonly<Record<string, RegistryOptions>>;
  /** Put between client and registries. */
  readonly interceptors?: readonly Interceptor[];
}

const defaultRequest: CreateRequest = { sources: [], tags: [] };

export function makeWorld(options: WorldOptions = {}): World {
  const requests: string[] = [];
  const events: WaybillEvent[] = [];
  const stores = new Map<string, Promise<Store>>();
  const clients = new Map<string, Registry>();
  const send = wire(options, requests);
  const base = { clock: systemClock(), random: () => 0.5, report: (event: WaybillEvent) => void events.push(event) };
  const owner = createLayoutOwner({ pid: process.pid, host: "here", isAlive: () => true, now: () => Date.now() });
  const openRemote = (host: string): Registry => {
    const client = clients.get(host) ?? openRegistry(host, { ...base, send, baseUrl: `https://${host}` });
    clients.set(host, client);
    return client;
  };
  const open = async (location: Location): Promise<Store> => {
    if (location.kind === "registry") return openRemote(location.host).repository(location.repository);
    if (location.kind === "layout") return openLayout(location.path, { owner });
    throw new TypeError(`no store for ${formatLocation(location)}`);
  };
  const remembered = (location: Location): Promise<Store> => {
    const name = formatLocation(location);
    const store = stores.get(name) ?? open(location);
    stores.set(name, store);
    return store;
  };
  const context: Context = {
    ...base,
    open: remembered,
    announce: () => ({ [Symbol.dispose]: () => undefined }),
    signal: new AbortController().signal,
  };
  return {
    context,
    events,
    requests,
    forget: () => void requests.splice(0),
    store: (reference) => remembered(parseReference(reference).location),
    create: (request) => create({ ...defaultRequest, ...request }, context),
    inspect: async (reference, how = {}) => {
      const shown = await inspect({ reference, ...how }, context);
      return typeof shown === "string" ? shown : new TextDecoder().decode(shown);
    },
    digestAt: async (reference) => {
      const { location, tag = "latest" } = parseReference(reference);
      return (await (await remembered(location)).tagged(tag))?.digest;
    },
  };
}

function wire(options: WorldOptions, requests: string[]): Send {
  const registries = new Map<string, Send>();
  const answer: Send = (request: HttpRequest) => {
    const { host, pathname, search } = new URL(request.url);
    requests.push(`${request.method} ${host}${pathname}${search}`);
    const registry = registries.get(host) ?? createRegistry(createMemoryStorage(), options.registries?.[host]);
    registries.set(host, registry);
    return registry(request);
  };
  return intercept(answer, ...(options.interceptors ?? []));
}
