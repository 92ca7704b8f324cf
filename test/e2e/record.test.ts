import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WaybillError } from "../../src/errors.ts";
import { intercept, type Interceptor } from "../../src/http/send.ts";
import { faulty } from "../../src/server/faults.ts";
import { processName } from "../../src/disk/process-name.ts";
import type { PublishReport } from "../../src/transfer/report.ts";
import { runInProcess } from "../support/in-process.ts";
import { pushSmallImage, startRegistry, type RunningRegistry } from "../support/running-registry.ts";

let folder = "";
let registries: RunningRegistry[] = [];
/** What stands before the second registry now, and before the first. */
let hurdle: Interceptor | undefined;
let firstHurdle: Interceptor | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "waybill-record-"));
  hurdle = undefined;
  firstHurdle = undefined;
  const behind =
    (present: () => Interceptor | undefined): Interceptor =>
    (next) =>
    (request) => {
      const standing = present();
      return (standing ? intercept(next, standing) : next)(request);
    };
  registries = [
    await startRegistry({ wrap: behind(() => firstHurdle) }),
    await startRegistry({ wrap: behind(() => hurdle) }),
  ];
  for (const architecture of ["amd64", "arm64"])
    await pushSmallImage(`${registries[0]!.host}/app:${architecture}`, architecture);
});
afterEach(async () => {
  for (const registry of registries) await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const waybill = (...args: readonly string[]) => runInProcess(args, { env: { XDG_STATE_HOME: join(folder, "state") } });
const report = () => JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as PublishReport;
const targets = () => registries.flatMap(({ host }) => ["-t", `${host}/out:1`]);
const source = (architecture: string) => `${registries[0]!.host}/app:${architecture}`;
const create = (...more: readonly string[]) =>
  waybill("create", ...targets(), "--report", join(folder, "report.json"), ...more);

/** The second registry takes content and refuses the tag. */
function refuseTag(): void {
  hurdle = (next) =>
    faulty(next, [
      { method: "PUT", path: "/out/manifests/1", fault: { kind: "status", status: 403 }, times: Infinity },
    ]);
}

/** A registry that lets nobody in to the repository that is published to. */
const locked: Interceptor = (next) =>
  faulty(next, [{ path: /^\/v2\/out\//, fault: { kind: "status", status: 401 }, times: Infinity }]);

async function digestAt(registry: number): Promise<string> {
  return (await waybill("inspect", "--format", "{{.Manifest.Digest}}", `${registries[registry]!.host}/out:1`)).stdout;
}

describe("waybill resume", () => {
  test("waybill resume finishes a publish from its report, on a machine that knows nothing else of it", async () => {
    refuseTag();
    const failed = await create(source("amd64"), source("arm64"));
    expect(failed.code).toBe(3);
    expect(failed.stderr).toContain(`waybill resume ${join(folder, "report.json")}`);
    expect(report()).toMatchObject({
      state: "failed",
      targets: [
        { tags: [{ tag: "1", state: "created", before: null }] },
        { tags: [{ tag: "1", state: "failed", before: null }], error: { class: "auth_denied", status: 403 } },
      ],
    });

    hurdle = undefined;
    const elsewhere = { env: { XDG_STATE_HOME: join(folder, "other") } };
    const resumed = await runInProcess(["resume", join(folder, "report.json")], elsewhere);
    expect([resumed.code, resumed.stdout]).toEqual([0, ""]);
    expect(await digestAt(1)).toBe(await digestAt(0));
    expect(report()).toMatchObject({
      state: "done",
      targets: [{ tags: [{ state: "created", before: null }] }, { tags: [{ state: "created" }], sentBytes: 0 }],
    });
  });

  test.each([
    ["plain", []],
    ["rawjson", ["--progress", "rawjson"]],
  ])("waybill resume is told as it has to be typed, with --progress %s", async (_mode, more) => {
    refuseTag();
    const began = process.cwd();
    try {
      process.chdir(folder);
      const state = join(folder, "my state");
      const failed = await waybill(
        "create",
        ...targets(),
        ...more,
        "--state",
        state,
        "--report=-r.json",
        source("amd64"),
      );
      expect(failed.stderr).toContain(`waybill resume --state '${state}' ./-r.json`);
    } finally {
      process.chdir(began);
    }
  });

  test("waybill resume finds layouts from another folder than the one that they were named in", async () => {
    const [first = "", second = ""] = ["first", "second"].map((name) => join(folder, name));
    for (const place of [first, second]) mkdirSync(place);
    const named = ["-t", "oci-layout://layout:1", "-t", `${registries[1]!.host}/out:1`];
    refuseTag();
    const began = process.cwd();
    try {
      process.chdir(first);
      expect((await waybill("create", ...named, source("amd64"), source("arm64"))).code).toBe(3);
      hurdle = undefined;
      process.chdir(second);
      expect((await waybill("resume")).code).toBe(0);
    } finally {
      process.chdir(began);
    }
    expect([existsSync(join(first, "layout/index.json")), existsSync(join(second, "layout"))]).toEqual([true, false]);
  });

  test("waybill resume of a report has no need of a state folder that it can believe", async () => {
    refuseTag();
    expect((await create(source("amd64"))).code).toBe(3);
    hurdle = undefined;
    const shared = join(folder, "shared");
    mkdirSync(shared);
    chmodSync(shared, 0o777);
    const resumed = await waybill("resume", "--state", shared, join(folder, "report.json"));
    expect(resumed).toMatchObject({ code: 0, stderr: expect.stringContaining("No journal is kept") });
    expect(await digestAt(1)).toBe(await digestAt(0));
  });

  test("waybill resume goes on with a tag called constructor, and knows what it named", async () => {
    const tags = registries.map(({ host }) => `${host}/out:constructor`);
    const to = tags.flatMap((tag) => ["-t", tag]);
    expect((await waybill("create", "--no-journal", ...to, source("amd64"))).code).toBe(0);
    hurdle = (next) =>
      faulty(next, [{ method: "PUT", path: "/out/manifests/constructor", fault: { kind: "status", status: 403 } }]);
    expect((await waybill("create", ...to, source("arm64"))).code).toBe(3);
    hurdle = undefined;

    expect((await waybill("resume", "--report", join(folder, "report.json"))).code).toBe(0);

    const moved = { tags: [{ tag: "constructor", state: "moved", before: expect.any(String) }] };
    expect(report()).toMatchObject({ state: "done", targets: [moved, moved] });
  });

  test("waybill resume takes the only unfinished run, and waybill history tells of it", async () => {
    refuseTag();
    await create(source("amd64"), source("arm64"));
    const listed = await waybill("history");
    expect(listed.stdout).toMatch(/^run +began +state +digest +targets\n[0-9a-f]{16} .* failed /);
    hurdle = undefined;
    expect((await waybill("resume")).code).toBe(0);
    const [run] = JSON.parse((await waybill("history", "--json")).stdout) as { id: string; state: string }[];
    const [planned, seen] = [{ before: { "1": null } }, { tags: [{ tag: "1", before: null }] }];
    expect(run).toMatchObject({ state: "done", tags: [planned, planned], targets: [seen, seen] });
    expect((await waybill("history", run!.id.slice(0, 6))).stdout).toContain("/out:1  created  before: nothing\n");
  });

  test.each([false, true])(
    "waybill history shows a registry's words without what steers a terminal, terminal: %s",
    async (isTTY) => {
      const body = JSON.stringify({ errors: [{ code: "DENIED", message: "no \u009b31m\u202e\x1b]0;x\x07" }] });
      hurdle = (next) =>
        faulty(next, [{ method: "PUT", path: "/out/manifests/1", fault: { kind: "status", status: 403, body } }]);
      await create(source("amd64"));

      const [{ id }] = JSON.parse((await waybill("history", "--json")).stdout) as [{ id: string }];
      const env = { XDG_STATE_HOME: join(folder, "state") };
      const steering = /(?!\n)[\p{Cc}\p{Cf}]/u;
      const text = await runInProcess(["history", id], { env, isTTY });
      expect(text.stdout).toContain("no \\x9b31m\\u202e");
      expect(text.stdout).not.toMatch(steering);
      const json = await runInProcess(["history", "--json"], { env, isTTY });
      expect(json.stdout).not.toMatch(steering);
      const [run] = JSON.parse(json.stdout) as [{ targets: { error?: { message: string } }[] }];
      expect(run.targets.find(({ error }) => error)?.error?.message).toContain("\u009b31m\u202e");
    },
  );

  test.each(["resume", "rollback"])("waybill %s of what is neither a run nor a file says so", async (command) => {
    const doing = command === "resume" ? "resume" : "roll back";
    const sentence = `Cannot ${doing}: "0123456789abcdee" is neither a run that a journal tells of nor a file`;
    expect(await waybill(command, "--state", join(folder, "my state"), "0123456789abcdee")).toMatchObject({
      code: 6,
      stderr: `ERROR: ${sentence}\n  hint: see \`waybill history --state '${join(folder, "my state")}'\`\n`,
    });
  });

  test("waybill resume and rollback name the state folder in what they advise", async () => {
    refuseTag();
    const state = ["--state", join(folder, "my state")];
    for (const architecture of ["amd64", "arm64"]) await create(...state, source(architecture));
    const typed = `--state '${join(folder, "my state")}' [0-9a-f]{16}`;
    for (const command of ["resume", "rollback"])
      expect((await waybill(command, ...state)).stderr).toMatch(
        new RegExp(`^  hint: name one: waybill ${command} ${typed}$`, "m"),
      );
  });

  test("waybill resume takes the only run that no process is at", async () => {
    refuseTag();
    for (const architecture of ["amd64", "arm64"]) await create(source(architecture));
    const [later, first] = JSON.parse((await waybill("history", "--json")).stdout) as [{ id: string }, { id: string }];
    writeFileSync(join(folder, "state", "waybill", "runs", first.id, "lock"), processName(process.ppid));
    hurdle = undefined;

    expect((await waybill("resume")).code).toBe(0);

    expect((await waybill("history", later.id)).stdout).toContain(" done ");
    expect(await waybill("resume")).toMatchObject({ code: 7, stderr: expect.stringContaining("another process is") });
  });

  test("waybill resume says what to do when there is nothing to resume, or several runs would do", async () => {
    expect(await waybill("resume")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("no journal tells of an unfinished run"),
    });
    expect(await waybill("rollback")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Cannot roll back: no journal tells of a run"),
    });
    refuseTag();
    for (const architecture of ["amd64", "arm64"]) await create(source(architecture));
    expect(await waybill("resume")).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("several runs would do"),
    });
    expect(await waybill("resume", join(folder, "none.json"))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("there is no such file or folder"),
    });
    writeFileSync(join(folder, "bad.json"), "{}");
    expect(await waybill("resume", join(folder, "bad.json"))).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("Cannot use report"),
    });
  });
});

