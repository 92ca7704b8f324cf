import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { exitCodeOf } from "../src/cli/exit-code.ts";
import { outcomeError } from "../src/cli/outcome.ts";
import type { HttpRequest, Send } from "../src/http/send.ts";
import { faulty } from "../src/server/faults.ts";
import { journalRecorder } from "../src/transfer/journal.ts";
import type { Recorder, Recording } from "../src/transfer/recording.ts";
import type { RecordedRun } from "../src/transfer/recorded-run.ts";
import { isComplete } from "../src/transfer/result.ts";
import { listRuns } from "../src/transfer/runs.ts";
import type { CreateRequest, CreateResult } from "../src/verbs/create.ts";
import type { Context } from "../src/verbs/context.ts";
import { planRollback, rollback, type RollbackOptions } from "../src/verbs/rollback.ts";
import { resume } from "../src/verbs/resume.ts";
import {
  hosts,
  lacking,
  makeCase,
  publishIn,
  registries,
  targets,
  untouched,
  untruths,
  type PublishCase,
} from "./support/publish-case.ts";
import { simulate, type Simulation } from "./support/simulation.ts";

/** Deaths at every request are tried only on demand, `WAYBILL_TORTURE=all`; else at every seventh. */
const stride = process.env["WAYBILL_TORTURE"] === "all" ? 3 : 21;

let folder = "";
/** What the dead have left open in this process, which lives on. */
const open = new Set<Recording>();
/** What the dead were opening when they died, which goes on as well. */
const opening = new Set<Promise<unknown>>();
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "waybill-resume-"))));
afterEach(async () => {
  await buryTheDead();
  await rm(folder, { recursive: true, force: true });
});

async function buryTheDead(): Promise<void> {
  await Promise.allSettled(opening);
  for (const recording of open) await recording[Symbol.asyncDispose]();
  open.clear();
}

interface ProcessOptions {
  readonly name?: string;
  /** The number of the request at which it dies; default never. */
  readonly dieAt?: number;
  /** Asked at each request whether it dies now, before that leaves; default never. */
  readonly dieWhen?: (request: HttpRequest) => boolean;
  /** Hears of every request. */
  readonly asked?: (request: HttpRequest) => void;
  /** What is wrong with the registries by now. */
  readonly wrong?: (registries: Send) => Send;
}

/** A process of its own: it has the journals that those before it have left, and knows that they are gone. */
async function newProcess(at: PublishCase, options: ProcessOptions = {}) {
  const { name = "a process", dieAt = Number.POSITIVE_INFINITY, asked } = options;
  const { dieWhen = () => false, wrong = (send) => send } = options;
  let die: (how: "died") => void = () => undefined;
  const died = new Promise<"died">((resolve) => (die = resolve));
  const simulation = await simulate({
    storages: at.storages,
    roots: [at.root, at.old],
    registries,
    faults: () => (registries) => {
      const next = wrong(registries);
      let count = 0;
      return (request) => {
        asked?.(request);
        if (++count < dieAt && !dieWhen(request)) return next(request);
        die("died");
        // A dead process hears of nothing any more.
        return new Promise(() => undefined);
      };
    },
  });
  const owner = { name, isRunning: () => false };
  const journals = journalRecorder({ folder, owner, clock: simulation.clock, report: simulation.context.report });
  const recorder = onDisk(journals, simulation);
  return { simulation, context: { ...simulation.context, recorder } satisfies Context, died };
}

/** The same, on a disk that takes its own time. */
function onDisk(recorder: Recorder, simulation: Simulation): Recorder {
  const outside = <T>(work: PromiseLike<T>) => simulation.outside(Promise.resolve(work));
  const wrap = (recording: Recording): Recording => {
    open.add(recording);
    return {
      ...recording,
      tagging: (at, tags) => outside(recording.tagging(at, tags)),
      end: (ending) => outside(recording.end(ending)),
      async [Symbol.asyncDispose]() {
        await outside(recording[Symbol.asyncDispose]());
        open.delete(recording);
      },
    };
  };
  return {
    begin: (publication) => untilOpen(async () => wrap(await outside(recorder.begin(publication)))),
    reopen: (publication) => outside(recorder.reopen(publication)),
    goOn: (publication) =>
      untilOpen(async () => {
        const recording = await outside(recorder.goOn(publication));
        return recording && wrap(recording);
      }),
  };
}

