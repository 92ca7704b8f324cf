import { exitCodeOf } from "../../src/cli/exit-code.ts";
import { outcomeError } from "../../src/cli/outcome.ts";
import type { Store } from "../../src/content/store.ts";
import { openRegistry } from "../../src/registry/registry.ts";
import { createMemoryStorage } from "../../src/server/memory-storage.ts";
import { createRegistry } from "../../src/server/registry.ts";
import type { Storage } from "../../src/server/storage.ts";
import type { Digest } from "../../src/spec/digest.ts";
import { silent } from "../../src/telemetry/events.ts";
import { create, type CreateRequest, type CreateResult } from "../../src/verbs/create.ts";
import { missingBelow } from "./closures.ts";
import { fakeClock } from "./fake-clock.ts";
import { bytesOf, pushImage, pushIndex } from "./images.ts";
import { simulate, type Simulation, type SimulationOptions } from "./simulation.ts";

export const hosts = { source: "a.example", first: "b.example", second: "c.example" } as const;
export const targets = [
  { host: hosts.first, repository: "team/app" },
  { host: hosts.second, repository: "app" },
] as const;
const tags = ["1", "latest"] as const;

const request: CreateRequest = {
  sources: [`${hosts.source}/app:1`],
  files: [],
  tags: targets.flatMap(({ host, repository }) => tags.map((tag) => `${host}/${repository}:${tag}`)),
  annotations: [],
  append: false,
  dryRun: false,
  preferIndex: true,
  platforms: [],
  referrers: "default",
};

/** Registries as they stand before a publish, and what must stand in them after it. */
export interface PublishCase {
  readonly storages: Readonly<Record<string, Storage>>;
  readonly root: Digest;
  readonly signatures: readonly Digest[];
  /** What the tag `1` of the first target names before. */
  readonly old: Digest;
}

/** The second target lacks the referrers API and does not look whether an index's children are there. */
export const registries = { [hosts.second]: { referrers: false, childManifests: "optional" } } as const;

/** A store over the storage of a registry, beside whatever is published. */
export function storeAt(host: string, repository: string, storage: Storage): Store {
  const send = createRegistry(storage);
  const client = { send, clock: fakeClock(), random: () => 0, report: silent, baseUrl: `https://${host}` };
  return openRegistry(host, client).repository(repository);
}

let source: Promise<Pick<PublishCase, "root" | "signatures"> & { readonly storage: Storage }> | undefined;

/** Two platforms with a layer in common, an attestation of one in their index, and two signatures of the index. */
async function makeSource() {
  const storage = createMemoryStorage();
  const store = storeAt(hosts.source, "app", storage);
  const layersOf = (name: string) => [bytesOf("shared ".repeat(60)), bytesOf(`${name} `.repeat(40))];
  const amd = await pushImage(store, { platform: "linux/amd64", layers: layersOf("amd64") });
  const arm = await pushImage(store, { platform: "linux/arm64", layers: layersOf("arm64") });
  const attestation = await pushImage(store, { platform: "unknown/unknown", layers: [bytesOf("provenance")] });
  const about = {
    "vnd.docker.reference.type": "attestation-manifest",
    "vnd.docker.reference.digest": amd.descriptor.digest,
  };
  const children = [amd.descriptor, arm.descriptor, { ...attestation.descriptor, annotations: about }];
  const platforms = ["linux/amd64", "linux/arm64", "unknown/unknown"];
  const index = await pushIndex(store, children, { platforms, tags: ["1"] });
  const artifactType = "application/vnd.dev.cosign.artifact.sig.v1+json";
  const signatures: Digest[] = [];
  for (const who of ["one", "two"]) {
    const layers = [bytesOf(`signature of ${who}`)];
    const signature = await pushImage(store, { layers, subject: index.descriptor, artifactType });
    signatures.push(signature.descriptor.digest);
  }
  return { storage, root: index.descriptor.digest, signatures };
}

