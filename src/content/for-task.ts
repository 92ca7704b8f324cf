import type { CallOptions, Source, Store } from "./store.ts";

/** `source`, every call of which is for `task`, unless it says another. */
export function sourceForTask(source: Source, task: string): Source {
  const own = ownOf(task);
  return {
    location: source.location,
    resolve: (name, options) => source.resolve(name, own(options)),
    manifest: (target, options) => source.manifest(target, own(options)),
    fetch: (target, options) => source.fetch(target, own(options)),
    referrers: (subject, options) => source.referrers(subject, own(options)),
  };
}

/** `store`, every call of which is for `task`, unless it says another. */
export function storeForTask(store: Store, task: string): Store {
  const own = ownOf(task);
  return {
    ...store,
    ...sourceForTask(store, task),
    ...(store.probe && { probe: async (options) => (await store.probe?.(own(options))) ?? "unknown" }),
    ...(store.deleteTag && { deleteTag: async (tag, options) => store.deleteTag?.(tag, own(options)) }),
    exists: (target, options) => store.exists(target, own(options)),
    tagged: (tag, options) => store.tagged(tag, own(options)),
    pushBlob: (blob, body, options) => store.pushBlob(blob, body, own(options)),
    pushManifest: (manifest, options) => store.pushManifest(manifest, own(options)),
  };
}

function ownOf(task: string): <T extends CallOptions>(options: T | undefined) => T | { readonly task: string } {
  return (options) => ({ task, ...options });
}
