import { describe, expect, test } from "vitest";
import { exitCodeOf } from "../src/cli/exit-code.ts";
import { hasCode, isRetryable, WaybillError } from "../src/errors.ts";
import type { HttpRequest } from "../src/http/send.ts";
import { faulty, type FaultRule } from "../src/server/faults.ts";
import type { RegistryOptions } from "../src/server/registry.ts";
import { bytesOf, pushImage } from "./support/images.ts";
import { hosts as caseHosts, lacking, makeCase, publishIn, untouched } from "./support/publish-case.ts";
import { simulate } from "./support/simulation.ts";
import { all, answer, hosts, publish, source, statesIn, tags, worldWith } from "./support/three-registries.ts";
import { makeWorld, type World } from "./support/world.ts";

function adviceOf(error: unknown): string {
  return error instanceof WaybillError ? (error.context.advice ?? "") : "";
}

/** Requests that change something in a registry: those that carry bytes, and all but the probe's pair. */
function writesIn({ requests }: World): readonly string[] {
  return requests.filter((line) => /^(?:PUT|PATCH) /.test(line) || (line.startsWith("POST ") && line.includes("?")));
}

describe("preflight of several targets", () => {
  test("writes nothing anywhere when one account may not push, and says so with exit 4", async () => {
    const denied = answer(403, "DENIED", "permission_denied: write_package");
    const world = await worldWith([all("b.example", { method: "POST", path: "/blobs/uploads/", fault: denied })]);

    const { result, error, exitCode } = await publish(world);

    expect(exitCode).toBe(4);
    expect(error).toMatchObject({
      message: expect.stringContaining('Cannot push to "b.example/team/app": 403 DENIED'),
    });
    expect(writesIn(world)).toEqual([]);
    expect(statesIn(result)).toEqual(["not-attempted", "not-attempted", "not-attempted"]);
    expect(result.targets.map(({ heldBack }) => heldBack)).toEqual([true, false, true]);
  });

  test("asks each target once whether it may push, and leaves no upload behind", async () => {
    const world = await worldWith([]);

    const { result } = await publish(world);

    expect(statesIn(result)).toEqual(["created", "created", "created"]);
    expect(result.targets.map(({ preflight }) => preflight)).toEqual(
      hosts.map(() => ({ push: "allowed", immutable: { 1: "unknown" } })),
    );
    const first = world.requests.findIndex((line) => line.startsWith("POST ") && line.includes("mount="));
    const before = world.requests.slice(0, first);
    for (const host of hosts) {
      const mine = before.filter((line) => line.includes(` ${host}/v2/team/app/blobs/uploads/`));
      expect(mine.map((line) => line.split(" ")[0])).toEqual(["POST", "DELETE"]);
    }
  });

  test("asks nobody whose token says by itself that it may push", async () => {
    const storages = (await makeCase()).storages;
    const simulation = await simulate({ storages });

    const { targets } = await simulation.settle(publishIn(simulation));

    expect(targets.map(({ preflight }) => preflight?.push)).toEqual(["allowed", "allowed"]);
    const opened = simulation.trace.filter((line) => line.includes("POST") && line.includes("/blobs/uploads/"));
    expect(opened.length).toBeGreaterThan(0);
    // Each asks for a blob or carries one.
    expect(opened.filter((line) => !/[?&](?:mount|digest)=/.test(line))).toEqual([]);
  });

  describe.each([
    ["is busy", { kind: "status", status: 503 }],
    ["breaks the connection", { kind: "refuse" }],
    ["loses its answer", { kind: "lose-answer" }],
  ] as const)("of which one %s when it is asked", (_how, fault) => {
    const everybody: RegistryOptions = { auth: { check: async () => ({ allowed: true, principal: "" }) } };
    const isProbe = ({ method, url }: HttpRequest) =>
      (method === "POST" && url.endsWith("/blobs/uploads/")) ||
      (method === "DELETE" && url.includes("/blobs/uploads/"));
    const publishBeside = async (times: number) => {
      const at = await makeCase();
      const registries = Object.fromEntries(Object.keys(at.storages).map((host) => [host, everybody]));
      const wrong: FaultRule = {
        when: (request) => request.url.includes(caseHosts.second) && isProbe(request),
        times,
        fault,
      };
      const simulation = await simulate({
        storages: at.storages,
        registries,
        faults: () => (next) => faulty(next, [wrong]),
      });
      const result = await simulation.settle(publishIn(simulation));
      return { at, result, leftovers: await simulation.leftovers() };
    };

    test("publishes all the same when that passes, and leaves nothing open", async () => {
      const { at, result, leftovers } = await publishBeside(3);

      expect(result.targets.map(({ error }) => error)).toEqual([undefined, undefined]);
      expect([...(await lacking(at, 0)), ...(await lacking(at, 1)), ...leftovers]).toEqual([]);
    });

    test("writes nothing anywhere when it does not", async () => {
      const { at, result, leftovers } = await publishBeside(Infinity);

      expect(result.targets.map(({ error }) => isRetryable(error))).toEqual([false, true]);
      expect(result.targets[0]?.heldBack).toBe(true);
      expect([untouched(at, 0), untouched(at, 1), ...leftovers]).toEqual([true, true]);
    });
  });

  test("asks no target that is up to date, nor the only one that is not", async () => {
    const world = await worldWith([]);
    await publish(world, { tags: tags.slice(0, 2) });

    const { result } = await publish(world);

    expect(statesIn(result)).toEqual(["unchanged", "unchanged", "created"]);
    expect(world.requests.filter((line) => /^POST [^?]*$/.test(line))).toEqual([]);
    expect(world.requests.filter((line) => /^(?!HEAD|GET).* [ab]\.example/.test(line))).toEqual([]);
  });

  test("needs no permission where nothing has to be written", async () => {
    const denied = answer(403, "DENIED", "read only");
    const rule = { method: "POST", path: "/blobs/uploads/", skip: 0, fault: denied } as const;
    let isClosed = false;
    const world = await worldWith([
      { ...all("b.example", rule), when: ({ url }) => isClosed && url.includes("b.example") },
    ]);
    await publish(world, { tags: tags.slice(1, 2) });
    isClosed = true;

    const { result, exitCode } = await publish(world);

    expect(exitCode).toBe(0);
    expect(statesIn(result)).toEqual(["created", "unchanged", "created"]);
  });

  test("lets the others go on with keep-going, and asks nobody beforehand", async () => {
    const denied = answer(403, "DENIED", "permission_denied: write_package");
    const world = await worldWith([all("b.example", { method: "POST", path: "/blobs/uploads/", fault: denied })]);

    const { result, exitCode } = await publish(world, { onError: "keep-going" });

    expect(exitCode).toBe(3);
    expect(statesIn(result)).toEqual(["created", "not-attempted", "created"]);
    expect(world.requests.filter((line) => /^POST [ac]\.example[^?]*$/.test(line))).toEqual([]);
  });

  test("writes nothing anywhere when a registry is away, and says so with exit 8", async () => {
    const world = await worldWith([all("c.example", { fault: { kind: "refuse" } })]);

    const { result, exitCode } = await publish(world);

    expect(exitCode).toBe(8);
    expect(world.requests.filter((line) => !line.startsWith("GET ") && !line.startsWith("HEAD "))).toEqual([]);
    expect(statesIn(result)).toEqual(["not-attempted", "not-attempted", "not-attempted"]);
  });
});

