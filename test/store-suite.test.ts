import { describe, test } from "vitest";
import { systemClock } from "../src/async/clock.ts";
import { storeSuite } from "./support/store-suite.ts";
import type { Bytes, Store } from "../src/content/store.ts";
import type { Send } from "../src/http/send.ts";
import { openRegistry } from "../src/registry/registry.ts";
import { createMemoryStorage } from "../src/server/memory-storage.ts";
import { createRegistry, type RegistryOptions } from "../src/server/registry.ts";
import { silent } from "../src/telemetry/events.ts";
import { streamed } from "./support/streamed.ts";

const runner = { describe, test };

/** An empty repository of the embedded registry, seen through the client. */
async function repositoryOf(options: RegistryOptions): Promise<Store> {
  const send = tellingProgress(createRegistry(createMemoryStorage(), options));
  const wire = { send, clock: systemClock(), random: () => 0.5, report: silent, baseUrl: "https://registry.example" };
  return openRegistry("registry.example", wire).repository("app");
}

/** What a socket does beside carrying: it tells how much of a body has left. */
function tellingProgress(send: Send): Send {
  return (request) => {
    const { body, onProgress } = request;
    if (body === undefined) return send(request);
    const given = streamed(body);
    const open = (signal?: AbortSignal) => counted(given.open(signal), (bytes) => onProgress?.(bytes));
    return send({ ...request, body: { ...given, open } });
  };
}

async function* counted(body: Bytes, tell: (bytes: number) => void): Bytes {
  for await (const chunk of body) {
    yield chunk;
    tell(chunk.byteLength);
  }
}

storeSuite("registry", () => repositoryOf({}), runner);
storeSuite(
  "registry without the referrers API and several tags at once",
  () => repositoryOf({ referrers: false, multiTag: false }),
  runner,
);
storeSuite("registry with small pages", () => repositoryOf({ maxPage: 1 }), runner);
