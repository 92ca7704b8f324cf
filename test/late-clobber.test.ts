import { describe, expect, test } from "vitest";
import type { Clock } from "../src/async/clock.ts";
import type { Send } from "../src/http/send.ts";
import { faulty, type FaultRule } from "../src/server/faults.ts";
import type { CreateRequest } from "../src/verbs/create.ts";
import { exitCodeOf } from "../src/cli/exit-code.ts";
import { outcomeError } from "../src/cli/outcome.ts";
import { makeCase, publishIn, publishUnder, registries, targets } from "./support/publish-case.ts";
import { simulate } from "./support/simulation.ts";
import { answer } from "./support/three-registries.ts";

const [{ host, repository }] = targets;
const nameOf = (tag: string) => `${host}/${repository}:${tag}`;
const writes = (tag: string) => ({ method: "PUT", path: new RegExp(`/manifests/${tag}$`) }) as const;

/** Publishes where the write of a tag takes long, and somebody else makes `theirs` name another image meanwhile. */
async function publishSlowly(theirs: string, rules: (clock: Clock) => FaultRule[], request: Partial<CreateRequest>) {
  const at = await makeCase();
  const { catalogue } = at.storages[host]!;
  const faults = ({ clock }: { readonly clock: Clock }) => {
    const others: FaultRule = {
      ...rules(clock)[0]!,
      when() {
        catalogue.apply({ kind: "tag", repository, tag: theirs, digest: at.old });
        return false;
      },
    };
    return (next: Send) => faulty(next, [others, ...rules(clock)]);
  };
  const simulation = await simulate({ storages: at.storages, registries, faults });
  const result = await simulation.settle(publishIn(simulation, request));
  const error = outcomeError(result);
  const named = (tag: string) => catalogue.tagged(repository, tag);
  const exitCode = error === undefined ? 0 : exitCodeOf(error);
  return { at, tags: result.targets[0]!.tags, exitCode, named, requests: simulation.trace };
}

describe("a tag that somebody else makes while its write", () => {
  const busy = { ...answer(429, "TOOMANYREQUESTS", "slow down"), headers: { "retry-after": "15" } };
  const slow = (clock: Clock): FaultRule => ({ ...writes("1"), fault: { kind: "delay", delayMs: 11_000, clock } });

  test.each([
    ["alone", {}],
    ["with --no-clobber", { noClobber: true }],
  ])("waits to be repeated is not overwritten, %s", async (_what, request) => {
    const rules = () => [{ ...writes("latest"), fault: busy }];
    const { tags, exitCode, named, at } = await publishSlowly("latest", rules, {
      ...request,
      tags: [nameOf("latest")],
    });

    expect(named("latest")).toBe(at.old);
    expect(tags).toMatchObject([{ state: "failed", before: "absent", now: at.old, isUnwritten: true }]);
    expect(exitCode).toBe(7);
  });

  test("waits to be repeated is not overwritten where it cannot be looked at for a while", async () => {
    const unseen: FaultRule = { method: "HEAD", path: /\/latest$/, skip: 2, times: 3, fault: { kind: "refuse" } };
    const rules = () => [{ ...writes("latest"), fault: busy }, unseen];
    const { named, at, requests } = await publishSlowly("latest", rules, { tags: [nameOf("latest")] });

    expect(named("latest")).toBe(at.old);
    expect(requests.filter((line) => / PUT .*\/latest$/.test(line))).toHaveLength(1);
  });

  test("comes after that of another tag is not overwritten", async () => {
    const request = { noClobber: true, tags: [nameOf("new"), nameOf("latest")] };
    const rules = (clock: Clock) => [{ ...slow(clock), ...writes("new") }];
    const { tags, exitCode, named, at } = await publishSlowly("latest", rules, request);

    expect([named("new"), named("latest")]).toEqual([at.root, at.old]);
    expect(tags).toMatchObject([{ state: "created" }, { state: "failed", now: at.old }]);
    expect(exitCode).toBe(3);
  });

  test("comes last, because it is new, is not overwritten", async () => {
    const request = { onTagError: "rollback", tags: [nameOf("1"), nameOf("latest")] } as const;
    const { exitCode, named, at } = await publishSlowly("latest", (clock) => [slow(clock)], request);

    expect([named("1"), named("latest")]).toEqual([at.old, at.old]);
    expect(exitCode).toBe(7);
  });
});

test("a registry that goes away in a tag's write is asked no more often than any other", async () => {
  let isGone = false;
  const goes = (request: { readonly method: string; readonly url: string }) =>
    (isGone ||= request.method === "PUT" && request.url.endsWith("/manifests/latest"));
  const gone: FaultRule = { when: goes, times: Infinity, fault: { kind: "lose-answer" } };

  const { result, simulation } = await publishUnder(() => (next) => faulty(next, [gone]), { tags: [nameOf("latest")] });

  expect(result.targets[0]!.tags).toMatchObject([{ state: "failed", mayDiffer: true }]);
  const retries = simulation.events.flatMap((event) => (event.type === "retry" ? [event.method] : []));
  expect(retries.slice(0, 11)).toEqual(Array.from({ length: 11 }, () => "PUT"));
  expect(retries.slice(11)).not.toContain("PUT");
});
