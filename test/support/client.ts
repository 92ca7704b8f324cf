import type { RegistryOptions } from "../../src/registry/access.ts";
import { openRegistry, type Registry, type Repository } from "../../src/registry/registry.ts";
import type { HttpRequest, HttpResponse, Send } from "../../src/http/send.ts";
import { createRegistry, type RegistryOptions as ServerOptions } from "../../src/server/registry.ts";
import { createMemoryStorage } from "../../src/server/memory-storage.ts";
import { faulty, type FaultRule } from "../../src/server/faults.ts";
import type { WaybillEvent } from "../../src/telemetry/events.ts";
import type { RetryEvent } from "../../src/telemetry/retry.ts";
import { fakeClock, type FakeClock } from "./fake-clock.ts";
import { streamed } from "./streamed.ts";

/** The real client before the embedded registry (or a wire of the test's own), with a clock that the test moves. */
export interface Client {
  readonly registry: Registry;
  readonly repository: Repository;
  /** `METHOD path?query` of each request, in order of asking; the path below the repository `app`. */
  readonly requests: readonly string[];
  readonly asked: readonly HttpRequest[];
  readonly warnings: readonly string[];
  readonly retries: readonly RetryEvent[];
  readonly clock: FakeClock;
  /** Answers whose body was neither read to its end nor given up. */
  readonly unread: readonly string[];
  forget(): void;
  /** Waits for `work`, moving the clock on whenever nothing else happens. */
  settle<T>(work: Promise<T>): Promise<T>;
}

export interface ClientOptions extends Partial<Omit<RegistryOptions, "send" | "clock" | "report">> {
  readonly server?: ServerOptions;
  readonly faults?: readonly FaultRule[];
  /** In place of the embedded registry. */
  readonly send?: Send;
  readonly host?: string;
}

export function client(options: ClientOptions = {}): Client {
  const { server, faults = [], host = "registry.example", ...rest } = options;
  const clock = fakeClock();
  const asked: HttpRequest[] = [];
  const warnings: string[] = [];
  const retries: RetryEvent[] = [];
  const wire = faulty(options.send ?? createRegistry(createMemoryStorage(), { clock, ...server }), faults);
  const unread = new Set<string>();
  const send: Send = async (request) => {
    const name = `${asked.push(request)}: ${request.method} ${request.url}`;
    return watched(await wire(counted(request)), name, unread);
  };
  const report = (event: WaybillEvent) => {
    if (event.type === "warning") warnings.push(event.message);
    if (event.type === "retry") retries.push(event);
  };
  const base = { random: () => 0.5, baseUrl: `https://${host}`, ...rest };
  const registry = openRegistry(host, { ...base, send, clock, report });
  return {
    registry,
    repository: registry.repository("app"),
    get requests() {
      return asked.map(
        ({ method, url }) => `${method} ${url.replace(`https://${host}/v2/`, "").replace(/^app\//, "")}`,
      );
    },
    asked,
    warnings,
    retries,
    clock,
    get unread() {
      return [...unread];
    },
    forget: () => void asked.splice(0),
    settle: (work) => settle(work, clock),
  };
}

function watched(response: HttpResponse, name: string, unread: Set<string>): HttpResponse {
  unread.add(name);
  const { status, headers, url } = response;
  async function* body() {
    yield* response.body;
    unread.delete(name);
  }
  async function dispose() {
    unread.delete(name);
    await response[Symbol.asyncDispose]();
  }
  return { status, headers, url, body: body(), [Symbol.asyncDispose]: dispose };
}

/** Tells progress as a socket would. */
function counted(request: HttpRequest): HttpRequest {
  const { body, onProgress } = request;
  if (!onProgress || body === undefined) return request;
  const given = streamed(body);
  return {
    ...request,
    body: {
      sizeBytes: given.sizeBytes,
      async *open(signal) {
        for await (const chunk of given.open(signal)) {
          yield chunk;
          onProgress(chunk.byteLength);
        }
      },
    },
  };
}

async function settle<T>(work: Promise<T>, clock: FakeClock): Promise<T> {
  const state = { done: false };
  const finish = () => void (state.done = true);
  work.then(finish, finish);
  for (let idle = 0; !state.done; idle++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (idle % 20 === 19) clock.next();
  }
  return work;
}