test("asks Docker Hub for what tags name by HEAD, which is not counted as a pull, and says what is left", async () => {
  const set = { "ratelimit-remaining": "76;w=21600", "ratelimit-limit": "100;w=21600" };
  const world = await worldWith([all("docker.io", { method: "HEAD", fault: { kind: "headers", set } })]);
  const hub = { tags: ["docker.io/acme/app:1", "docker.io/acme/app:latest"] };
  await publish(world, hub);

  const { result } = await publish(world, { ...hub, verify: "manifests" });

  expect(statesIn(result)).toEqual(["unchanged,unchanged"]);
  const asked = world.requests.filter((line) => line.includes(" docker.io/") && line.includes("/manifests/"));
  expect(asked.map((line) => line.split(" ")[0])).toEqual(["HEAD", "HEAD"]);
  expect(result.targets[0]?.preflight?.pullQuota).toEqual({ remaining: 76, limit: 100, windowSeconds: 21600 });
  expect(world.events.filter(({ type }) => type === "pull-quota")).toHaveLength(1);
});

describe("a fault that preflight finds before a byte is written", () => {
  const ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
  const missing = answer(404, "NAME_UNKNOWN", "The repository with name 'team/app' does not exist in the registry");

  test.each([["abort"], ["keep-going"]] as const)(
    "F85: a repository that is not made on push, with %s",
    async (onError) => {
      const world = await worldWith([all(ecr, { method: "POST", fault: missing })]);

      const { result, error, exitCode } = await publish(world, { tags: [...tags, `${ecr}/team/app:1`], onError });

      const command = "aws ecr create-repository --repository-name team/app --region eu-west-1";
      const failed = result.targets[3]?.error;
      expect(hasCode(failed, "not_found") && adviceOf(failed)).toBe(`Create the repository first: ${command}`);
      if (onError === "keep-going") {
        expect(exitCode).toBe(3);
        expect(statesIn(result)).toEqual(["created", "created", "created", "not-attempted"]);
      } else {
        expect([exitCode, error]).toEqual([6, failed]);
        expect(writesIn(world)).toEqual([]);
      }
    },
  );

  test("F85: the same for a single target, whose first write asks", async () => {
    const world = await worldWith([all(ecr, { method: "POST", fault: missing })]);

    const { error, exitCode } = await publish(world, { tags: [`${ecr}/team/app:1`] });

    expect(exitCode).toBe(6);
    expect(adviceOf(error)).toContain("aws ecr create-repository");
    expect(world.requests.filter((line) => /^(?:PUT|PATCH)/.test(line))).toEqual([]);
  });

  test("F84: a quota that is used up", async () => {
    const quota = answer(403, "DENIED", "adding 1 MiB of storage resource would exceed the project quota");
    const world = await worldWith([all("a.example", { method: "POST", fault: quota })]);

    const { exitCode } = await publish(world);

    expect(exitCode).toBe(5);
    expect(writesIn(world)).toEqual([]);
  });

  test("F75: a layer that is larger than the registry takes", async () => {
    const world = await worldWith([]);
    const store = await world.store(source);
    const manifest = await pushImage(store, {
      layers: [bytesOf("layer")],
      tags: ["large"],
      // A size that nobody would send in a test: the descriptor is all that preflight looks at.
      claimedLayerSize: 10_737_418_241,
    });

    const { result, exitCode } = await publish(world, {
      sources: ["source.example/app:large"],
      tags: [tags[0]!, "ghcr.io/team/app:1"],
    });

    expect(exitCode).toBe(1);
    const layer = manifest.document.kind === "image" ? manifest.document.layers[0]!.digest : "";
    expect(result.targets[1]?.error).toMatchObject({
      code: "too_large",
      message: `Cannot push blob ${layer} to "ghcr.io/team/app": its 10737418241 bytes are more than the 10737418240 that this registry takes`,
    });
    expect(writesIn(world)).toEqual([]);
  });

  test("F81: an index that is larger than a manifest may be", async () => {
    const world = await worldWith([]);

    const error: unknown = await publish(world, { annotations: [`note=${"x".repeat(4 * 1024 * 1024)}`] }).catch(
      (failure: unknown) => failure,
    );

    expect(exitCodeOf(error)).toBe(1);
    expect(error).toMatchObject({ code: "too_large", message: expect.stringContaining("are more than the 4194304") });
    expect(writesIn(world)).toEqual([]);
  });
});

