import { WaybillError } from "../errors.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { childrenOf } from "../spec/manifest.ts";
import { isManifestType } from "../spec/media-type.ts";
import type { CallOptions, Source } from "./store.ts";

/** What must be there before a descriptor's content is complete. A filter or an addition to the graph wraps one of these. */
export type Expand = (descriptor: Descriptor, options?: CallOptions) => Promise<readonly Descriptor[]>;

/** Called for each descriptor after it was called for all `children`, which are distinct. */
export type Visit = (
  descriptor: Descriptor,
  children: readonly Descriptor[],
  options: CallOptions,
) => Promise<void> | void;

export interface WalkOptions extends CallOptions {
  /** Calls of `expand` and `visit` under way at one time; default 16. */
  readonly concurrency?: number;
  /** Levels below the root; default 8. A cycle, which only a made-up graph can hold, runs into it. */
  readonly maxDepth?: number;
  /** Distinct descriptors; default 100,000. */
  readonly maxCount?: number;
}

/** The graph as manifests spell it: config and layers, or the manifests of an index. Blobs have no children. */
export function childrenIn(source: Pick<Source, "manifest">): Expand {
  return async (descriptor, options) => {
    if (!isManifestType(descriptor.mediaType)) return [];
    return childrenOf((await source.manifest(descriptor, options)).document);
  };
}

/**
 * Visits everything below `root` and `root` itself, children first, each digest once, independent ones at the same time.
 * When something fails, what is under way is told to stop and awaited; then the first error is thrown.
 *
 * @throws WaybillError `too_large` where the graph is deeper or larger than the options allow.
 */
export async function walk(root: Descriptor, expand: Expand, visit: Visit, options: WalkOptions = {}): Promise<void> {
  const { concurrency = 16, signal } = options;
  const stop = new AbortController();
  const call = { signal: signal ? AbortSignal.any([signal, stop.signal]) : stop.signal };
  const graph = createGraph(root, options);
  const running = new Set<Promise<void>>();
  const start = (node: Node) => {
    const task: Promise<void> = advance(node, graph, { expand, visit, call }).finally(() => running.delete(task));
    running.add(task);
  };
  try {
    while (graph.ready.length + running.size > 0) {
      call.signal.throwIfAborted();
      graph.ready.splice(0, concurrency - running.size).forEach(start);
      await Promise.race(running);
    }
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(running);
    throw error;
  }
}

interface Node {
  readonly descriptor: Descriptor;
  readonly parents: Node[];
  /** `undefined` until it was expanded. */
  children?: readonly Node[];
  /** The longest known way from the root. */
  depth: number;
  /** Children that were not visited yet. */
  missing: number;
  visited: boolean;
}

interface Graph {
  /** Nodes to expand, and nodes to visit. */
  readonly ready: Node[];
  link(parent: Node, children: readonly Descriptor[]): void;
}

async function advance(
  node: Node,
  graph: Graph,
  how: { expand: Expand; visit: Visit; call: CallOptions },
): Promise<void> {
  if (node.children === undefined) {
    graph.link(node, await how.expand(node.descriptor, how.call));
    if (node.missing > 0) return;
  }
  const children = node.children ?? [];
  await how.visit(
    node.descriptor,
    children.map((child) => child.descriptor),
    how.call,
  );
  node.visited = true;
  graph.ready.push(...node.parents.filter((parent) => --parent.missing === 0));
}

function createGraph(root: Descriptor, { maxDepth = 8, maxCount = 100_000 }: WalkOptions): Graph {
  const nodes = new Map<Digest, Node>();
  const ready: Node[] = [];
  const add = (descriptor: Descriptor): Node => {
    const known = nodes.get(descriptor.digest);
    if (known) return known;
    if (nodes.size >= maxCount) throw tooLarge(root, `it refers to more than ${maxCount} pieces of content`);
    const node: Node = { descriptor, parents: [], depth: 0, missing: 0, visited: false };
    nodes.set(descriptor.digest, node);
    ready.push(node);
    return node;
  };
  const deepen = (node: Node, depth: number): void => {
    if (depth > maxDepth) throw tooLarge(root, `it is nested deeper than ${maxDepth} levels`);
    if (depth <= node.depth) return;
    node.depth = depth;
    for (const child of node.children ?? []) deepen(child, depth + 1);
  };
  const link = (parent: Node, descriptors: readonly Descriptor[]): void => {
    const children = [...new Set(descriptors.map(add))];
    parent.children = children;
    const unvisited = children.filter((child) => !child.visited);
    parent.missing = unvisited.length;
    for (const child of unvisited) child.parents.push(parent);
    for (const child of children) deepen(child, parent.depth + 1);
  };
  add(root);
  return { ready, link };
}

function tooLarge(root: Descriptor, why: string): WaybillError {
  return new WaybillError("too_large", `Cannot follow ${root.digest}: ${why}`, { subject: root.digest });
}
