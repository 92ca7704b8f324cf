import { describe, expect, test } from "vitest";
import { sleep } from "../src/async/clock.ts";
import { exitCodeOf } from "../src/cli/exit-code.ts";
import { outcomeError } from "../src/cli/outcome.ts";
import { WaybillError } from "../src/errors.ts";
import type { Send } from "../src/http/send.ts";
import { faulty, type FaultRule } from "../src/server/faults.ts";
import type { CreateRequest } from "../src/verbs/create.ts";
import { bytesOf, pushImage } from "./support/images.ts";
import type { Publication } from "../src/transfer/publication.ts";
import { nothingEarlier, unrecorded, type Recorder } from "../src/transfer/recording.ts";
import { hosts, makeCase, publishIn, publishUnder, registries, storeAt, untruths } from "./support/publish-case.ts";
import { simulate, type SimulationOptions } from "./support/simulation.ts";
import { answer } from "./support/three-registries.ts";

const tagPath = /\/manifests\/(1|latest)$/;
const one: Partial<CreateRequest> = { tags: [`${hosts.first}/team/app:1`] };

function under(rules: readonly FaultRule[], request: Partial<CreateRequest> = {}) {
  return publishUnder(() => (next) => faulty(next, rules), request);
}

describe("a tag whose first answer was lost and whose repetition was refused", () => {
  const refusals = [
    ["400", answer(400, "UNSUPPORTED", "no")],
    ["401", answer(401, "UNAUTHORIZED", "no")],
    ["403", answer(403, "DENIED", "no")],
    ["404", answer(404, "NAME_UNKNOWN", "no")],
    ["409", answer(409, "CONFLICT", "no")],
    ["429", { ...answer(429, "TOOMANYREQUESTS", "no"), headers: { "retry-after": "3600" } }],
  ] as const;
  const lost = (fault: FaultRule["fault"]): FaultRule[] => [
    { method: "PUT", path: tagPath, fault: { kind: "lose-answer" } },
    { method: "PUT", path: tagPath, times: Infinity, fault },
  ];

  test.each(refusals)("is told as moved, as it is, where that was with %s", async (_status, fault) => {
    const { result, at, exitCode } = await under(lost(fault), one);
    expect(result.targets[0]!.tags).toMatchObject([{ state: "moved", before: at.old }]);
    expect(untruths(result, at)).toEqual([]);
    expect(exitCode).toBe(3);
  });

  test("is put back by a roll-back", async () => {
    const [first, , ...rest] = [...lost(refusals[2][1])];
    // Putting back is allowed again.
    const refusedOnce: FaultRule = { method: "PUT", path: tagPath, fault: refusals[2][1] };
    const { result, at, exitCode } = await under([first!, refusedOnce, ...rest], { ...one, onTagError: "rollback" });
    expect(result.targets[0]!.tags).toMatchObject([{ state: "rolled-back" }]);
    expect(untruths(result, at)).toEqual([]);
    expect(exitCode).toBe(4);
  });
});

test("a tag that was taken under another digest's name is told as moved where it names the new content", async () => {
  const set = { "docker-content-digest": `sha256:${"1".repeat(64)}` };
  const rule: FaultRule = { method: "PUT", path: tagPath, times: Infinity, fault: { kind: "headers", set } };
  const { result, at, exitCode } = await under([rule]);
  expect(untruths(result, at)).toEqual([]);
  expect(exitCode).toBe(3);
});

