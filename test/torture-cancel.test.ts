import { describe, expect, test } from "vitest";
import { sleep } from "../src/async/clock.ts";
import { WaybillError } from "../src/errors.ts";
import type { Interceptor } from "../src/http/send.ts";
import type { CreateRequest } from "../src/verbs/create.ts";
import { nothingEarlier, unrecorded, type Ending, type Recorder } from "../src/transfer/recording.ts";
import { hosts, makeCase, publishIn, registries, targets, untouched, untruths } from "./support/publish-case.ts";
import { simulate, type Simulation } from "./support/simulation.ts";

const stride = process.env["WAYBILL_TORTURE"] === "all" ? 1 : 3;

/** The process ends two seconds after the interrupt, whatever it is at. */
const inTimeMs = 1800;

interface Cancelled {
  readonly requests: number;
  readonly tookMs: number;
  readonly wrong: readonly string[];
}

interface Circumstances {
  readonly latencyMs?: number;
  /** From the cancelling on, the second registry answers nothing any more. */
  readonly fallsSilent?: boolean;
}

/** A publish that is cancelled as its `at`-th request leaves. */
async function cancelledAt(
  at: number,
  options: Partial<CreateRequest>,
  { latencyMs = 0, fallsSilent = false }: Circumstances = {},
): Promise<Cancelled> {
  const about = await makeCase();
  let abortedAt = 0;
  const silence =
    ({ clock }: Pick<Simulation, "clock">): Interceptor =>
    (next) =>
    async (request) => {
      const isSilent = fallsSilent && abortedAt > 0 && request.url.includes(targets[1].host);
      if (isSilent) await sleep(clock, 600_000, request.signal);
      return next(request);
    };
  const simulation: Simulation = await simulate({
    storages: about.storages,
    roots: [about.root, about.old],
    registries,
    latencyMs: (random) => Math.floor(random() * latencyMs),
    chunkSizeBytes: 150,
    faults: silence,
    onRequest(count) {
      if (count !== at) return;
      abortedAt = simulation.clock.now();
      simulation.controller.abort(new WaybillError("cancelled", "Cannot go on: interrupted"));
    },
  });
  const wrong: string[] = [];
  try {
    const result = await simulation.settle(publishIn(simulation, options));
    wrong.push(...untruths(result, about));
    if (at <= simulation.trace.length && result.targets.every(({ error }) => error === undefined))
      if (!allNamed(result.targets)) wrong.push("nobody says that the run was cancelled");
  } catch (error) {
    if (!(error instanceof WaybillError && error.code === "cancelled")) wrong.push(`threw ${String(error)}`);
    if (!targets.every((_, index) => untouched(about, index))) wrong.push("a tag has moved although create threw");
  }
  const tookMs = abortedAt === 0 ? 0 : simulation.clock.now() - abortedAt;
  if (tookMs > 2000) wrong.push(`took ${tookMs} ms to settle`);
  wrong.push(...simulation.violations, ...(await simulation.leftovers()));
  return { requests: simulation.trace.length, tookMs, wrong };
}

function allNamed(results: readonly { readonly tags: readonly { readonly state: string }[] }[]): boolean {
  return results.every(({ tags }) => tags.every(({ state }) => ["created", "moved", "unchanged"].includes(state)));
}

const ways: readonly { name: string; options: Partial<CreateRequest> }[] = [
  { name: "all or nothing", options: {} },
  { name: "keep-going", options: { onError: "keep-going" } },
  { name: "rollback", options: { onTagError: "rollback" } },
];

describe.each(ways)("create, cancelled as any one request leaves, $name,", ({ options }) => {
  test.each([0, 40])(
    "settles promptly, cancels its uploads and says the truth, with latency up to %s ms",
    async (ms) => {
      const { requests, wrong } = await cancelledAt(Number.POSITIVE_INFINITY, options, { latencyMs: ms });
      expect(wrong).toEqual([]);
      const found: Record<number, readonly string[]> = {};
      for (let at = 1; at <= requests; at += at > requests - 20 ? 1 : stride) {
        const seen = await cancelledAt(at, options, { latencyMs: ms });
        if (seen.wrong.length > 0) found[at] = seen.wrong;
      }
      expect(found, "by request").toEqual({});
    },
    120_000,
  );

  test("settles in time for the table even where a registry says nothing any more", async () => {
    const { requests } = await cancelledAt(Number.POSITIVE_INFINITY, options);
    const found: Record<number, readonly string[]> = {};
    for (let at = 1; at <= requests; at += at > requests - 20 ? 1 : stride) {
      const { wrong, tookMs } = await cancelledAt(at, options, { fallsSilent: true });
      const late = tookMs > inTimeMs ? [`took ${tookMs} ms to settle`] : [];
      if (wrong.length + late.length > 0) found[at] = [...wrong, ...late];
    }
    expect(found, "by request").toEqual({});
  }, 240_000);
});

test("a publish that is cancelled while it reads what its root lists is written down as interrupted", async () => {
  const about = await makeCase();
  const endings: Ending[] = [];
  const isChild = (url: string) => url.includes(hosts.source) && /\/manifests\/sha256:/.test(url);
  const simulation: Simulation = await simulate({
    storages: about.storages,
    registries,
    faults: () => (next) => (request) => {
      if (isChild(request.url)) simulation.controller.abort(new WaybillError("cancelled", "Cannot go on: interrupted"));
      return next(request);
    },
  });
  const begin: Recorder["begin"] = async (publication) => ({
    ...unrecorded({ publication, earlier: nothingEarlier }),
    end: async (ending) => void endings.push(ending),
  });
  const recorder: Recorder = { begin, goOn: begin, reopen: () => expect.fail("nothing is taken back") };

  const publishing = publishIn({ ...simulation, context: { ...simulation.context, recorder } }, { referrers: "none" });
  await expect(simulation.settle(publishing)).rejects.toMatchObject({ code: "cancelled" });

  expect(endings).toMatchObject([{ state: "interrupted", results: [] }]);
});
