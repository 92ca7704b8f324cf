import type { Digest } from "../spec/digest.ts";
import type { StringMap } from "../spec/json.ts";
import { Tally } from "./tally.ts";

/** What a repository knows of one of its manifests; the bytes are content like any other. */
export interface StoredManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly subject?: Digest;
  readonly artifactType?: string;
  /** Kept for manifests with a subject: the referrers list shows them. */
  readonly annotations?: StringMap;
}

/** One thing that becomes true of a repository. Plain data, so that it can be written down and read again. */
export type Change =
  | { readonly kind: "blob"; readonly repository: string; readonly digest: Digest; readonly sizeBytes: number }
  | { readonly kind: "no-blob"; readonly repository: string; readonly digest: Digest }
  | { readonly kind: "manifest"; readonly repository: string; readonly manifest: StoredManifest }
  /** The manifest and every tag that names it are gone. */
  | { readonly kind: "no-manifest"; readonly repository: string; readonly digest: Digest }
  | { readonly kind: "tag"; readonly repository: string; readonly tag: string; readonly digest: Digest }
  | { readonly kind: "no-tag"; readonly repository: string; readonly tag: string };

interface RepositoryState {
  readonly blobs: Map<Digest, number>;
  readonly manifests: Map<Digest, StoredManifest>;
  readonly tags: Map<string, Digest>;
  /** The names of `tags` in byte order, where nothing has changed since somebody asked: a client asks for page after page. */
  sortedTags?: readonly string[] | undefined;
  readonly referrers: Map<Digest, Set<Digest>>;
}

/**
 * Which repository holds which blobs, manifests and tags. All reads of content go through it, so that a blob can be read
 * only through a repository that links it. In memory and synchronous: a question and the change that rests on its
 * answer belong to one turn.
 */
export class Catalogue {
  readonly #repositories = new Map<string, RepositoryState>();
  readonly #holders = new Map<Digest, Set<string>>();
  readonly #uses = new Tally<Digest>();

  /** The size of a blob in bytes; `undefined` where the repository does not link it. */
  blob(repository: string, digest: Digest): number | undefined {
    return this.#repositories.get(repository)?.blobs.get(digest);
  }

  manifest(repository: string, digest: Digest): StoredManifest | undefined {
    return this.#repositories.get(repository)?.manifests.get(digest);
  }

  tagged(repository: string, tag: string): Digest | undefined {
    return this.#repositories.get(repository)?.tags.get(tag);
  }

  /** In byte order; `undefined` for a repository that nobody has written to. */
  tags(repository: string): readonly string[] | undefined {
    const state = this.#repositories.get(repository);
    return state && (state.sortedTags ??= [...state.tags.keys()].sort(compareText));
  }

  repositories(): readonly string[] {
    return [...this.#repositories.keys()].sort(compareText);
  }

  /** Manifests of the repository whose subject is `subject`, ordered by digest. */
  referrers(repository: string, subject: Digest): readonly StoredManifest[] {
    const state = this.#repositories.get(repository);
    const digests = [...(state?.referrers.get(subject) ?? [])].sort(compareText);
    return digests.flatMap((digest) => state?.manifests.get(digest) ?? []);
  }

  /** Repositories that link the blob. */
  holders(digest: Digest): Iterable<string> {
    return this.#holders.get(digest) ?? [];
  }

  /** Whether some repository needs this content, as a blob or as a manifest. */
  isUsed(digest: Digest): boolean {
    return this.#uses.has(digest);
  }

  apply(change: Change): void {
    const state = this.#open(change.repository);
    switch (change.kind) {
      case "blob":
        return this.#addBlob(change.repository, state, change);
      case "no-blob":
        return this.#removeBlob(change.repository, state, change.digest);
      case "manifest":
        return this.#addManifest(state, change.manifest);
      case "no-manifest":
        return this.#removeManifest(state, change.digest);
      case "tag":
        if (!state.tags.has(change.tag)) state.sortedTags = undefined;
        state.tags.set(change.tag, change.digest);
        return;
      case "no-tag":
        state.sortedTags = undefined;
        state.tags.delete(change.tag);
    }
  }

  /** Changes that make an empty catalogue equal to this one. */
  *changes(): Generator<Change> {
    for (const [repository, state] of this.#repositories) {
      for (const [digest, sizeBytes] of state.blobs) yield { kind: "blob", repository, digest, sizeBytes };
      for (const manifest of state.manifests.values()) yield { kind: "manifest", repository, manifest };
      for (const [tag, digest] of state.tags) yield { kind: "tag", repository, tag, digest };
    }
  }

  #open(repository: string): RepositoryState {
    const known = this.#repositories.get(repository);
    if (known) return known;
    const state: RepositoryState = { blobs: new Map(), manifests: new Map(), tags: new Map(), referrers: new Map() };
    this.#repositories.set(repository, state);
    return state;
  }

  #addBlob(
    repository: string,
    state: RepositoryState,
    { digest, sizeBytes }: { digest: Digest; sizeBytes: number },
  ): void {
    if (state.blobs.has(digest)) return;
    state.blobs.set(digest, sizeBytes);
    addTo(this.#holders, digest, repository);
    this.#uses.add(digest);
  }

  #removeBlob(repository: string, state: RepositoryState, digest: Digest): void {
    if (!state.blobs.delete(digest)) return;
    removeFrom(this.#holders, digest, repository);
    this.#uses.remove(digest);
  }

  #addManifest(state: RepositoryState, manifest: StoredManifest): void {
    const known = state.manifests.has(manifest.digest);
    state.manifests.set(manifest.digest, manifest);
    if (manifest.subject) addTo(state.referrers, manifest.subject, manifest.digest);
    if (!known) this.#uses.add(manifest.digest);
  }

  #removeManifest(state: RepositoryState, digest: Digest): void {
    const manifest = state.manifests.get(digest);
    if (!manifest) return;
    state.manifests.delete(digest);
    state.sortedTags = undefined;
    if (manifest.subject) removeFrom(state.referrers, manifest.subject, digest);
    for (const [tag, target] of state.tags) if (target === digest) state.tags.delete(tag);
    this.#uses.remove(digest);
  }
}

/** Content that `change` points at; `undefined` where it only takes something away. */
export function contentOf(change: Change): Digest | undefined {
  if (change.kind === "manifest") return change.manifest.digest;
  return change.kind === "blob" ? change.digest : undefined;
}

function addTo<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key);
  if (set) set.add(value);
  else sets.set(key, new Set([value]));
}

function removeFrom<K, V>(sets: Map<K, Set<V>>, key: K, value: V): void {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
}

/** Names and tags are ASCII: the order of UTF-16 units is the order of bytes. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
