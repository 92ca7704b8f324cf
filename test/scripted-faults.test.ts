import { expect, test } from "vitest";
import { exitCodeOf } from "../src/cli/exit-code.ts";
import { outcomeError } from "../src/cli/outcome.ts";
import type { ErrorCode } from "../src/errors.ts";
import type { HttpRequest, Interceptor } from "../src/http/send.ts";
import { faulty, type FaultRule } from "../src/server/faults.ts";
import { createMemoryStorage } from "../src/server/memory-storage.ts";
import type { RegistryOptions } from "../src/server/registry.ts";
import type { Storage } from "../src/server/storage.ts";
import type { Digest } from "../src/spec/digest.ts";
import { createRepeats } from "../src/transfer/repeats.ts";
import { targetReports } from "../src/transfer/report.ts";
import { create } from "../src/verbs/create.ts";
import { bytesOf, pushImage, pushIndex } from "./support/images.ts";
import { storeAt } from "./support/publish-case.ts";
import { simulate, type Simulation } from "./support/simulation.ts";

const source = "source.example";
/** Three registries; the one in the middle has the trouble. */
const hosts = ["a.example", "b.example", "c.example"] as const;
const [, troubled] = hosts;
const layerBytes = 400_000;

/** Four large layers in two images; every target's tag names an old one. */
async function makeStorages() {
  const storages = Object.fromEntries([source, ...hosts].map((host) => [host, createMemoryStorage()]));
  const from = storeAt(source, "app", storages[source]!);
  const platforms = ["linux/amd64", "linux/arm64"];
  const images = await Promise.all(
    platforms.map((platform) => {
      const layers = ["one", "two"].map((name) => Buffer.alloc(layerBytes, `${platform} ${name} `));
      return pushImage(from, { platform, layers });
    }),
  );
  const children = images.map(({ descriptor }) => descriptor);
  const root = await pushIndex(from, children, { platforms, tags: ["1"] });
  const olds = await Promise.all(
    hosts.map((host) => pushImage(storeAt(host, "app", storages[host]!), { layers: [bytesOf("old")], tags: ["1"] })),
  );
  return { storages, root: root.descriptor.digest, old: olds[0]!.descriptor.digest };
}

/** Adds up the bytes of uploads that leave towards the troubled registry. */
function counting(count: (bytes: number) => void): Interceptor {
  return (next) => (request) => {
    const { body, url } = request;
    if (body === undefined || new URL(url).host !== troubled || !url.includes("/blobs/uploads/")) return next(request);
    if (body instanceof Uint8Array) {
      count(body.byteLength);
      return next(request);
    }
    const { sizeBytes } = body;
    async function* open(signal?: AbortSignal) {
      for await (const chunk of (body as Exclude<typeof body, Uint8Array | undefined>).open(signal)) {
        count(chunk.byteLength);
        yield chunk;
      }
    }
    return next({ ...request, body: { sizeBytes, open } });
  };
}

/** What trouble can be made of. */
interface About {
  readonly storage: Storage;
  readonly theirs: Digest;
  readonly expireTokens: () => void;
}

interface Trouble {
  readonly rules?: (about: About) => readonly FaultRule[];
  readonly registry?: RegistryOptions;
}

/** Publishes to all three, while one has `trouble`. */
async function publishThrough({ rules = () => [], registry = {} }: Trouble) {
  const { storages, root, old } = await makeStorages();
  const theirs = await pushImage(storeAt(troubled, "app", storages[troubled]!), { layers: [bytesOf("theirs")] });
  const at = { storage: storages[troubled]!, theirs: theirs.descriptor.digest };
  const there = (rule: FaultRule): FaultRule => {
    const isThere = (request: HttpRequest) => new URL(request.url).host === troubled;
    return { ...rule, when: (request) => isThere(request) && (rule.when?.(request) ?? true) };
  };
  let sentBytes = 0;
  const repeats = createRepeats();
  const simulation: Simulation = await simulate({
    storages,
    roots: [root, old, at.theirs],
    registries: { [troubled]: registry },
    faults: ({ expireTokens }) => {
      const scripted = rules({ ...at, expireTokens: () => expireTokens(troubled) }).map(there);
      return (next) => counting((bytes) => void (sentBytes += bytes))(faulty(next, scripted));
    },
    onEvent: (event) => repeats.hear(event),
  });
  const began = simulation.clock.now();
  const tags = hosts.map((host) => `${host}/app:1`);
  const result = await simulation.settle(create({ sources: [`${source}/app:1`], tags }, simulation.context));
  const error = outcomeError(result);
  return {
    exitCode: error === undefined ? 0 : exitCodeOf(error),
    report: targetReports(result.targets, root, repeats),
    names: hosts.map((host) => storages[host]!.catalogue.tagged("app", "1")),
    tookMs: simulation.clock.now() - began,
    sentBytes,
    digests: { root, old, theirs: at.theirs },
    violations: [...simulation.violations, ...(await simulation.leftovers())],
  };
}

const denied = { kind: "status", status: 403, body: "" } as const;
const isTag = (request: HttpRequest) => request.url.endsWith("/manifests/1");

