import { joinAll } from "../async/join-all.ts";
import { together } from "../async/scope.ts";
import type { Source } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { childrenOf, type Manifest } from "../spec/manifest.ts";
import { isForeignLayerType, isIndexType, isManifestType } from "../spec/media-type.ts";
import type { Location } from "../spec/reference.ts";
import { fromFirst } from "./place.ts";
import type { ReferrersPolicy } from "./referrers.ts";

/** One blob or manifest of an image, with where it can be read. */
export type Node =
  | { readonly role: "blob"; readonly content: Descriptor; readonly from: readonly Location[] }
  | {
      readonly role: "manifest";
      readonly content: Descriptor;
      readonly from: readonly Location[];
      readonly manifest: Manifest;
      /** What must be at the target before it: config and layers, or manifests. */
      readonly children: readonly Digest[];
    };

/** An image with everything it needs and everything that travels with it. */
export interface Closure {
  readonly root: Digest;
  /** Each digest once, children before what needs them. */
  readonly nodes: ReadonlyMap<Digest, Node>;
  /** Manifests that refer to the root or to something below it; each is in `nodes`. */
  readonly referrers: readonly Digest[];
  /** Referrers that were found but do not travel, counted by artifact type. */
  readonly leftBehind: Readonly<Record<string, number>>;
}

/** Where a closure is read, and how much of it. */
export interface ClosureOptions {
  /** Opens a place to read from. Manifests and referrers are expected to be remembered behind it. */
  readonly open: (location: Location) => Promise<Source>;
  readonly referrers: ReferrersPolicy;
  /** Every target has the root with all that is below it: images are not read then, only what refers to them is looked for. Default false. */
  readonly isComplete?: boolean;
  /** Manifests that are here already and need no request. */
  readonly known?: ReadonlyMap<Digest, Manifest>;
  readonly signal?: AbortSignal;
}

/** Where a closure begins: the manifest that the tags shall name. */
export interface ClosureRoot {
  readonly manifest: Manifest;
  /** Where the root itself can be read; empty when it has just been assembled. */
  readonly from: readonly Location[];
  /** Where children can be read, by digest; a child that is not listed is read where its parent is. */
  readonly origins: ReadonlyMap<Digest, readonly Location[]>;
  /** What the root was made of, where it can be read: what refers to that stays behind. */
  readonly replaces?: { readonly digest: Digest; readonly from: readonly Location[] };
}

const maxDepth = 8;
/** Most blobs and manifests in one image. */
const maxNodes = 50_000;
/** Most bytes of all manifests together, which are held until the end. */
const maxManifestBytes = 256 * 1024 * 1024;

/**
 * Everything that must be at a target for `root` to be complete there, and the referrers that travel with it, found by
 * walking down from the root: what is on one level is read at the same time.
 *
 * @throws WaybillError `not_found` for a child that none of its origins has; `too_large` beyond 50,000 blobs and manifests, 256 MiB of manifests or 8 levels.
 */
export async function closureOf(root: ClosureRoot, options: ClosureOptions): Promise<Closure> {
  const walker = new Walker(root.origins, options);
  const visiting = walker.visit({ manifest: root.manifest, from: root.from, depth: 0 });
  await joinAll([visiting, ...(root.replaces ? [walker.leaveReferrers(root.replaces)] : [])]);
  return {
    root: root.manifest.descriptor.digest,
    nodes: walker.nodesChildrenFirst(root.manifest.descriptor.digest),
    referrers: [...walker.referrers],
    leftBehind: Object.fromEntries(walker.leftBehind),
  };
}

interface Visit {
  readonly manifest: Manifest;
  readonly from: readonly Location[];
  readonly depth: number;
}

class Walker {
  readonly #origins: ReadonlyMap<Digest, readonly Location[]>;
  readonly #options: ClosureOptions;
  readonly #nodes = new Map<Digest, Node>();
  readonly referrers = new Set<Digest>();
  readonly leftBehind = new Map<string, number>();
  readonly #referrersSeen = new Set<Digest>();
  #manifestBytes = 0;

  constructor(origins: ReadonlyMap<Digest, readonly Location[]>, options: ClosureOptions) {
    this.#origins = origins;
    this.#options = options;
  }

