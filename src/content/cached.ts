import { createMemo } from "../async/memo.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Manifest } from "../spec/manifest.ts";
import { isManifestType } from "../spec/media-type.ts";
import type { CallOptions, Source } from "./store.ts";

/**
 * `source`, asked once for each thing: manifests by tag and by digest, what names stand for, and referrers. Who asks while
 * an answer is under way waits for the same one. A tag stands for the same digest as long as this lives. Blobs pass
 * through; errors are not remembered.
 */
export function cached(source: Source): Source {
  const manifests = createMemo<Manifest>();
  const names = createMemo<Descriptor>();
  const referrers = createMemo<readonly Descriptor[]>();

  const byName = async (name: string, { signal, ...call }: CallOptions): Promise<Manifest> => {
    const load = async (stop: AbortSignal): Promise<Manifest> => {
      // Once we have told what the name stands for, its manifest must be that one.
      const target = names.has(name)
        ? await names.get(name, (again) => source.resolve(name, { ...call, signal: again }), stop)
        : name;
      const manifest = await source.manifest(target, { ...call, signal: stop });
      if (!manifests.has(manifest.descriptor.digest)) manifests.set(manifest.descriptor.digest, manifest);
      return manifest;
    };
    return manifests.get(name, load, signal);
  };

  const byDescriptor = async (target: Descriptor, options: CallOptions): Promise<Manifest> => {
    const load = (stop: AbortSignal) => source.manifest(target, { ...options, signal: stop });
    const manifest = await manifests.get(target.digest, load, options.signal);
    // Whoever expects something else of this digest gets the source's own verdict.
    return describes(target, manifest) ? manifest : source.manifest(target, options);
  };

  return {
    location: source.location,
    async resolve(name, options = {}) {
      const load = (stop: AbortSignal) => source.resolve(name, { ...options, signal: stop });
      if (!manifests.has(name)) return names.get(name, load, options.signal);
      return (await byName(name, options)).descriptor;
    },
    manifest(target, options = {}) {
      if (typeof target !== "string") return byDescriptor(target, options);
      return byName(target, options);
    },
    fetch: (target, options) => source.fetch(target, options),
    async referrers(subject, { artifactType, signal, ...call } = {}) {
      const load = (stop: AbortSignal) => source.referrers(subject, { ...call, signal: stop });
      const all = await referrers.get(subject, load, signal);
      return artifactType === undefined ? all : all.filter((referrer) => referrer.artifactType === artifactType);
    },
  };
}

function describes(target: Descriptor, manifest: Manifest): boolean {
  const { size, mediaType } = manifest.descriptor;
  return target.size === size && (target.mediaType === mediaType || !isManifestType(target.mediaType));
}