async function untilOpen<T>(work: () => Promise<T>): Promise<T> {
  const opened = work();
  opening.add(opened);
  try {
    return await opened;
  } finally {
    opening.delete(opened);
  }
}

function publishWith(simulation: Simulation, context: Context, options: Partial<CreateRequest> = {}) {
  return publishIn({ ...simulation, context }, options);
}

/** Lets a publish begin and dies at its request number `dieAt`; false where it was over before. */
async function dieIn(at: PublishCase, dieAt: number): Promise<boolean> {
  const { simulation, context, died } = await newProcess(at, { name: "dead", dieAt });
  const working = publishWith(simulation, context).then(() => "over" as const);
  working.catch(() => undefined);
  return (await simulation.settle(Promise.race([working, died]))) === "died";
}

async function wrongAfter(result: CreateResult, at: PublishCase, simulation: Simulation): Promise<readonly string[]> {
  return [
    ...result.targets.filter((target) => !isComplete(target)).map(({ error }) => `incomplete: ${String(error)}`),
    ...result.targets.flatMap(({ tags }) =>
      tags.filter(({ state }) => state === "unchanged").map(({ tag }) => `${tag} is said to be unchanged`),
    ),
    ...(await lacking(at, 0)),
    ...(await lacking(at, 1)),
    ...untruths(result, at),
    ...simulation.violations,
  ];
}

describe("after a crash at any request", () => {
  test.each([0, 1, 2])(
    "the same command finishes the job and tells what all its runs did (%i of 3)",
    async (first) => {
      for (let dieAt = 1 + first * (stride / 3); ; dieAt += stride) {
        const at = await makeCase();
        if (!(await dieIn(at, dieAt))) return;
        const { simulation, context } = await newProcess(at);
        const result = await simulation.settle(publishWith(simulation, context));
        expect(await wrongAfter(result, at, simulation), `died at ${dieAt}`).toEqual([]);
        await buryTheDead();
        await rm(folder, { recursive: true });
      }
    },
    60_000,
  );

  test.each([0, 1, 2])(
    "resume finishes what its journal knows of (%i of 3)",
    async (first) => {
      for (let dieAt = 1 + first * (stride / 3); ; dieAt += stride) {
        const at = await makeCase();
        if (!(await dieIn(at, dieAt))) return;
        const [run] = await listRuns(folder);
        // It died before there was a plan, and may just be opening its journal.
        if (!run) {
          await buryTheDead();
          await rm(folder, { recursive: true, force: true });
          continue;
        }
        const read: string[] = [];
        const { simulation, context } = await newProcess(at, { asked: ({ url }) => void read.push(url) });
        const result = await simulation.settle(resume(run.publication, context));
        expect(await wrongAfter(result, at, simulation), `died at ${dieAt}`).toEqual([]);
        // Whatever the source's tag names by now, the image is the same.
        expect(read).not.toContain(`https://${hosts.source}/v2/app/manifests/1`);
        await buryTheDead();
        await rm(folder, { recursive: true });
      }
    },
    60_000,
  );
});

test("the same command asks for each blob that the run before it may have sent, however small", async () => {
  const whole = (urls: readonly string[]) => urls.filter((url) => url.includes("/blobs/uploads/?digest="));
  const at = await makeCase();
  const asked: string[][] = [[], []];
  const first = await newProcess(at, { name: "dead", dieAt: 60, asked: ({ url }) => void asked[0]?.push(url) });
  const working = publishWith(first.simulation, first.context);
  working.catch(() => undefined);
  expect(await first.simulation.settle(Promise.race([working, first.died]))).toBe("died");
  expect(whole(asked[0] ?? []).length).toBeGreaterThan(0);

  const { simulation, context } = await newProcess(at, { asked: ({ url }) => void asked[1]?.push(url) });
  const result = await simulation.settle(publishWith(simulation, context));

  expect(await wrongAfter(result, at, simulation)).toEqual([]);
  expect(asked[1]?.filter((url) => url.includes("/blobs/uploads/?mount=")).length).toBeGreaterThan(0);
  expect(whole(asked[1] ?? [])).toEqual([]);
});

