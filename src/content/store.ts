import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import type { Manifest } from "../spec/manifest.ts";
import type { Location } from "../spec/reference.ts";

/** A stream of bytes, pulled by its one reader. Leaving the loop early ends the source. */
export type Bytes = AsyncIterable<Uint8Array>;

/**
 * A body that an attempt opens anew, at an offset in bytes; what it yields is verified from the first byte to the last,
 * so an attempt that ends without an error has sent what the digest says. Nothing is opened before the first `next()`.
 */
export type Replayable = (offset: number, signal?: AbortSignal) => Bytes;

/** What every call that waits may be given. */
export interface CallOptions {
  /** Ends the call when it aborts: that throws its reason, or `cancelled`. */
  readonly signal?: AbortSignal;
  /** The task that it is for: what is asked of the store is told as part of it. */
  readonly task?: string;
}

/** Content with its descriptor. Single use: read `body` to its end, or dispose. */
export interface Content extends AsyncDisposable {
  readonly descriptor: Descriptor;
  /** Throws `digest_mismatch` or `size_mismatch` at its end where the bytes are not what the descriptor says. */
  readonly body: Bytes;
}

/** Which part of a blob is read. */
export interface FetchOptions extends CallOptions {
  /** Where to begin, in bytes, 0 to the size; default 0. A body from an offset is verified by size only: the reader holds the hash of what came before. */
  readonly offset?: number;
}

/** Which referrers are listed. Spec: distribution-spec v1.1.1, "Listing Referrers". */
export interface ReferrersOptions extends CallOptions {
  /** Only referrers of this artifact type. The filter always holds, whether or not the registry applies it. */
  readonly artifactType?: string;
  /** How often a registry's list is asked for at most, where that fails in passing; default as often as anything else. */
  readonly attempts?: number;
}

/** Where content comes from. Names are tags or digests. */
export interface Source {
  readonly location: Location;
  /** What `name` stands for now. One HEAD; a GET where the answer lacks what a descriptor needs. @throws `not_found` */
  resolve(name: string, options?: CallOptions): Promise<Descriptor>;
  /** A manifest by tag, digest or descriptor, whole and verified, in one trip. @throws `not_found` `digest_mismatch` `invalid_manifest` */
  manifest(target: Descriptor | string, options?: CallOptions): Promise<Manifest>;
  /** A blob as a stream. @throws `not_found` `digest_mismatch` `size_mismatch`; RangeError for an offset that is none */
  fetch(target: Descriptor, options?: FetchOptions): Promise<Content>;
  /** Descriptors of manifests whose subject is `subject`, with their `artifactType` and `annotations`. Empty where there is none. */
  referrers(subject: Digest, options?: ReferrersOptions): Promise<readonly Descriptor[]>;
}

/** How content came to be at its target. */
export type PushOutcome = "existed" | "mounted" | "sent";

/** How a blob is sent, and who hears how far it has come. */
export interface PushBlobOptions extends CallOptions {
  /** Repositories of the same registry that may hold the blob, best first: it is mounted from there where the registry can. */
  readonly mountFrom?: readonly Location[];
  /** Called with the number of bytes that have left since the last call. */
  readonly onProgress?: (bytes: number) => void;
  /** Send it even though the store says that it is there: a manifest that needs it was just refused for want of it. */
  readonly distrustPresence?: boolean;
  /** An earlier run may have sent it: it is asked for first, however small it is and whatever became of others. */
  readonly mayBeThere?: boolean;
  /** What `onSession` told of an upload that broke off: it goes on there, where the store still knows it. Only a hint. */
  readonly resume?: string;
  /**
   * Called with what `resume` takes whenever an upload that is worth resuming has a new place, and with `undefined` once
   * nothing is left to go on with. Whoever listens takes over what is cancelled: it stays open at the store, and expires
   * there. Without a listener a cancelled upload is given up. What it throws is dropped.
   */
  readonly onSession?: (session: string | undefined) => void;
}