describe("a tag whose answer was lost at a registry that shows late what its tags name", () => {
  const lost: FaultRule = { method: "PUT", path: tagPath, fault: { kind: "lose-answer" } };
  const lostForEver: FaultRule = { ...lost, times: Infinity };
  const refused: FaultRule = { method: "PUT", path: tagPath, times: Infinity, fault: answer(403, "DENIED", "no") };

  async function late(lagMs: number, rules: readonly FaultRule[], request: Partial<CreateRequest> = {}) {
    const faults: SimulationOptions["faults"] =
      ({ clock }) =>
      (next) =>
        faulty(faulty(next, [{ method: "PUT", path: tagPath, fault: { kind: "lag", lagMs, clock } }]), rules);
    return publishUnder(faults, { ...one, ...request });
  }

  test.each([
    ["a repetition that is refused", [lost, refused]],
    ["an answer that is lost for ever", [lostForEver]],
  ])("is waited for until it shows, after %s", async (_what, rules) => {
    const { result, at, exitCode } = await late(5000, rules);
    expect(result.targets[0]!.tags).toMatchObject([{ state: "moved", before: at.old }]);
    expect(untruths(result, at)).toEqual([]);
    expect(exitCode).toBe(3);
  });

  test.each([
    ["a repetition that is refused", [lost, refused]],
    ["an answer that is lost for ever", [lostForEver]],
  ])("may have moved where it does not show in time, after %s", async (_what, rules) => {
    const { result, at, exitCode } = await late(3_600_000, rules);
    const why = expect.stringContaining("late");
    expect(result.targets[0]!.tags).toEqual([
      { tag: "1", state: "failed", before: at.old, now: at.old, mayDiffer: true, why },
    ]);
    expect(exitCode).toBe(3);
  });

  test("is put back by a roll-back once it shows", async () => {
    const refusedOnce: FaultRule = { ...refused, times: 1 };
    const { result, at, exitCode } = await late(5000, [lost, refusedOnce], { onTagError: "rollback" });
    expect(result.targets[0]!.tags).toMatchObject([{ state: "rolled-back" }]);
    expect(untruths(result, at)).toEqual([]);
    expect(exitCode).toBe(4);
  });
});

test("a tag whose write a registry failed to do, as it says itself, is looked at once", async () => {
  const fault: FaultRule["fault"] = { kind: "status", status: 500 };
  const { result, at, exitCode } = await under([{ method: "PUT", path: tagPath, times: Infinity, fault }], one);
  const untouched = { before: at.old, now: at.old, isUnwritten: true };
  expect(result.targets[0]!.tags).toEqual([{ tag: "1", state: "failed", ...untouched }]);
  expect(exitCode).toBe(8);
});

describe("several tags in one request whose answer is lost for ever", () => {
  const names = ["1", "latest", "a", "b", "c", "d"];
  const rule: FaultRule = { method: "PUT", path: /\?tag=.*tag=/, times: Infinity, fault: { kind: "lose-answer" } };

  /** All tags name another image before. */
  async function publishAll(onTagError: "finish" | "rollback") {
    const at = await makeCase();
    const store = storeAt(hosts.first, "team/app", at.storages[hosts.first]!);
    await pushImage(store, { layers: [bytesOf("old")], tags: names });
    const simulation = await simulate({ storages: at.storages, faults: () => (next) => faulty(next, [rule]) });
    const tags = names.map((name) => `${hosts.first}/team/app:${name}`);
    const result = await simulation.settle(publishIn(simulation, { tags, onTagError }));
    const now = names.map((name) => at.storages[hosts.first]!.catalogue.tagged("team/app", name) === at.root);
    const states = result.targets[0]!.tags.map(({ state }) => state);
    return { states, now, exitCode: exitCodeOf(outcomeError(result)) };
  }

  test("are all told as moved, as they are", async () => {
    const { states, now } = await publishAll("finish");
    expect(now).toEqual(names.map(() => true));
    expect(states).toEqual(names.map(() => "moved"));
  });

  test("are all put back by a roll-back", async () => {
    const { states, now, exitCode } = await publishAll("rollback");
    expect(now).toEqual(names.map(() => false));
    expect(states).toEqual(names.map(() => "rolled-back"));
    expect(exitCode).toBe(8);
  });
});

test("tags that were refused are told as failed, and those behind them as not attempted", async () => {
  const rule: FaultRule = { method: "PUT", path: tagPath, times: Infinity, fault: answer(403, "DENIED", "no") };
  const { result, at, exitCode } = await under([rule]);
  expect(result.targets.map(({ tags }) => tags.map(({ state }) => state))).toEqual([
    ["failed", "not-attempted"],
    ["failed", "not-attempted"],
  ]);
  expect(untruths(result, at)).toEqual([]);
  expect(exitCode).toBe(4);
});