interface Expected {
  readonly exitCode: number;
  /** Of each target, in order; the tags must name what they say. */
  readonly states: readonly string[];
  readonly error?: ErrorCode;
  /** Most bytes that the troubled registry is sent more than it needs. */
  readonly againBytes?: number;
  readonly leastMs?: number;
}

const all = ["moved", "moved", "moved"];
const none = ["not-attempted", "not-attempted", "not-attempted"];

/** So that one tag is theirs as soon as content is on its way. */
const takenByOthers: NonNullable<Trouble["rules"]> = ({ storage, theirs }) => [
  {
    method: "PUT",
    route: "upload",
    when: once(() => storage.catalogue.apply({ kind: "tag", repository: "app", tag: "1", digest: theirs })),
    fault: denied,
  },
];

const troubles: readonly (readonly [string, Trouble, Expected])[] = [
  [
    "refuses a blob",
    { rules: () => [{ method: "PUT", route: "upload", skip: 1, times: Infinity, fault: denied }] },
    { exitCode: 4, states: none, error: "auth_denied" },
  ],
  [
    "dies between staging and tagging",
    { rules: () => [{ when: diesOnceStaged(), times: Infinity, fault: { kind: "refuse" } }] },
    { exitCode: 8, states: none, error: "connection_failed", againBytes: 0 },
  ],
  [
    "answers 429 with Retry-After",
    {
      rules: () => [
        {
          method: "POST",
          route: "uploads",
          skip: 1,
          times: 3,
          fault: { kind: "status", status: 429, headers: { "retry-after": "4" } },
        },
      ],
    },
    { exitCode: 0, states: all, againBytes: 0, leastMs: 4000 },
  ],
  [
    "lets no tag move",
    { registry: { immutableTags: true } },
    { exitCode: 3, states: ["moved", "failed", "moved"], error: "tag_immutable", againBytes: 0 },
  ],
  [
    "loses an upload",
    { rules: () => [{ method: ["PUT", "PATCH"], route: "upload", skip: 1, fault: { kind: "lose-session" } }] },
    { exitCode: 0, states: all, againBytes: layerBytes },
  ],
  [
    "breaks off in the middle of a layer",
    {
      rules: () => [
        { method: "PUT", route: "upload", when: isLarge, fault: { kind: "cut-upload", afterBytes: 100_000 } },
      ],
    },
    { exitCode: 0, states: all, againBytes: layerBytes },
  ],
  [
    "takes no token any more in the middle of the push",
    { rules: ({ expireTokens }) => [{ method: "PUT", route: "upload", when: once(expireTokens), fault: denied }] },
    { exitCode: 0, states: all, againBytes: layerBytes },
  ],
  [
    "shows late what it has taken",
    { rules: () => [{ method: "PUT", route: "manifest", times: Infinity, fault: { kind: "lag", reads: 2 } }] },
    { exitCode: 0, states: all, againBytes: 0, leastMs: 250 },
  ],
  [
    "has its tag moved by somebody else meanwhile",
    { rules: takenByOthers },
    { exitCode: 7, states: none, error: "precondition_failed", againBytes: 0 },
  ],
];

/** From the first request for a tag on that comes after content. */
function diesOnceStaged(): (request: HttpRequest) => boolean {
  let isStaged = false;
  return (request) => {
    const dies = isStaged && isTag(request);
    isStaged ||= request.method === "PUT" && request.url.includes("/manifests/sha256:");
    return dies;
  };
}

/** Acts on the first request, and lets it pass. */
function once(act: () => void): () => boolean {
  let isDone = false;
  return () => {
    if (!isDone) act();
    isDone = true;
    return false;
  };
}

function isLarge({ body }: HttpRequest): boolean {
  return body !== undefined && !(body instanceof Uint8Array) && body.sizeBytes >= layerBytes;
}

test.each(troubles)(
  "a publish to three registries, one of which %s, is told as it is",
  async (_what, trouble, expected) => {
    const undisturbed = await publishThrough({});

    const seen = await publishThrough(trouble);

    const { root, old, theirs } = seen.digests;
    const isMoved = (state: string) => state === "moved";
    const rest = expected.error === "precondition_failed" ? [old, theirs, old] : [old, old, old];
    expect(seen.exitCode).toBe(expected.exitCode);
    expect(seen.report.map(({ tags }) => tags[0]?.state)).toEqual(expected.states);
    expect(seen.names).toEqual(expected.states.map((state, at) => (isMoved(state) ? root : rest[at])));
    expect(seen.report.map(({ error }) => error?.class)).toEqual([undefined, expected.error, undefined]);
    expect(seen.report.map(({ tags }) => tags[0]?.before)).toEqual([old, old, old]);
    expect(seen.report.map(({ heldBack }) => heldBack)).toEqual(
      hosts.map((host) => (expected.states === none && host !== troubled ? true : undefined)),
    );
    if (expected.againBytes !== undefined)
      expect(seen.sentBytes - undisturbed.sentBytes).toBeLessThanOrEqual(expected.againBytes);
    expect(seen.tookMs).toBeGreaterThanOrEqual(expected.leastMs ?? 0);
    expect(seen.violations).toEqual([]);
  },
);