  async visit(visit: Visit): Promise<void> {
    const { manifest, from, depth } = visit;
    const { descriptor, document } = manifest;
    if (depth > maxDepth)
      throw new WaybillError(
        "too_large",
        `Cannot follow manifest ${descriptor.digest}: nested deeper than ${maxDepth} levels`,
      );
    const children = childrenOf(document).filter((child) => !isElsewhere(child));
    this.#add({
      role: "manifest",
      content: descriptor,
      from,
      manifest,
      children: children.map((child) => child.digest),
    });
    await joinAll([
      ...children.map((child) => this.#descend(child, visit)),
      this.#visitReferrers({ descriptor, from, depth }),
    ]);
  }

  /** Counts what refers to `digest`; none of it travels. */
  async leaveReferrers({ digest, from }: NonNullable<ClosureRoot["replaces"]>): Promise<void> {
    if (!this.#options.referrers.lookUp) return;
    const lists = await this.#listReferrers(from, digest);
    for (const { digest: referrer, artifactType } of lists.flatMap(({ found }) => found)) {
      if (!this.#referrersSeen.has(referrer)) this.#leave(artifactType);
      this.#referrersSeen.add(referrer);
    }
  }

  #leave(artifactType: string | undefined): void {
    const name = artifactType ?? "unknown";
    this.leftBehind.set(name, (this.leftBehind.get(name) ?? 0) + 1);
  }

  async #descend(child: Descriptor, parent: Visit): Promise<void> {
    if (this.#nodes.has(child.digest)) return;
    const from = this.#origins.get(child.digest) ?? parent.from;
    const isManifest = parent.manifest.document.kind === "index" || isManifestType(child.mediaType);
    if (!isManifest) return this.#add({ role: "blob", content: child, from });
    if (this.#options.isComplete && !isIndexType(child.mediaType)) {
      // It may be listed as a referrer too: it is there.
      this.#referrersSeen.add(child.digest);
      return this.#visitReferrers({ descriptor: child, from, depth: parent.depth + 1 });
    }
    this.#reserve(child);
    const manifest = this.#options.known?.get(child.digest) ?? (await this.#read(child, from));
    if (!this.#nodes.has(child.digest)) await this.visit({ manifest, from, depth: parent.depth + 1 });
  }

  async #visitReferrers(subject: Omit<Visit, "manifest"> & { readonly descriptor: Descriptor }): Promise<void> {
    if (!this.#options.referrers.lookUp || subject.from.length === 0) return;
    const lists = await this.#listReferrers(subject.from, subject.descriptor.digest);
    await joinAll(
      lists.flatMap(({ location, found }) =>
        found.map((referrer) => this.#visitReferrer(referrer, location, subject.depth)),
      ),
    );
  }

  #listReferrers(
    from: readonly Location[],
    subject: Digest,
  ): Promise<{ location: Location; found: readonly Descriptor[] }[]> {
    const { open, signal: run } = this.#options;
    const listAt = async (location: Location, signal: AbortSignal) => {
      const source = await open(location);
      return { location, found: await source.referrers(subject, { signal }) };
    };
    return together(from, listAt, { signal: run });
  }

  async #visitReferrer(referrer: Descriptor, location: Location, depth: number): Promise<void> {
    if (this.#referrersSeen.has(referrer.digest) || this.#nodes.has(referrer.digest)) return;
    this.#referrersSeen.add(referrer.digest);
    const type = referrer.artifactType;
    if (!this.#options.referrers.carries(type)) return this.#leave(type);
    this.#reserve(referrer);
    const manifest = await this.#read(referrer, [location]);
    this.referrers.add(referrer.digest);
    await this.visit({ manifest, from: [location], depth: depth + 1 });
  }

  /** Counts a manifest before it is asked for: what comes has the size that its descriptor says. */
  #reserve({ size }: Descriptor): void {
    this.#manifestBytes += size;
    if (this.#manifestBytes > maxManifestBytes)
      throw new WaybillError(
        "too_large",
        `Cannot follow image: its manifests are larger than ${maxManifestBytes} bytes`,
      );
  }

  #read(content: Descriptor, from: readonly Location[]): Promise<Manifest> {
    const { open, signal } = this.#options;
    return fromFirst(from, (source) => source.manifest(content, { signal }), { open, what: content.digest });
  }

  #add(node: Node): void {
    this.#nodes.set(node.content.digest, node);
    if (this.#nodes.size > maxNodes)
      throw new WaybillError("too_large", `Cannot follow image: more than ${maxNodes} blobs and manifests`);
  }

  /** The nodes in an order of which each prefix is complete: the root's closure first, then each referrer's. */
  nodesChildrenFirst(root: Digest): ReadonlyMap<Digest, Node> {
    const ordered = new Map<Digest, Node>();
    const place = (digest: Digest): void => {
      const node = this.#nodes.get(digest);
      if (!node || ordered.has(digest)) return;
      if (node.role === "manifest") for (const child of node.children) place(child);
      ordered.set(digest, node);
    };
    place(root);
    for (const referrer of this.referrers) place(referrer);
    return ordered;
  }
}

/** Layers that are not ours to hand on: registries take the manifest without them, and clients fetch them at their `urls`. */
function isElsewhere(child: Descriptor): boolean {
  return isForeignLayerType(child.mediaType) && (child.urls?.length ?? 0) > 0;
}