describe("a run that is interrupted while a tag is written", () => {
  /** `isLeft`: the registry has the whole write, and does nothing of it as long as anybody looks. */
  async function interrupted(
    tags: readonly string[],
    { isLeft = false, within = tagPath, reason = new WaybillError("cancelled", "Cancelled: got SIGINT") } = {},
  ) {
    const at = await makeCase();
    const interrupt = new AbortController();
    const interrupting =
      (next: Send): Send =>
      (request) => {
        const isWrite = request.method === "PUT" && within.test(request.url);
        if (isWrite) interrupt.abort(reason);
        if (isWrite && isLeft) return Promise.reject(reason);
        return next(request);
      };
    const registries = { [hosts.first]: { multiTag: false } };
    const simulation = await simulate({ storages: at.storages, registries, faults: () => interrupting });
    const context = { ...simulation.context, signal: interrupt.signal };
    const names = tags.map((tag) => `${hosts.first}/team/app:${tag}`);
    const result = await simulation.settle(publishIn({ ...simulation, context }, { tags: names }));
    return { ...result.targets[0]!, exitCode: exitCodeOf(outcomeError(result)), before: at.old };
  }

  test.each([
    ["interrupted", new WaybillError("cancelled", "Cancelled: got SIGINT")],
    ["out of time", new WaybillError("timeout", "Cannot finish in time: it was not done after 2 s")],
  ])("may have moved the tag where the run is %s before the registry has done it", async (_what, reason) => {
    const { tags, exitCode, before } = await interrupted(["1"], { isLeft: true, reason });
    const why = "nobody has waited for its answer, and it may be written still";
    expect(tags).toEqual([{ tag: "1", state: "failed", before, now: before, mayDiffer: true, why }]);
    expect(exitCode).toBe(3);
  });

  test("may have moved that tag also where another was acknowledged before", async () => {
    const { tags } = await interrupted(["1", "latest"], { isLeft: true, within: /\/manifests\/latest$/ });
    expect(tags).toMatchObject([{ state: "moved" }, { state: "failed", now: "absent", mayDiffer: true }]);
  });

  test("is complete where that was the last, as the tag is", async () => {
    const { tags, heldBack, error } = await interrupted(["1"]);
    expect([tags.map(({ state }) => state), heldBack, error]).toEqual([["moved"], false, undefined]);
  });

  test.each([
    ["interrupted", new WaybillError("cancelled", "Cancelled: got SIGINT")],
    ["out of time", new WaybillError("timeout", "Cannot finish in time: it was not done after 2 s")],
    ["given up by its caller", new Error("enough")],
  ])("has not attempted a tag of which nothing has left when it is %s", async (_what, reason) => {
    const at = await makeCase();
    const interrupt = new AbortController();
    const begin = async (publication: Publication) => ({
      ...unrecorded({ publication, earlier: nothingEarlier }),
      tagging: async () => interrupt.abort(reason),
    });
    const recorder: Recorder = { begin, goOn: begin, reopen: () => Promise.reject(new Error("nobody takes it back")) };
    const simulation = await simulate({ storages: at.storages, registries });
    const context = { ...simulation.context, recorder, signal: interrupt.signal };
    const result = await simulation.settle(publishIn({ ...simulation, context }, one));

    expect(result.targets[0]!.tags).toEqual([{ tag: "1", state: "not-attempted", before: at.old }]);
    expect(untruths(result, at)).toEqual([]);
    expect(outcomeError(result)).toMatchObject({ code: reason instanceof WaybillError ? reason.code : "cancelled" });
  });

  test("has not attempted those behind it", async () => {
    const { tags, error } = await interrupted(["1", "latest"]);
    expect(tags.map(({ state }) => state)).toEqual(["moved", "not-attempted"]);
    expect(error).toMatchObject({ code: "cancelled" });
  });
});

