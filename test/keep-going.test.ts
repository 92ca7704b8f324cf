import { expect, test } from "vitest";
import { sleep } from "../src/async/clock.ts";
import { WaybillError } from "../src/errors.ts";
import type { Interceptor } from "../src/http/send.ts";
import { formatLocation } from "../src/spec/reference.ts";
import { nothingEarlier, unrecorded, type Recorder } from "../src/transfer/recording.ts";
import type { CreateRequest } from "../src/verbs/create.ts";
import { lacking, makeCase, publishIn, registries, targets, untruths } from "./support/publish-case.ts";
import { simulate, type Simulation } from "./support/simulation.ts";

const keepGoing: Partial<CreateRequest> = { onError: "keep-going" };
const [healthy, other] = targets;

/** The second target's registry answers nothing before `delayMs` are over. */
function silentFor(delayMs: number) {
  return ({ clock }: Pick<Simulation, "clock">): Interceptor => {
    const until = clock.now() + delayMs;
    return (next) => async (request) => {
      const isSilent = new URL(request.url).host === other.host && clock.now() < until;
      if (isSilent) await sleep(clock, until - clock.now(), request.signal);
      return next(request);
    };
  };
}

/** When, since the beginning, each registry was first asked to take a tag. */
function taggedAt({ trace }: Simulation, startedAt: number): readonly (number | undefined)[] {
  return targets.map(({ host, repository }) => {
    const line = trace.find((text) => text.includes(` PUT ${host}/v2/${repository}/manifests/1`));
    return line === undefined ? undefined : Number(line.split(" ")[0]) - startedAt;
  });
}

async function publishBeside(delayMs: number, request: Partial<CreateRequest> = keepGoing) {
  const at = await makeCase();
  const simulation = await simulate({ storages: at.storages, registries, faults: silentFor(delayMs) });
  const startedAt = simulation.clock.now();
  const result = await simulation.settle(publishIn(simulation, request));
  return { at, simulation, result, times: taggedAt(simulation, startedAt) };
}

test("keep-going publishes to a target that answers late, and to the others long before", async () => {
  const { at, result, times } = await publishBeside(60_000);

  expect(times[0]).toBeLessThan(5000);
  expect(times[1]).toBeGreaterThanOrEqual(60_000);
  expect(result.targets.map((target) => [target.at, target.error])).toEqual(
    targets.map((target) => [{ kind: "registry", ...target }, undefined]),
  );
  expect([...(await lacking(at, 0)), ...(await lacking(at, 1)), ...untruths(result, at)]).toEqual([]);
});

test("keep-going in series does not wait for a late target either: its turn comes last", async () => {
  const { at, times } = await publishBeside(60_000, { ...keepGoing, strategy: "serial" });

  expect(times[0]).toBeLessThan(5000);
  expect(times[1]).toBeGreaterThanOrEqual(60_000);
  expect([...(await lacking(at, 0)), ...(await lacking(at, 1))]).toEqual([]);
});

test("keep-going in series begins no late target before those that have answered are done", async () => {
  const { simulation } = await publishBeside(2500, { ...keepGoing, strategy: "serial" });

  const lines = (host: string) => simulation.trace.flatMap((line, at) => (line.includes(` PUT ${host}/`) ? [at] : []));
  expect(Math.min(...lines(other.host))).toBeGreaterThan(Math.max(...lines(healthy.host)));
});

test("keep-going says that it goes on without a target, once", async () => {
  const { simulation } = await publishBeside(60_000);

  const told = simulation.events.filter((event) => event.type === "warning" && event.message.includes("not answered"));
  expect(told).toMatchObject([
    { message: `${other.host}/${other.repository} has not answered yet: the others go on without it` },
  ]);
});

test("keep-going waits two seconds for the others, so that they share one reading of the source", async () => {
  const { simulation, times } = await publishBeside(1500);

  expect(times[0]).toBeGreaterThanOrEqual(1500);
  const reads = simulation.trace.filter((line) => line.includes("/blobs/sha256:") && line.includes(" GET "));
  expect(new Set(reads.map((line) => line.split(" ")[2])).size).toBe(reads.length);
});

test("abort waits for every target, however late", async () => {
  const { times } = await publishBeside(60_000, { onError: "abort" });

  for (const time of times) expect(time).toBeGreaterThanOrEqual(60_000);
});

test("keep-going reports a target that never answers, and what the others have", async () => {
  const at = await makeCase();
  const isDead: Interceptor = (next) => async (request) => {
    if (new URL(request.url).host !== other.host) return next(request);
    throw new WaybillError("connection_failed", `Cannot reach "${other.host}"`, { sent: "nothing" });
  };
  const simulation = await simulate({ storages: at.storages, registries, faults: () => isDead });

  const result = await simulation.settle(publishIn(simulation, keepGoing));

  expect(result.targets.map(({ error }) => error === undefined)).toEqual([true, false]);
  expect(result.targets[1]?.tags.map(({ state }) => state)).toEqual(["not-attempted", "not-attempted"]);
  expect(await lacking(at, 0)).toEqual([]);
});

test("keep-going writes down what a late target's tags named before it moves them", async () => {
  const at = await makeCase();
  const simulation = await simulate({ storages: at.storages, registries, faults: silentFor(60_000) });
  const heard: string[] = [];
  const recorder: Recorder = {
    goOn: async () => undefined,
    reopen: () => expect.fail("nothing is taken back"),
    begin: async (publication) => {
      heard.push(...publication.targets.map(({ target, before }) => `${target} ${JSON.stringify(before)}`));
      return {
        ...unrecorded({ publication, earlier: nothingEarlier }),
        looked: (place, before) => void heard.push(`looked ${formatLocation(place)} ${JSON.stringify(before)}`),
        tagging: async (place) => void heard.push(`tagging ${formatLocation(place)}`),
      };
    },
  };
  const context = { ...simulation.context, recorder };

  await simulation.settle(publishIn({ ...simulation, context }, keepGoing));

  const [first, second] = targets.map(({ host, repository }) => `${host}/${repository}`);
  expect(heard).toEqual([
    `${first} {"1":"${at.old}","latest":"absent"}`,
    `${second} {}`,
    `tagging ${first}`,
    `looked ${second} {"1":"absent","latest":"absent"}`,
    `tagging ${second}`,
  ]);
});

test("a source that is missing is told without waiting for targets", async () => {
  const at = await makeCase();
  const simulation = await simulate({ storages: at.storages, registries, faults: silentFor(600_000) });
  const startedAt = simulation.clock.now();

  const publishing = publishIn(simulation, { sources: [`${healthy.host}/nobody:1`] });
  await expect(simulation.settle(publishing)).rejects.toMatchObject({ code: "not_found" });

  expect(simulation.clock.now() - startedAt).toBeLessThan(5000);
});
