import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { intercept, type Interceptor } from "../../src/http/send.ts";
import { faulty, type FaultRule } from "../../src/server/faults.ts";
import type { PublishReport } from "../../src/transfer/report.ts";
import { runInProcess } from "../support/in-process.ts";
import { pushSmallImage, startRegistry, type RunningRegistry } from "../support/running-registry.ts";

/** One registry to read from and two to publish to, and what stands before each of those two now. */
type Name = "b" | "c";
let folder = "";
let source = "";
let registries: Readonly<Record<Name, RunningRegistry>>;
let running: RunningRegistry[] = [];
let hurdles: Partial<Record<Name, Interceptor>> = {};
let path = "";

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "waybill-accounts-"));
  path = join(folder, "report.json");
  hurdles = {};
  const behind = (name: Name) => (next: Parameters<Interceptor>[0]) => (request: Parameters<typeof next>[0]) => {
    const standing = hurdles[name];
    return (standing ? intercept(next, standing) : next)(request);
  };
  const start = (name: Name) => startRegistry({ wrap: behind(name), multiTag: false });
  const [a, b, c] = await Promise.all([startRegistry(), start("b"), start("c")]);
  running = [a, b, c];
  registries = { b, c };
  source = `${a.host}/app`;
  for (const architecture of ["amd64", "arm64"]) {
    await pushSmallImage(`${source}:${architecture}`, architecture);
    await put(architecture, `${source}:published-${architecture}`);
  }
});
afterEach(async () => {
  for (const registry of running) await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** What is typed at a machine that remembers its own runs. */
const on =
  (machine: string) =>
  (...args: readonly string[]) =>
    runInProcess(args, { env: { XDG_STATE_HOME: join(folder, machine) } });
const at = (name: Name, tag = "1") => `${registries[name].host}/out:${tag}`;
const tagged = (...tags: readonly string[]) => tags.flatMap((tag) => ["-t", tag]);
const both = () => tagged(at("b"), at("c"));
const report = () => JSON.parse(readFileSync(path, "utf8")) as PublishReport;
const states = () => report().targets.flatMap(({ tags }) => tags.map(({ tag, state }) => `${tag} ${state}`));

/** Puts `architecture` under tags of both registries, or of one; nobody remembers that. */
async function put(architecture: string, ...tags: readonly string[]): Promise<void> {
  const published = await on("nobody")("create", "--no-journal", ...tagged(...tags), `${source}:${architecture}`);
  expect(published.code).toBe(0);
}

/** What was put under tags. */
async function named(...tags: readonly string[]): Promise<readonly string[]> {
  const digestOf = async (reference: string) =>
    (await on("nobody")("inspect", "--format", "{{.Manifest.Digest}}", reference)).stdout;
  const known = await Promise.all(
    ["amd64", "arm64"].map(async (name) => [await digestOf(`${source}:published-${name}`), name] as const),
  );
  return Promise.all(tags.map(async (tag) => new Map(known).get(await digestOf(tag)) ?? "nothing"));
}

function refuse(name: Name, rule: Omit<FaultRule, "fault">, status = 403): void {
  hurdles[name] = (next) => faulty(next, [{ ...rule, times: Infinity, fault: { kind: "status", status } }]);
}

const refuseTag = (name: Name, tag = "1") => refuse(name, { method: "PUT", path: `/out/manifests/${tag}` });
const refuseManifests = (name: Name) => refuse(name, { method: "PUT", route: "manifest" });
const lockOut = (name: Name) => refuse(name, { path: /^\/v2\/out\// }, 401);
const id = async (machine: string) => /\b[0-9a-f]{16}\b/.exec((await on(machine)("history")).stdout)?.[0] ?? "none";

/** A publish that moves the tag at b, and is refused the one at c. */
async function halfPublished(machine: string, ...more: readonly string[]): Promise<void> {
  await put("amd64", at("b"), at("c"));
  refuseTag("c");
  expect((await on(machine)("create", ...both(), ...more, `${source}:arm64`)).code).toBe(3);
  hurdles = {};
}

describe("a machine that goes on with the report of another", () => {
  test("remembers what the other has moved", async () => {
    await halfPublished("A", "--report", path);
    expect((await on("B")("resume", path)).code).toBe(0);
    expect(await named(at("b"), at("c"))).toEqual(["arm64", "arm64"]);

    expect((await on("B")("rollback", "--yes")).code).toBe(0);

    expect(await named(at("b"), at("c"))).toEqual(["amd64", "amd64"]);
  });

  test("remembers it also where it is refused to go on", async () => {
    await halfPublished("A", "--report", path);
    await pushSmallImage(`${source}:386`, "386");
    await put("386", at("c"));
    expect((await on("B")("resume", path)).code).toBe(3);
    expect((await on("B")("create", "--report", path, ...both(), `${source}:arm64`)).code).toBe(0);
    expect(await named(at("b"), at("c"))).toEqual(["arm64", "arm64"]);

    expect((await on("B")("rollback", "--yes")).code).toBe(0);

    expect(await named(at("b"))).toEqual(["amd64"]);
  });

  test("remembers what of a roll-back is left to do", async () => {
    await put("amd64", at("b"), at("c"));
    expect((await on("A")("create", "--report", path, ...both(), `${source}:arm64`)).code).toBe(0);
    lockOut("c");
    expect((await on("B")("rollback", "--yes", path)).code).toBe(3);
    hurdles = {};
    expect(await named(at("b"), at("c"))).toEqual(["amd64", "arm64"]);

    expect((await on("B")("rollback", "--yes")).code).toBe(0);

    expect(await named(at("b"), at("c"))).toEqual(["amd64", "amd64"]);
  });

  test("believes it where its own journal knows of no tag", async () => {
    await put("amd64", at("b"), at("c"));
    refuseManifests("c");
    expect((await on("B")("create", ...both(), `${source}:arm64`)).code).toBe(4);
    await halfPublished("A", "--report", path);

    expect((await on("B")("resume", path)).code).toBe(0);

    expect(states()).toEqual(["1 moved", "1 moved"]);
    expect((await on("B")("rollback", "--yes", path)).code).toBe(0);
    expect(await named(at("b"), at("c"))).toEqual(["amd64", "amd64"]);
  });

  test("leaves all that it tells where it cannot read the sources", async () => {
    await halfPublished("A", "--report", path);
    writeFileSync(path, readFileSync(path, "utf8").replaceAll(source, `${registries.b.host}/gone`));

    // A tag has moved: no exit code may promise that none has.
    expect((await on("B")("resume", path)).code).toBe(3);

    expect((await on("B")("rollback", "--yes", path)).code).toBe(0);
    expect(await named(at("b"), at("c"))).toEqual(["amd64", "amd64"]);
  });
});

test("rollback of a report knows what the journal of the machine knows beyond it", async () => {
  await put("amd64", at("b"));
  refuseManifests("b");
  expect((await on("A")("create", "--report", path, ...tagged(at("b")), `${source}:arm64`)).code).toBe(4);
  hurdles = {};
  expect((await on("A")("resume")).code).toBe(0);
  expect(await named(at("b"))).toEqual(["arm64"]);

  expect((await on("A")("rollback", "--yes", path)).code).toBe(0);

  expect(await named(at("b"))).toEqual(["amd64"]);
});

test("rollback of the report of a run that found all done leaves what an earlier publish has moved", async () => {
  await put("amd64", at("b"));
  for (const more of [[], ["--report", path]])
    expect((await on("A")("create", ...more, ...tagged(at("b")), `${source}:arm64`)).code).toBe(0);
  expect(states()).toEqual(["1 unchanged"]);

  expect((await on("A")("rollback", "--yes", path)).code).toBe(0);

  expect(await named(at("b"))).toEqual(["arm64"]);
});

test("resume of a run that is done still knows all that it has moved", async () => {
  await put("amd64", at("b"), at("c"));
  expect((await on("A")("create", ...both(), `${source}:arm64`)).code).toBe(0);
  await put("amd64", at("c"));
  const run = await id("A");

  expect((await on("A")("resume", "--report", path, run)).code).toBe(0);
  expect(states()).toEqual(["1 moved", "1 moved"]);

  expect((await on("A")("rollback", "--yes", run)).code).toBe(0);
  expect(await named(at("b"), at("c"))).toEqual(["amd64", "amd64"]);
});

test("--verify full of what is complete needs no permission to write, and lets the run be taken back", async () => {
  await put("amd64", at("b"));
  const create = (...more: readonly string[]) => on("A")("create", ...more, ...tagged(at("b")), `${source}:arm64`);
  expect((await create()).code).toBe(0);
  refuse("b", { method: ["POST", "PATCH", "PUT", "DELETE"] });
  expect((await create("--verify", "full")).code).toBe(0);
  hurdles = {};

  expect((await on("A")("rollback", "--yes")).code).toBe(0);

  expect(await named(at("b"))).toEqual(["amd64"]);
});

describe("a tag that was refused", () => {
  const create = (machine: string) =>
    on(machine)("create", "--report", path, ...tagged(at("b"), at("b", "2")), `${source}:arm64`);

  test.each(["journal", "report"])("is not told as written where its registry is gone, from the %s", async (from) => {
    refuseTag("b", "2");
    expect((await create("A")).code).toBe(3);
    expect(states()).toEqual(["1 created", "2 failed"]);
    lockOut("b");

    const again = from === "journal" ? await create("A") : await on("B")("resume", path);

    expect(again.code).toBe(3);
    expect(states()).toEqual(["1 created", "2 not-attempted"]);
  });
});

test("a tag that was put back is not told as moved where its registry is gone", async () => {
  await put("amd64", at("b"), at("c"));
  expect((await on("A")("create", ...both(), `${source}:arm64`)).code).toBe(0);
  lockOut("c");
  expect((await on("A")("rollback", "--yes")).code).toBe(3);
  hurdles = {};
  lockOut("b");

  await on("A")("resume", "--report", path, await id("A"));

  expect(report().targets[0]?.tags).toMatchObject([{ tag: "1", state: "not-attempted" }]);
});

test("a tag that was written is told so at a registry that does not say any more what it names", async () => {
  refuseTag("b", "2");
  expect((await on("A")("create", "--report", path, ...tagged(at("b"), at("b", "2")), `${source}:arm64`)).code).toBe(3);
  refuse("b", { route: "manifest" });

  expect((await on("A")("resume", path)).code).toBe(3);

  expect(report().targets[0]?.tags[0]).toMatchObject({ tag: "1", state: "created", before: null });
});

test("a tag whose old name nobody knew is not taken for unchanged by the next run", async () => {
  const hideAbsent: Interceptor = (next) => async (request) => {
    const response = await next(request);
    const isHidden = response.status === 404 && /\/out\/manifests\/[12]$/.test(request.url);
    return isHidden ? faulty(next, [{ fault: { kind: "status", status: 403 } }])(request) : response;
  };
  hurdles.b = (next) =>
    faulty(intercept(next, hideAbsent), [
      { method: "PUT", path: "/out/manifests/2", times: Infinity, fault: { kind: "status", status: 403 } },
    ]);
  for (const _run of ["first", "second"]) {
    const ran = await on("A")("create", "--report", path, ...tagged(at("b"), at("b", "2")), `${source}:arm64`);
    expect(ran.code).toBe(3);
    expect(ran.stderr).not.toContain("waybill rollback");
    expect(states()).toEqual(["1 moved", "2 failed"]);
    expect(report().targets[0]?.tags[0]).not.toHaveProperty("before");
  }

  const rolledBack = await on("A")("rollback", "--yes", await id("A"));

  expect([rolledBack.code, rolledBack.stderr]).toEqual([3, expect.stringContaining("what it named is not known")]);
  expect(rolledBack.stderr).toContain(`hint: nobody knows what ${at("b")} named: publish`);
});