test("tags that go in one request may all have moved where its answer was lost", async () => {
  let isGone = false;
  const lost: FaultRule = {
    when: ({ url }) => (isGone ||= url.includes("?tag=2&tag=3")),
    fault: { kind: "lose-answer" },
  };
  const gone: FaultRule = { when: () => isGone, times: Infinity, fault: { kind: "refuse" } };
  const tags = ["1", "2", "3"].map((tag) => `${hosts.first}/team/app:${tag}`);
  const { result } = await under([lost, gone], { tags });
  const lostOnes = [1, 2].map(() => ({ state: "failed", mayDiffer: true }));
  expect(result.targets[0]!.tags).toMatchObject([{ state: "moved" }, ...lostOnes]);
});

test("a first request with a tag beside the digest is not forgotten where its answer was lost", async () => {
  const refused: FaultRule = {
    method: "PUT",
    path: /tag=|manifests\/1$/,
    times: Infinity,
    fault: answer(403, "DENIED", "no"),
  };
  let isFirst = true;
  const losing =
    (next: Send): Send =>
    (request) => {
      if (!isFirst || !request.url.includes("?tag=1")) return next(request);
      isFirst = false;
      return Promise.reject(new WaybillError("connection_failed", "the connection was reset", { sent: "all" }));
    };
  const tags = ["1", "2", "3"].map((tag) => `${hosts.first}/team/app:${tag}`);
  const { result, exitCode } = await publishUnder(() => (next) => losing(faulty(next, [refused])), { tags });
  expect(result.targets[0]!.tags[0]).toMatchObject({ state: "failed", mayDiffer: true });
  expect(exitCode).toBe(3);
});

test.each([502, 504])(
  "a tag may have moved where a gateway had no answer (%i), whatever is said to the repetition",
  async (status) => {
    const isFirst: FaultRule = { method: "PUT", path: tagPath, fault: { kind: "status", status } };
    const refused: FaultRule = { method: "PUT", path: tagPath, times: Infinity, fault: answer(403, "DENIED", "no") };
    const { result, at, exitCode } = await under([isFirst, refused], one);
    expect(result.targets[0]!.tags).toMatchObject([{ state: "failed", before: at.old, now: at.old, mayDiffer: true }]);
    expect(exitCode).toBe(3);
  },
);

test("a tag that was not found by mistake is not deleted for being new", async () => {
  const stray: FaultRule = { method: ["HEAD", "GET"], path: /\/manifests\/1$/, fault: { kind: "status", status: 404 } };
  const refused: FaultRule = {
    method: "PUT",
    path: /\/manifests\/latest$/,
    times: Infinity,
    fault: answer(403, "DENIED", "no"),
  };
  const { result, at, exitCode } = await under([stray, refused], {
    tags: ["1", "latest"].map((tag) => `${hosts.first}/team/app:${tag}`),
    onTagError: "rollback",
    deleteCreatedTags: true,
  });
  expect(at.storages[hosts.first]!.catalogue.tagged("team/app", "1")).toBe(at.old);
  expect(untruths(result, at)).toEqual([]);
  expect(exitCode).toBe(7);
});

test("a tag is put back once more where an attempt that nobody heard of is carried out after that", async () => {
  let isFirst = true;
  const faults: SimulationOptions["faults"] =
    ({ clock }) =>
    (next) =>
    (request) => {
      if (!isFirst || request.method !== "PUT" || !request.url.endsWith("/manifests/1")) return next(request);
      isFirst = false;
      clock.after(6000, () => void next(request));
      return Promise.reject(new WaybillError("connection_failed", "the connection was reset", { sent: "all" }));
    };
  const refused: FaultRule = { method: "PUT", path: /\/manifests\/latest$/, fault: answer(403, "DENIED", "no") };
  const both: SimulationOptions["faults"] = (simulation) => (next) => faults(simulation)(faulty(next, [refused]));
  const tags = ["1", "latest"].map((tag) => `${hosts.first}/team/app:${tag}`);

  const { result, at, exitCode, simulation } = await publishUnder(both, { tags, onTagError: "rollback" });
  await simulation.settle(sleep(simulation.clock, 20_000));

  expect(result.targets[0]!.tags[0]).toMatchObject({ tag: "1", state: "rolled-back" });
  expect(untruths(result, at)).toEqual([]);
  expect(exitCode).toBe(4);
});