/** What names a manifest, and who hears of that. */
export interface PushManifestOptions extends CallOptions {
  /** Tags that shall name it, written in this order after its children are there. Default none: by digest only. */
  readonly tags?: readonly string[];
  /**
   * It was asked for by digest and is nobody's child: a store that lists its roots (an OCI layout's index.json) lists it
   * even without a tag. Default false; registries need nothing for it.
   */
  readonly root?: boolean;
  /**
   * Called just before tags are written, each time that this is tried: where it rejects, they are not. Much time may have passed
   * since anybody has looked at them. Before a repetition it is told how often it may ask at most: where that fails in passing, it
   * is called again before the next one. Default: nobody minds.
   */
  readonly beforeTagging?: (tags: readonly string[], limits?: Pick<TaggedOptions, "attempts">) => Promise<void>;
  /** Called for each tag as soon as the store has acknowledged that it names the manifest. */
  readonly onTagged?: (tag: string, how?: Tagged) => void;
}

/** How a tag came to be written. */
export interface Tagged {
  /** An attempt before the one that was acknowledged lost its answer, and may be carried out later. Default false. */
  readonly mayRepeat?: boolean;
}

/** How many more manifests an account may read at a registry that counts. */
export interface PullQuota {
  readonly remaining: number;
  /** Of how many. */
  readonly limit?: number;
  /** In how long, in seconds. */
  readonly windowSeconds?: number;
}

/** What is known of a place to write to without asking it. What is absent is unknown. */
export interface TargetFacts {
  /** The largest manifest and the largest blob that it takes, in bytes. */
  readonly maxManifestBytes?: number;
  readonly maxBlobBytes?: number;
  /** No rule of its own keeps a tag where it is. */
  readonly movesTags?: true;
  /** Deleting a tag leaves the manifest and its other tags: somebody has tried. */
  readonly deletesTagsAlone?: true;
  /** As its last answer told. */
  readonly pullQuota?: PullQuota;
}

/** How a store answers that cannot tell whether something is there. */
export interface KnownOptions extends CallOptions {
  /** Throw where the store does not say whether there is such a thing, in place of taking it for absent. */
  readonly mustKnow?: true;
}

/** How a store is asked for what a tag names. */
export interface TaggedOptions extends KnownOptions {
  /** How often a registry is asked at most, where that fails in passing; default as often as for anything else. */
  readonly attempts?: number;
}

/** Where content goes. Children first is the caller's duty. */
export interface Target {
  readonly location: Location;
  /** What is known of it by now. A target without this is one of which nothing is known. */
  facts?(): TargetFacts;
  /**
   * Finds out whether content may be written here, before any is: `allowed`, or `unknown` where only a write can tell. At most
   * two small requests; leaves nothing behind. A target without this is `unknown`.
   *
   * @throws WaybillError `auth_denied`, `auth_required`; `not_found` where there is no such repository and a write would not make
   *   it; `unsupported`, `io_failed` and the like where nothing can be written.
   */
  probe?(options?: CallOptions): Promise<"allowed" | "unknown">;
  /** Whether the blob or manifest is there; false where the store does not say unless `mustKnow` is set. */
  exists(target: Descriptor, options?: KnownOptions): Promise<boolean>;
  /** What a tag names now; `undefined` where it names nothing, and where the store does not say unless `mustKnow` is set. */
  tagged(tag: string, options?: TaggedOptions): Promise<Descriptor | undefined>;
  /**
   * Makes a blob be there: checks, mounts or sends it, with as few trips as the store allows. Retries and resumes on its
   * own; `body` is opened only when bytes must be sent. A thrown error leaves no half-written content visible.
   *
   * @throws `digest_mismatch` when `body` is not the blob; `auth_denied`, `unavailable` and the like from the store.
   */
  pushBlob(blob: Descriptor, body: Replayable, options?: PushBlobOptions): Promise<PushOutcome>;
  /**
   * Writes a manifest, by digest and under each tag. With one tag and no need for the digest it is one trip. A manifest
   * with a `subject` can afterwards be found by `referrers` (the fallback tag is kept where the registry lacks the API).
   * `descriptor.digest` is what the store must acknowledge.
   *
   * @throws `blob_unknown` with `context.missing` where the store says that children are missing; `tag_immutable`.
   */
  pushManifest(manifest: Manifest, options?: PushManifestOptions): Promise<void>;
  /**
   * Takes a tag away; one that is not there counts as taken away. What else goes is the store's affair: see
   * `TargetFacts.deletesTagsAlone`.
   *
   * @throws WaybillError `unsupported` where tags cannot be deleted.
   */
  deleteTag?(tag: string, options?: CallOptions): Promise<void>;
}

/** A store that can be read and written. */
export type Store = Source & Target;