describe("waybill history and timeline", () => {
  const ids = async () => [...(await waybill("history")).stdout.matchAll(/\b[0-9a-f]{16}\b/g)].map(([id]) => id);

  test.each(["history", "timeline"])("waybill %s says which runs a beginning may mean", async (command) => {
    for (const architecture of ["amd64", "arm64"]) expect((await create(source(architecture))).code).toBe(0);
    const [last, first] = await ids();

    const { code, stderr } = await waybill(command, "");

    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(new RegExp(`several runs would do\n  run .*\n  ${last} .*\n  ${first} `)),
    ]);
    expect(stderr).toContain(`name one: waybill ${command} ${last}`);
  });

  test("waybill rollback lists all runs that may be meant, as the history does", async () => {
    const tag = `${registries[0]!.host}/out`;
    for (const name of ["a", "b", "c", "d", "e", "f", "g"])
      await waybill("create", "-t", `${tag}:${name}`, source("amd64"));
    const listed = (await waybill("history")).stdout.replaceAll(/^/gm, "  ").trimEnd();

    const { code, stderr } = await waybill("rollback");

    expect(code).toBe(2);
    expect(stderr).toContain(`Cannot roll back: several runs would do\n${listed}\n  hint: name one: `);
  });

  test.each(["history", "timeline"])("waybill %s says when no journal tells of the run", async (command) => {
    expect(await waybill(command, "0000")).toMatchObject({
      code: 6,
      stderr: expect.stringContaining('run "0000": no journal tells of it'),
    });
  });
});