test("resume leaves a tag alone that somebody else has moved since", async () => {
  const at = await makeCase();
  await dieIn(at, 25);
  const [run] = await listRuns(folder);
  const { host, repository } = targets[0];
  at.storages[host]!.catalogue.apply({ kind: "no-tag", repository, tag: "1" });

  const { simulation, context } = await newProcess(at);
  const result = await simulation.settle(resume(run!.publication, context));

  expect(result.targets[0]?.error).toMatchObject({ code: "precondition_failed" });
  expect(at.storages[host]!.catalogue.tagged(repository, "1")).toBeUndefined();
  expect(result.targets[1]?.heldBack).toBe(true);
});

/** A publish that is done, and what its journal tells. */
async function published(): Promise<{ at: PublishCase; run: RecordedRun }> {
  const at = await makeCase();
  const { simulation, context } = await newProcess(at);
  await simulation.settle(publishWith(simulation, context));
  const [run] = await listRuns(folder);
  return { at, run: run! };
}

/** Rolls `run` back in a process of its own. */
async function rollBackIn(
  { simulation, context }: Pick<Awaited<ReturnType<typeof newProcess>>, "simulation" | "context">,
  { at, run }: { readonly at: PublishCase; readonly run: RecordedRun },
  options?: RollbackOptions,
) {
  const plan = await simulation.settle(planRollback(run.publication, run.earlier, context, options));
  const startedAt = simulation.clock.now();
  const results = await simulation.settle(rollback(plan, at.root, context));
  const moves = plan.map(({ tags }) => tags.map(({ tag, move }) => `${tag} ${move}`));
  return { moves, results, tookMs: simulation.clock.now() - startedAt };
}

const [first] = targets;
const firstTag = `https://${first.host}/v2/${first.repository}/manifests/1`;
const isLook = ({ method, url }: HttpRequest) => method !== "PUT" && url === firstTag;

test.each([1, 3])("a tag that does not show for %i looks is not gone", async (times) => {
  const at = await makeCase();
  await diesBetweenTags(at);
  const [run] = await listRuns(folder);

  const stray = { when: isLook, times, fault: { kind: "status", status: 404 } } as const;
  const { simulation, context } = await newProcess(at, { wrong: (send) => faulty(send, [stray]) });
  const result = await simulation.settle(resume(run!.publication, context));

  expect(await wrongAfter(result, at, simulation)).toEqual([]);
});

test("an earlier run's tag that seems to be gone for good may still differ", async () => {
  const at = await makeCase();
  await diesBetweenTags(at);
  const [run] = await listRuns(folder);
  expect(at.storages[first.host]!.catalogue.tagged(first.repository, "1")).toBe(at.root);

  const gone = { when: isLook, times: Infinity, fault: { kind: "status", status: 404 } } as const;
  const { simulation, context } = await newProcess(at, { wrong: (send) => faulty(send, [gone]) });
  const result = await simulation.settle(resume(run!.publication, context));

  expect(result.targets[0]?.tags[0]).toMatchObject({ state: "failed", mayDiffer: true });
  expect(exitCodeOf(outcomeError(result))).toBe(3);
});

/** Lets a publish die once it has written the first target's first tag. */
async function diesBetweenTags(at: PublishCase): Promise<void> {
  const isWritten = () => at.storages[first.host]!.catalogue.tagged(first.repository, "1") === at.root;
  const { simulation, context, died } = await newProcess(at, { name: "dead", dieWhen: isWritten });
  const working = publishWith(simulation, context);
  working.catch(() => undefined);
  expect(await simulation.settle(Promise.race([working, died]))).toBe("died");
}

/** Its first target's tag `1` is shown as it was before. */
const late =
  (at: PublishCase) =>
  (send: Send): Send => {
    const before = firstTag.replace(/1$/, at.old);
    return (request) => send(isLook(request) ? { ...request, url: before } : request);
  };