test("a tag may be as before where the answer to putting it back was lost for good", async () => {
  const refused: FaultRule = { method: "PUT", path: /\/manifests\/latest$/, fault: answer(403, "DENIED", "no") };
  let writes = 0;
  const isGone = ({ method, url }: { method: string; url: string }) => {
    if (method === "PUT" && url.endsWith("/manifests/1")) writes++;
    return writes > 1;
  };
  const lost: FaultRule = { when: isGone, fault: { kind: "lose-answer" } };
  const gone: FaultRule = { when: () => writes > 1, times: Infinity, fault: { kind: "refuse" } };
  const tags = ["1", "latest"].map((tag) => `${hosts.first}/team/app:${tag}`);
  const { result, exitCode } = await under([refused, lost, gone], { tags, onTagError: "rollback" });
  expect(result.targets[0]!.tags[0]).toMatchObject({
    state: "failed",
    mayDiffer: true,
    why: expect.stringContaining("putting it back"),
  });
  expect(exitCode).toBe(3);
});

describe("a registry that is gone for good from a tag's write on", () => {
  const gone = (fault: FaultRule["fault"]): FaultRule[] => {
    let isGone = false;
    const isPut = ({ method, url }: { method: string; url: string }) => method === "PUT" && tagPath.test(url);
    const dies: FaultRule = { when: (request) => (isGone ||= isPut(request)) && isPut(request), fault };
    return [dies, { times: Infinity, when: () => isGone, fault: { kind: "refuse" } }];
  };

  test("may have moved the tag where it had heard of it: that is told, and the exit code promises nothing", async () => {
    const { result, error, exitCode } = await under(gone({ kind: "lose-answer" }), one);
    expect(result.targets[0]!.tags).toMatchObject([
      { state: "failed", mayDiffer: true, why: expect.stringContaining("nobody can tell") },
    ]);
    expect(exitCode).toBe(3);
    expect(error).toMatchObject({ message: expect.stringContaining("after a tag may have moved") });
  });

  test("has moved nothing where it never heard of it", async () => {
    const { result, at, exitCode } = await under(gone({ kind: "refuse" }), one);
    const untouched = { before: at.old, now: at.old, isUnwritten: true };
    expect(result.targets[0]!.tags).toEqual([{ tag: "1", state: "failed", ...untouched }]);
    expect(untruths(result, at)).toEqual([]);
    expect(exitCode).toBe(8);
  });
});

test("a tag that a registry has made to name something else is told so", async () => {
  const at = await makeCase();
  const store = storeAt(hosts.first, "team/app", at.storages[hosts.first]!);
  const other = await pushImage(store, { layers: [bytesOf("rewritten")] });
  const set = { "docker-content-digest": other.descriptor.digest };
  const stray: FaultRule = { method: "PUT", path: tagPath, times: Infinity, fault: { kind: "headers", set } };
  const rewriting =
    (next: Send): Send =>
    async (request) => {
      const response = await next(request);
      if (request.method === "PUT" && tagPath.test(request.url))
        await pushImage(store, { layers: [bytesOf("rewritten")], tags: ["1"] });
      return response;
    };
  const faults = () => (next: Send) => faulty(rewriting(next), [stray]);
  const simulation = await simulate({ storages: at.storages, faults });
  const result = await simulation.settle(publishIn(simulation, one));
  const seen = { state: "failed", now: other.descriptor.digest, mayDiffer: true };
  expect(result.targets[0]!.tags).toMatchObject([seen]);
  expect(exitCodeOf(outcomeError(result))).toBe(3);
});