describe("waybill rollback", () => {
  test("waybill rollback puts tags back, says what stays, and needs --yes where nobody can be asked", async () => {
    await create(source("amd64"));
    const old = await digestAt(0);
    expect((await create(source("amd64"), source("arm64"))).code).toBe(0);
    expect(await digestAt(0)).not.toBe(old);

    const refused = await waybill("rollback", join(folder, "report.json"));
    expect(refused).toMatchObject({ code: 2, stderr: expect.stringContaining("add --yes") });
    expect(await digestAt(0)).not.toBe(old);

    const done = await waybill("rollback", "--yes", join(folder, "report.json"));
    expect([done.code, done.stderr]).toEqual([0, expect.stringContaining("rolled back")]);
    expect([await digestAt(0), await digestAt(1)]).toEqual([old, old]);
    expect(report().state).toBe("rolled-back");
  });

  test.each(["journal", "report"])("waybill rollback from the %s puts a tag called constructor back", async (kept) => {
    const tag = `${registries[0]!.host}/out:constructor`;
    const named = async () => (await waybill("inspect", "--format", "{{.Manifest.Digest}}", tag)).stdout;
    expect((await waybill("create", "--no-journal", "-t", tag, source("amd64"))).code).toBe(0);
    const old = await named();
    const path = join(folder, "report.json");
    expect((await waybill("create", "--report", path, "-t", tag, source("arm64"))).code).toBe(0);
    expect(await named()).not.toBe(old);

    const done = await waybill("rollback", "--yes", ...(kept === "report" ? [path] : []));

    expect([done.code, await named()]).toEqual([0, old]);
  });

  test("waybill rollback claims nothing of a tag that was never written", async () => {
    const [first, second] = registries.map(({ host }) => `${host}/out:1`);
    await waybill("create", "-t", first!, source("amd64"));
    refuseTag();
    await create(source("amd64"), source("arm64"));
    hurdle = undefined;

    const done = await waybill("rollback", "--yes", join(folder, "report.json"));

    expect(done.code).toBe(0);
    expect(done.stderr).toMatch(new RegExp(`${first} +put back`));
    expect(done.stderr).not.toContain(second);
    expect(report().targets.map(({ tags }) => tags.map(({ state }) => state))).toEqual([["rolled-back"], []]);
  });

  /** Both targets name one image; the report and the journal are of the publish of another. */
  async function moved() {
    await waybill("create", ...targets(), source("amd64"));
    const old = await digestAt(0);
    expect((await create(source("arm64"))).code).toBe(0);
    return { old };
  }

  test("waybill rollback tells of a tag that somebody has moved since, and does not say that all is rolled back", async () => {
    const { old } = await moved();
    const theirs = `${registries[1]!.host}/out:1`;
    await waybill("create", "--no-journal", "-t", theirs, source("amd64"), source("arm64"));

    const partly = await waybill("rollback", "--yes", join(folder, "report.json"));

    const now = await digestAt(1);
    expect(partly.code).toBe(3);
    expect(partly.stderr).toContain(
      `ERROR: Cannot put everything back: ${theirs}: somebody has moved it since: it names ${now} now`,
    );
    expect(report()).toMatchObject({ state: "failed", targets: [{}, { tags: [{ state: "failed", after: now }] }] });
    expect(await digestAt(0)).toBe(old);

    // Nothing is left to put back.
    const again = await waybill("rollback", "--yes", join(folder, "report.json"));
    expect(again).toMatchObject({ code: 7, stderr: expect.stringContaining("somebody has moved it since") });
  });

  test("waybill rollback tells of a tag that somebody moves while it asks", async () => {
    await moved();
    const other = `${registries[1]!.host}/out:2`;
    await waybill("create", "--no-journal", "-t", other, source("amd64"), source("arm64"));
    let asked = 0;
    hurdle = (next) => (request) => {
      const url = request.url.replace(/\/manifests\/1$/, () => (asked++ === 0 ? "/manifests/1" : "/manifests/2"));
      return next({ ...request, url });
    };

    const done = await waybill("rollback", "--yes", join(folder, "report.json"));

    expect(done).toMatchObject({ code: 3, stderr: expect.stringContaining("somebody has moved it since") });
    expect((await waybill("history")).stdout).toContain("half rolled back");
  });

  test("waybill rollback that cannot reach a target says so, and puts the rest back when it can", async () => {
    const { old } = await moved();
    hurdle = locked;
    const first = await waybill("rollback", "--yes", join(folder, "report.json"));
    expect(first.code).toBe(3);
    expect(await digestAt(0)).toBe(old);
    hurdle = undefined;
    expect(await digestAt(1)).not.toBe(old);
    expect((await waybill("history")).stdout).toContain("half rolled back");
    // Whoever takes a release back does not want it published by a command that names nothing.
    const resumed = await waybill("resume");
    expect([resumed.code, resumed.stderr]).toEqual([2, expect.stringMatching(/rollback [0-9a-f]{16}/)]);
    expect(await digestAt(0)).toBe(old);

    const second = await waybill("rollback", "--yes", join(folder, "report.json"));
    expect(second.code).toBe(0);
    expect(await digestAt(1)).toBe(old);
  });

  test("waybill rollback that is interrupted says so in its journal and its report", async () => {
    await moved();
    const interrupt = new AbortController();
    const abort = () => {
      interrupt.abort(new WaybillError("cancelled", "Cancelled: got SIGINT"));
      return true;
    };
    hurdle = (next) => faulty(next, [{ method: "PUT", when: abort, fault: { kind: "status", status: 403 } }]);

    const args = ["rollback", "--yes", join(folder, "report.json")];
    await runInProcess(args, { env: { XDG_STATE_HOME: join(folder, "state") }, signal: interrupt.signal });

    expect(report().state).toBe("interrupted");
    const [run] = JSON.parse((await waybill("history", "--json")).stdout) as { state: string }[];
    expect(run).toMatchObject({ state: "interrupted", undoes: true });
  });

  test("waybill rollback that was refused goes on from the journal", async () => {
    const { old } = await moved();
    refuseTag();
    const [id] = /\b[0-9a-f]{16}\b/.exec((await waybill("history")).stdout)!;
    expect((await waybill("rollback", "--yes", id)).code).toBe(3);
    expect(await digestAt(1)).not.toBe(old);
    // Nothing was left to put back but what is refused still.
    expect((await waybill("rollback", "--yes", id)).code).toBe(4);
    hurdle = undefined;
    expect((await waybill("rollback", "--yes", id)).code).toBe(0);
    expect(await digestAt(1)).toBe(old);
    expect((await waybill("history")).stdout).toContain("rolled-back");
  });

  test("waybill resume that cannot look at a target that was moved forgets nothing of it", async () => {
    await waybill("create", ...targets(), source("amd64"));
    const old = await digestAt(0);
    refuseTag();
    expect((await create(source("arm64"))).code).toBe(3);
    firstHurdle = locked;
    const resumed = await waybill("resume", "--report", join(folder, "report.json"), join(folder, "report.json"));
    expect(resumed.code).toBe(3);
    expect(report().targets[0]).toMatchObject({ tags: [{ tag: "1", state: "moved", before: old.trim() }] });

    firstHurdle = undefined;
    expect(await digestAt(0)).not.toBe(old);
    expect((await waybill("rollback", "--yes", join(folder, "report.json"))).code).toBe(0);
    expect(await digestAt(0)).toBe(old);
  });

  test("waybill rollback of tags that were new ends with 3, for they stay", async () => {
    await create(source("amd64"));
    const stayed = await waybill("rollback", "--yes", join(folder, "report.json"));
    expect(stayed).toMatchObject({ code: 3, stderr: expect.stringContaining("stays: it was new") });
    expect(stayed.stderr).toContain("  hint: --delete-created-tags deletes tags that were new");

    expect((await waybill("rollback", "--yes", "--delete-created-tags", join(folder, "report.json"))).code).toBe(0);
  });
});

