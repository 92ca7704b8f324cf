import { createMemoryStore, type MemoryStore } from "../../src/content/memory.ts";
import type { Source } from "../../src/content/store.ts";
import { formatLocation, parseReference, type Location } from "../../src/spec/reference.ts";
import { shelve, type Tree } from "./trees.ts";

/** Repositories in memory under the names of registries, and what was asked of them. */
export interface Repositories {
  readonly open: (location: Location) => Promise<Source>;
  /** `manifest registry.example/app 1`, in the order of asking. */
  readonly asked: readonly string[];
  /** The most requests that had to wait for one another: requests of one trip run at the same time. */
  readonly trips: () => number;
  readonly store: (repository: string) => MemoryStore;
}

/** `contents` by repository, then by tag. */
export function repositories(contents: Readonly<Record<string, Readonly<Record<string, Tree>>>>): Repositories {
  const stores = new Map<string, MemoryStore>();
  const asked: string[] = [];
  const trips = { count: 0, scheduled: false };
  for (const [repository, tags] of Object.entries(contents)) {
    const store = createMemoryStore(repository);
    for (const [tag, tree] of Object.entries(tags)) shelve(store, tree, tag);
    stores.set(formatLocation(parseReference(repository).location), store);
  }
  const find = (location: Location): MemoryStore => stores.get(formatLocation(location)) ?? createMemoryStore("empty");
  return {
    asked,
    trips: () => trips.count,
    store: (repository) => find(parseReference(repository).location),
    async open(location) {
      return recorded(find(location), location, async (line) => {
        asked.push(line);
        await oneTrip(trips);
      });
    },
  };
}

/** Ends with all requests that were asked before the event loop came round: together they are one trip. */
async function oneTrip(trips: { count: number; scheduled: boolean }): Promise<void> {
  if (!trips.scheduled) {
    trips.scheduled = true;
    trips.count++;
    setImmediate(() => (trips.scheduled = false));
  }
  await new Promise((resolve) => setImmediate(resolve));
}

function recorded(store: MemoryStore, location: Location, ask: (line: string) => Promise<void>): Source {
  const at = formatLocation(location);
  return {
    location,
    async resolve(name, options) {
      await ask(`resolve ${at} ${name}`);
      return store.resolve(name, options);
    },
    async manifest(target, options) {
      await ask(`manifest ${at} ${typeof target === "string" ? target : target.digest}`);
      return store.manifest(target, options);
    },
    async fetch(target, options) {
      await ask(`blob ${at} ${target.digest}`);
      return store.fetch(target, options);
    },
    async referrers(subject, options) {
      await ask(`referrers ${at} ${subject}${options?.artifactType ? ` ${options.artifactType}` : ""}`);
      return store.referrers(subject, options);
    },
  };
}