export async function makeCase(): Promise<PublishCase> {
  source ??= makeSource();
  const { storage, ...rest } = await source;
  const first = createMemoryStorage();
  const old = await pushImage(storeAt(targets[0].host, targets[0].repository, first), {
    layers: [bytesOf("old")],
    tags: ["1"],
  });
  const storages = { [hosts.source]: storage, [hosts.first]: first, [hosts.second]: createMemoryStorage() };
  return { ...rest, storages, old: old.descriptor.digest };
}

export function publishIn({ context }: Simulation, options: Partial<CreateRequest> = {}): Promise<CreateResult> {
  return create({ ...request, ...options }, context);
}

/** Publishes under `faults`, with the exit code that the command would end with and the time that it would take. */
export async function publishUnder(faults: SimulationOptions["faults"], request: Partial<CreateRequest> = {}) {
  const at = await makeCase();
  const simulation = await simulate({ storages: at.storages, registries, ...(faults && { faults }) });
  const startedAt = simulation.clock.now();
  const result = await simulation.settle(publishIn(simulation, request));
  const error = outcomeError(result);
  const exitCode = error === undefined ? 0 : exitCodeOf(error);
  return { at, simulation, result, error, exitCode, tookMs: simulation.clock.now() - startedAt };
}

/** What a target lacks of a complete publish: tags, content below them, the signature and its entry in the list. */
export async function lacking(at: PublishCase, target: number): Promise<readonly string[]> {
  const { host, repository } = targets[target]!;
  const storage = at.storages[host]!;
  const wrong = tags.filter((tag) => storage.catalogue.tagged(repository, tag) !== at.root);
  return [
    ...wrong.map((tag) => `tag ${tag}`),
    ...(await missingBelow(storage, repository, at.root)),
    ...(await Promise.all(at.signatures.map((digest) => missingBelow(storage, repository, digest)))).flat(),
    ...(await unlisted(storage, repository, at)).map((digest) => `the entry of signature ${digest}`),
  ].map((missing) => `${host} lacks ${missing}`);
}

async function unlisted(
  storage: Storage,
  repository: string,
  { root, signatures }: PublishCase,
): Promise<readonly Digest[]> {
  const found = await storeAt("any.example", repository, storage).referrers(root);
  return signatures.filter((signature) => found.every(({ digest }) => digest !== signature));
}

/** Whether the target's tags name what they named before the publish. */
export function untouched({ storages, old }: PublishCase, target: number): boolean {
  const { host, repository } = targets[target]!;
  const { catalogue } = storages[host]!;
  const before = target === 0 ? old : undefined;
  return catalogue.tagged(repository, "1") === before && catalogue.tagged(repository, "latest") === undefined;
}

/** Where a result, or the exit code that follows from it, says other than the registries do, as sentences. */
export function untruths(result: CreateResult, at: PublishCase): readonly string[] {
  return [...wrongStates(result, at), ...brokenPromise(result, at)];
}

/** These exit codes say that a tag may differ from before. All others but 0 promise that none does. */
const promiseNothing: ReadonlySet<number> = new Set([3, 70, 130, 143]);

function brokenPromise(result: CreateResult, at: PublishCase): readonly string[] {
  const error = outcomeError(result);
  if (error === undefined || promiseNothing.has(exitCodeOf(error))) return [];
  const changed = targets.filter((_target, index) => index < result.targets.length && !untouched(at, index));
  return changed.map(({ host }) => `exit code ${exitCodeOf(error)}, and tags of ${host} have changed`);
}

function wrongStates(result: CreateResult, { storages, root, old }: PublishCase): readonly string[] {
  return result.targets.flatMap((entry, at) => {
    const { host, repository } = targets[at]!;
    return entry.tags.flatMap(({ tag, state, mayDiffer = false }) => {
      const now = storages[host]!.catalogue.tagged(repository, tag);
      const before = at === 0 && tag === "1" ? old : undefined;
      const isThere = state === "created" || state === "moved" || state === "unchanged" || state === "left-behind";
      const isTrue = isThere ? now === root : mayDiffer || now === before;
      return isTrue ? [] : [`${host}: ${tag} is said to be ${state} and names ${now ?? "nothing"}`];
    });
  });
}