describe("--timeline", () => {
  test("--timeline draws the run, and waybill timeline draws it again from what the journal has kept", async () => {
    const [first, again] = [join(folder, "first.html"), join(folder, "again.html")];
    expect((await create("--timeline", first, source("amd64"))).code).toBe(0);
    expect(await waybill("timeline", "-o", again)).toMatchObject({ code: 0, stdout: `${again}\n` });

    const page = readFileSync(first, "utf8");
    for (const { host } of registries) expect(page).toContain(`<h2>${host} `);
    expect(page).toContain(`stage at ${registries[1]!.host}/out`);
    expect(page).toContain(`PUT http://${registries[1]!.host}/v2/out/manifests/1`);
    expect(readFileSync(again, "utf8")).toBe(page);
  });

  test("--timeline draws a run that failed, and never fails one itself", async () => {
    refuseTag();
    const path = join(folder, "failed.html");
    expect((await create("--timeline", path, source("amd64"))).code).toBe(3);
    expect(readFileSync(path, "utf8")).toContain('class="try failed"');
    hurdle = undefined;
    const resumed = await waybill("resume", "--timeline", join(folder, "none", "t.html"));
    expect(resumed).toMatchObject({ code: 0, stderr: expect.stringContaining("WARNING: Cannot write timeline") });
  });

  test.each([["-q"], ["--progress=none"]])("--timeline that cannot be written is told with %s, too", async (quiet) => {
    const path = join(folder, "none", "t.html");
    expect(await create(quiet, "--timeline", path, source("amd64"))).toMatchObject({
      code: 0,
      stderr: `WARNING: Cannot write timeline "${path}": there is no such folder\n`,
    });
  });

  test("waybill timeline says when nothing is kept of a run", async () => {
    expect(await waybill("timeline")).toMatchObject({
      code: 6,
      stderr: expect.stringContaining("no journal tells of it"),
    });
  });
});