describe("a tag that cannot be moved", () => {
  const immutable = { "b.example": { immutableTags: true } };

  test("F79: counts as unchanged where it names the same image, and gets no PUT", async () => {
    const world = await worldWith([], immutable);
    await publish(world, { tags: [tags[1]!] });

    const { result, exitCode } = await publish(world);

    expect(exitCode).toBe(0);
    expect(statesIn(result)).toEqual(["created", "unchanged", "created"]);
    expect(world.requests.filter((line) => line.startsWith("PUT b.example"))).toEqual([]);
  });

  test.each([
    ["alone", { tags: [tags[1]!] }, 7, ["failed"]],
    ["--no-clobber", { noClobber: true }, 7, ["not-attempted", "not-attempted", "not-attempted"]],
    ["rollback", { onTagError: "rollback" }, 7, ["rolled-back", "failed", "rolled-back"]],
    ["finish", {}, 3, ["moved", "failed", "moved"]],
    ["keep-going", { onError: "keep-going" }, 3, ["moved", "failed", "moved"]],
  ] as const)("F79: fails where it names another image: %s", async (_name, request, wanted, states) => {
    const world = await worldWith([], immutable);
    for (const tag of tags) await pushImage(await world.store(tag), { layers: [bytesOf("old")], tags: ["1"] });
    const before = await Promise.all(tags.map((tag) => world.digestAt(tag)));

    const { result, exitCode } = await publish(world, request);

    expect(exitCode).toBe(wanted);
    expect(statesIn(result)).toEqual(states);
    if (wanted === 7) expect(await Promise.all(tags.map((tag) => world.digestAt(tag)))).toEqual(before);
  });
});

describe("a tag that somebody else moves in between (F92)", () => {
  /** Gives b.example's tag to another image as soon as its blobs are sent. */
  async function contested() {
    let seize: (() => Promise<void>) | undefined;
    const world = makeWorld({
      interceptors: [
        (next) => async (request) => {
          const isUpload = request.method === "PUT" && request.url.includes("b.example/v2/team/app/blobs/");
          const act = isUpload ? seize : undefined;
          if (act) seize = undefined;
          await act?.();
          return next(request);
        },
      ],
    });
    const store = await world.store(source);
    await pushImage(store, { tags: ["1"] });
    const theirs = await world.store(tags[1]!);
    seize = async () => void (await pushImage(theirs, { layers: [bytesOf("theirs")], tags: ["1"] }));
    return world;
  }

  test("moves no tag anywhere, with exit 7", async () => {
    const world = await contested();

    const { result, exitCode } = await publish(world);

    expect(exitCode).toBe(7);
    expect(statesIn(result)).toEqual(["not-attempted", "not-attempted", "not-attempted"]);
    expect(await world.digestAt(tags[0]!)).toBeUndefined();
    expect(await world.digestAt(tags[1]!)).not.toBe(result.root.descriptor.digest);
  });

  test("lets the others have theirs with keep-going", async () => {
    const world = await contested();

    const { result, exitCode } = await publish(world, {
      onError: "keep-going",
      expectDigests: [`${tags[1]}=absent`],
    });

    expect(exitCode).toBe(3);
    expect(statesIn(result)).toEqual(["created", "failed", "created"]);
    expect(await world.digestAt(tags[1]!)).not.toBe(result.root.descriptor.digest);
  });
});