test("a tag that an earlier run was about to write may differ where it is shown as it was", async () => {
  const at = await makeCase();
  await diesBetweenTags(at);
  const [run] = await listRuns(folder);

  const path = "/blobs/uploads/";
  const refused = { method: "POST", path, times: Infinity, fault: { kind: "status", status: 403 } } as const;
  const { simulation, context } = await newProcess(at, { wrong: (send) => late(at)(faulty(send, [refused])) });
  const result = await simulation.settle(resume(run!.publication, context));

  expect(result.targets[0]?.tags[0]).toMatchObject({ state: "failed", mayDiffer: true });
  expect(exitCodeOf(outcomeError(result))).toBe(3);
});

test("rollback puts back a tag that still shows what it named before, because its registry is late", async () => {
  const { at, run } = await published();
  const later = await newProcess(at, { wrong: late(at) });
  const { results } = await rollBackIn(later, { at, run });

  expect(results[0]?.tags[0]).toMatchObject({ tag: "1", state: "rolled-back" });
  expect(at.storages[first.host]!.catalogue.tagged(first.repository, "1")).toBe(at.old);
});

describe("rollback of a publish that died while its registry had a tag's write, and had not done it", () => {
  const isWrite = ({ method, url }: HttpRequest) => method === "PUT" && url === firstTag;
  const nameOf = (at: PublishCase) => at.storages[first.host]!.catalogue.tagged(first.repository, "1");

  /** Rolls back while the registry does the write after `landsAfterMs`. */
  async function rollBack(at: PublishCase, { landsAfterMs = Infinity, agoMs = 0 }) {
    const dying = await newProcess(at, { name: "dead", dieWhen: isWrite });
    const working = publishWith(dying.simulation, dying.context);
    working.catch(() => undefined);
    expect(await dying.simulation.settle(Promise.race([working, dying.died]))).toBe("died");
    const [run] = await listRuns(folder);
    const begun: { at?: number } = {};
    const landing = (send: Send): Send => {
      return (request) => {
        const now = simulation.clock.now();
        begun.at ??= now;
        const { catalogue } = at.storages[first.host]!;
        const change = { kind: "tag", repository: first.repository, tag: "1", digest: at.root } as const;
        if (now - begun.at >= landsAfterMs) {
          landsAfterMs = Infinity;
          catalogue.apply(change);
        }
        return send(request);
      };
    };
    const later = await newProcess(at, { wrong: landing });
    const { simulation } = later;
    const heardAt = simulation.clock.now() - agoMs;
    const { results, tookMs } = await rollBackIn(later, { at, run: run! }, { heardAt });
    return { tag: results[0]?.tags[0], tookMs };
  }

  test("waits for it, and puts it back", async () => {
    const at = await makeCase();
    const { tag } = await rollBack(at, { landsAfterMs: 4000 });
    expect(tag).toEqual({ tag: "1", state: "rolled-back", before: at.old });
    expect(nameOf(at)).toBe(at.old);
  });

  test("says that it may still come where it does not come in ten seconds", async () => {
    const at = await makeCase();
    const { tag } = await rollBack(at, {});
    const why = "nobody has heard what came of its write, and it may be written still";
    expect(tag).toEqual({ tag: "1", state: "failed", before: at.old, now: at.old, mayDiffer: true, why });
  });

  test("waits for nothing where that was more than a minute ago", async () => {
    const at = await makeCase();
    const { tag, tookMs } = await rollBack(at, { agoMs: 61_000 });
    expect(tag).toEqual({ tag: "1", state: "rolled-back", before: at.old });
    expect(tookMs).toBeLessThan(1000);
  });
});

test("rollback believes a refusal more than a registry that then shows what the tag named before", async () => {
  const { at, run } = await published();
  let isRefused = false;
  const refusing = (send: Send): Send => {
    const refused = faulty(send, [{ times: Infinity, fault: { kind: "status", status: 403 } }]);
    return (request) => {
      const isWrite = request.method === "PUT" && request.url === firstTag;
      isRefused ||= isWrite;
      return isWrite ? refused(request) : (isRefused ? late(at)(send) : send)(request);
    };
  };

  const later = await newProcess(at, { wrong: refusing });
  const { results } = await rollBackIn(later, { at, run });

  expect(results[0]).toMatchObject({ tags: [{ state: "failed" }, {}], error: { code: "auth_denied" } });
});