describe("--report", () => {
  test("--report tells how often a tag's write was sent, and what else was sent again", async () => {
    const left = new Set(["PUT /v2/out/manifests/1", "POST /v2/out/blobs/uploads/"]);
    hurdle = (next) => (request) => {
      const isHarmed = left.delete(`${request.method} ${new URL(request.url).pathname}`);
      return isHarmed ? faulty(next, [{ fault: { kind: "status", status: 503 } }])(request) : next(request);
    };
    expect((await create(source("amd64"))).code).toBe(0);
    expect(report().targets.map(({ retries, tags }) => [retries, tags[0]?.attempts])).toEqual([
      [0, 1],
      [2, 2],
    ]);
  });

  test("--report tells of a run that never came to a plan", async () => {
    expect((await create(`${registries[0]!.host}/app:none`)).code).toBe(6);
    expect(report()).toMatchObject({ state: "failed", targets: [], error: { class: "not_found" } });
  });

  test("--report that cannot be written is said before anything is published", async () => {
    const path = join(folder, "none", "report.json");
    const refused = await waybill("create", ...targets(), "--report", path, source("amd64"));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("Cannot write report") });
    expect((await waybill("inspect", `${registries[0]!.host}/out:1`)).code).toBe(6);
  });

  test.each([[[]], [["-q"]]])(
    "--report that cannot be written in the end is told with %j, and what finds the run",
    async (more) => {
      const made = join(folder, "made");
      mkdirSync(made);
      hurdle = (next) => (request) => {
        rmSync(made, { recursive: true, force: true });
        return next(request);
      };
      const path = join(made, "report.json");
      const published = await waybill("create", ...targets(), ...more, "--report", path, source("amd64"));

      expect(published.code).toBe(3);
      expect(published.stderr).toContain(`WARNING: The report is not up to date: Cannot write report "${path}"`);
      expect(published.stderr).toMatch(
        /^ERROR: Everything is published, but: Cannot write report[^]*rollback [0-9a-f]{16}$/m,
      );
      expect(await digestAt(0)).toBe(await digestAt(1));
    },
  );

  test("--no-journal leaves nothing behind and still publishes", async () => {
    expect((await waybill("create", ...targets(), "--no-journal", source("amd64"))).code).toBe(0);
    expect((await waybill("history")).stdout).toBe("No publish is remembered here\n");
  });
});

