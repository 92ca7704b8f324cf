import { describe, expect, test } from "vitest";
import type { Interceptor } from "../src/http/send.ts";
import type { CreateRequest } from "../src/verbs/create.ts";
import { faulty, type FaultRule } from "../src/server/faults.ts";
import { bytesOf, pushImage } from "./support/images.ts";
import {
  hosts,
  lacking,
  makeCase,
  publishIn,
  publishUnder,
  storeAt,
  targets,
  untouched,
  untruths,
} from "./support/publish-case.ts";
import { respond } from "./support/responses.ts";
import { simulate, type Simulation, type SimulationOptions } from "./support/simulation.ts";
import { answer } from "./support/three-registries.ts";

/** How late a registry shows what, to who asks and to manifests that name it. */
interface Lag {
  readonly blobsMs?: number;
  readonly manifestsMs?: number;
  readonly tagsMs?: number;
}

/** The targets' registries acknowledge writes at once, and show them after a while. */
function lagging({ blobsMs = 0, manifestsMs = 0, tagsMs = 0 }: Lag) {
  return ({ clock }: Pick<Simulation, "clock">): Interceptor => {
    const shownAt = new Map<string, number>();
    const isHidden = (name: string) => (shownAt.get(name) ?? 0) > clock.now();
    return (next) => async (request) => {
      const { host, pathname, searchParams } = new URL(request.url);
      if (targets.every((target) => target.host !== host)) return next(request);
      const name = `${host} ${searchParams.get("digest") ?? pathname.split("/").at(-1)}`;
      const isManifest = pathname.includes("/manifests/");
      const isUpload = pathname.includes("/blobs/uploads/");
      if (request.method !== "PUT" && !isUpload && isHidden(name)) return respond(request, 404);
      const named = isManifest && request.body instanceof Uint8Array ? Buffer.from(request.body).toString() : "";
      const needed = named.replace(/"subject":\{[^}]*\}/, "");
      const early = [...needed.matchAll(/sha256:[0-9a-f]{64}/g)].filter(([digest]) => isHidden(`${host} ${digest}`));
      if (early.length > 0) return respond(request, 404, { body: lacks(early.map(([digest]) => digest)) });
      const response = await next(request);
      const lagMs = isUpload ? blobsMs : name.includes(" sha256:") ? manifestsMs : tagsMs;
      // What is there already does not hide again.
      const isFirst = request.method === "PUT" && response.status === 201 && !shownAt.has(name);
      if (isFirst) shownAt.set(name, clock.now() + lagMs);
      return response;
    };
  };
}

function lacks(digests: readonly string[]) {
  return {
    errors: digests.map((digest) => ({ code: "MANIFEST_BLOB_UNKNOWN", message: "lacking", detail: { digest } })),
  };
}

async function publishTo(lag: Lag, request: Partial<CreateRequest> = {}) {
  const published = await publishUnder(lagging(lag), request);
  return { ...published, asked: (line: string) => published.simulation.trace.filter((text) => text.includes(line)) };
}

/** Uploads that were closed with a blob's bytes, by host and digest. */
function uploadsIn(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => {
    const [, host, digest] = /PUT ([^/]+).*\/blobs\/uploads\/.*[?&]digest=([^&]+)/.exec(line) ?? [];
    return host === undefined ? [] : [`${host} ${decodeURIComponent(digest ?? "")}`];
  });
}

describe("a registry that shows late what it has acknowledged", () => {
  test.each([["manifests"], ["full"]] as const)(
    "is waited for, and sent nothing twice, with --verify %s",
    async (verify) => {
      const lag = { blobsMs: 3000, manifestsMs: 4000, tagsMs: 5000 };
      const { at, result, exitCode, tookMs, asked } = await publishTo(lag, { verify });

      expect(exitCode).toBe(0);
      expect(tookMs).toBeGreaterThanOrEqual(12_000);
      expect([...(await lacking(at, 0)), ...(await lacking(at, 1)), ...untruths(result, at)]).toEqual([]);
      const uploads = uploadsIn(asked(" PUT "));
      expect(uploads.length).toBeGreaterThan(4);
      expect(new Set(uploads).size).toBe(uploads.length);
      const verified = asked(" HEAD ").filter((line) => line.includes("/blobs/sha256:"));
      expect(verified.length >= uploads.length).toBe(verify === "full");
    },
  );

  test.each([
    ["manifests", { manifestsMs: 600_000 }, { verify: "manifests" }],
    ["blobs", { blobsMs: 600_000 }, { verify: "full" }],
  ] as const)("is given up before any tag has moved when its %s never show", async (_what, lag, request) => {
    const { at, result, exitCode } = await publishTo(lag, request);

    expect(exitCode).toBe(8);
    expect([untouched(at, 0), untouched(at, 1)]).toEqual([true, true]);
    expect(untruths(result, at)).toEqual([]);
  });

  test("is told as failed when its tags never show, with the truth about them", async () => {
    const { at, result, exitCode } = await publishTo({ tagsMs: 600_000 }, { referrers: "none" });

    expect(exitCode).toBe(3);
    expect(result.targets.map(({ error }) => error)).toMatchObject([{ code: "unavailable" }, { code: "unavailable" }]);
    expect(untruths(result, at)).toEqual([]);
  });
});

describe("a roll-back at a registry that shows late what its tags name", () => {
  const both = targets.map(({ host, repository }) => `${host}/${repository}:1`);

  /** The first target's tag is written late enough for the second's refusal to come before it is confirmed. */
  async function rolledBack(request: Partial<CreateRequest>) {
    const at = await makeCase();
    const { host, repository } = targets[1];
    await pushImage(storeAt(host, repository, at.storages[host]!), { layers: [bytesOf("old")], tags: ["1"] });
    const [slow, refusing] = targets.map((target) => (request: { url: string }) => request.url.includes(target.host));
    const put = { method: "PUT", path: /\/manifests\/1$/ } as const;
    const faults: SimulationOptions["faults"] = ({ clock }) => {
      const lag: FaultRule = { ...put, when: slow!, fault: { kind: "lag", lagMs: 3000, clock } };
      const delay: FaultRule = { ...put, when: slow!, fault: { kind: "delay", delayMs: 200, clock } };
      const no: FaultRule = { ...put, when: refusing!, times: Infinity, fault: answer(403, "DENIED", "no") };
      return (next) => faulty(faulty(next, [lag, no]), [delay]);
    };
    const simulation = await simulate({ storages: at.storages, faults });
    const result = await simulation.settle(publishIn(simulation, { tags: both, onTagError: "rollback", ...request }));
    const isOld = at.storages[hosts.first]!.catalogue.tagged(targets[0].repository, "1") === at.old;
    return { states: result.targets.map(({ tags }) => tags[0]!.state), isOld };
  }

  test.each([["ack"], ["manifests"]] as const)("puts the tag back all the same, with --verify %s", async (verify) => {
    expect(await rolledBack({ verify })).toEqual({ states: ["rolled-back", "failed"], isOld: true });
  });
});