test("rollback says of a new tag that was acknowledged and does not show that it may show late", async () => {
  const { at, run } = await published();
  const { host, repository } = targets[1];
  const url = `https://${host}/v2/${repository}/manifests/1`;
  const hidden = {
    when: ({ url: asked }: HttpRequest) => asked === url,
    times: Infinity,
    fault: { kind: "status", status: 404 },
  } as const;

  const later = await newProcess(at, { wrong: (send) => faulty(send, [hidden]) });
  const { results } = await rollBackIn(later, { at, run }, { heardAt: later.simulation.clock.now() });

  const why = "it was written, and its registry may show that late";
  expect(results[1]?.tags[0]).toEqual({
    tag: "1",
    state: "failed",
    before: "absent",
    now: "absent",
    mayDiffer: true,
    why,
  });
});

test("rollback deletes a new tag that does not show yet, where it may", async () => {
  const { at, run } = await published();
  const { host, repository } = targets[1];
  const tag = `https://${host}/v2/${repository}/manifests/1`;
  const isRead = ({ method, url }: HttpRequest) => (method === "GET" || method === "HEAD") && url === tag;
  const hidden = { when: isRead, times: Infinity, fault: { kind: "status", status: 404 } } as const;

  const later = await newProcess(at, { wrong: (send) => faulty(send, [hidden]) });
  const { results } = await rollBackIn(later, { at, run }, { deleteCreated: true });

  expect(results[1]?.tags[0]).toMatchObject({ tag: "1", state: "rolled-back" });
  expect(at.storages[host]!.catalogue.tagged(repository, "1")).toBeUndefined();
});

test("rollback puts back what a publish has moved, leaves what was new, and says so", async () => {
  const { at, run } = await published();

  const { moves, results } = await rollBackIn(await newProcess(at), { at, run });

  expect(moves).toEqual([
    ["1 put-back", "latest left"],
    ["1 left", "latest left"],
  ]);
  expect(results.map(({ tags }) => tags.map(({ state }) => state))).toEqual([
    ["rolled-back", "left-behind"],
    ["left-behind", "left-behind"],
  ]);
  const { host, repository } = targets[0];
  expect(at.storages[host]!.catalogue.tagged(repository, "1")).toBe(at.old);
  expect(untruths({ targets: results } as CreateResult, at)).toEqual([]);
});

test("rollback takes new tags away where it is asked to and nothing else goes with them", async () => {
  const { at, run } = await published();

  const { moves, results } = await rollBackIn(await newProcess(at), { at, run }, { deleteCreated: true });

  expect(moves).toEqual([
    ["1 put-back", "latest delete"],
    ["1 delete", "latest delete"],
  ]);
  expect(new Set(results.flatMap(({ tags }) => tags.map(({ state }) => state)))).toEqual(new Set(["rolled-back"]));
  expect(untouched(at, 0) && untouched(at, 1)).toBe(true);
});

test("rollback changes nothing of a tag that no run has written", async () => {
  const at = await makeCase();
  await dieIn(at, 25);
  const [run] = await listRuns(folder);
  const { simulation, context } = await newProcess(at);
  const plan = await simulation.settle(planRollback(run!.publication, run!.earlier, context));
  expect(plan.flatMap(({ tags }) => tags)).toEqual([]);

  const all = new Map(
    targets.flatMap(({ host, repository }) =>
      ["1", "latest"].map((tag) => {
        const name = `${host}/${repository}:${tag}`;
        return [name, { ...run!.earlier.tags.get(name), write: "begun" }] as const;
      }),
    ),
  );
  const looked = await simulation.settle(planRollback(run!.publication, { tags: all }, context));
  expect(looked.flatMap(({ tags }) => tags.map(({ move }) => move))).toEqual([
    "put-back",
    "untouched",
    "untouched",
    "untouched",
  ]);
  await simulation.settle(rollback(looked, at.root, context));
  expect(untouched(at, 0) && untouched(at, 1)).toBe(true);
});