test.each(["--metadata-file", "--timeline", "--file"])("--report and %s with one path are refused", async (flag) => {
  const path = join(folder, "report.json");
  writeFileSync(path, `${source("amd64")}\n`);
  expect(await create(flag, path, source("amd64"))).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(`"${path}" for both`),
  });
  expect(readFileSync(path, "utf8")).toBe(`${source("amd64")}\n`);
});

test("--metadata-file names with --on-error keep-going what succeeded, and else nothing", async () => {
  hurdle = (next) => faulty(next, [{ method: "POST", fault: { kind: "status", status: 403 }, times: Infinity }]);
  const path = join(folder, "metadata.json");
  const publish = (...more: readonly string[]) => create("--metadata-file", path, ...more, source("amd64"));

  expect((await publish()).code).toBe(4);
  expect(existsSync(path)).toBe(false);
  expect((await publish("--on-error", "keep-going")).code).toBe(3);
  expect(JSON.parse(readFileSync(path, "utf8"))).toMatchObject({ "image.name": `${registries[0]!.host}/out` });
});

test("--metadata-file that cannot be written in the end hides neither what was published nor what failed", async () => {
  const made = join(folder, "made");
  const removing: Interceptor = (next) => (request) => {
    rmSync(made, { recursive: true, force: true });
    return next(request);
  };
  const metadata = ["--metadata-file", join(made, "metadata.json")];
  mkdirSync(made);
  hurdle = removing;
  const published = await create(...metadata, source("amd64"));
  expect(published).toMatchObject({ code: 3, stderr: expect.stringContaining("Everything is published, but") });
  expect(await digestAt(0)).toBe(await digestAt(1));

  mkdirSync(made);
  const told = await create(...metadata, "--progress", "jsonl", source("arm64"));
  const lines = told.stderr.trim().split("\n");
  const done = JSON.parse(lines.at(-1)!) as { type: string; error?: { exitCode: number } };
  expect([told.code, done.type, done.error?.exitCode]).toEqual([3, "run-done", 3]);

  mkdirSync(made);
  refuseTag();
  const refusing = hurdle;
  hurdle = (next) => removing(refusing(next));
  const partly = await create(...metadata, "--on-error", "keep-going", source("amd64"));
  expect(partly).toMatchObject({ code: 3, stderr: expect.stringContaining("WARNING: Cannot write metadata file") });
});
