import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { hashSync } from "bcryptjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/async/clock.ts";
import { basicAuth, bearerAuth, parseHtpasswd } from "../../src/server/index.ts";
import { version } from "../../src/cli/version.ts";
import { faultsOfSolveStatus } from "../support/solve-status.ts";
import { runInProcess } from "../support/in-process.ts";
import { buildProgram, runCommand, type Program } from "../support/program.ts";
import { pushSmallImage, startRegistry, type RunningRegistry } from "../support/running-registry.ts";

let program: Program;
let registry: RunningRegistry;
let folder: string;

beforeAll(async () => {
  program = buildProgram();
  registry = await startRegistry();
  folder = mkdtempSync(join(tmpdir(), "waybill-"));
  for (const architecture of ["amd64", "arm64"])
    await pushSmallImage(`${registry.host}/app:${architecture}`, architecture);
}, 60_000);

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  program[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

const sources = () => [`${registry.host}/app:amd64`, `${registry.host}/app:arm64`];

describe("waybill", () => {
  test.each([[["--version"]], [["-v"]], [["version"]], [["--debug", "--version"]]])(
    "waybill %j prints its version",
    async (args) => {
      expect(await program.run(args)).toEqual({ code: 0, stdout: `waybill ${version}\n`, stderr: "" });
    },
  );

  test.runIf(existsSync("/dev/full")).each([["--version"], ["docker-cli-plugin-metadata"]])(
    "waybill %s that cannot be written is no bug of ours",
    async (arg) => {
      const { code, stderr } = await runCommand("sh", [
        "-c",
        `"$@" >/dev/full`,
        "sh",
        process.execPath,
        program.path,
        arg,
      ]);
      expect([code, stderr]).toEqual([1, "ERROR: Cannot write to standard output: the disk is full\n"]);
    },
  );

  test("waybill --help lists commands and exit codes on stdout", async () => {
    const { code, stdout, stderr } = await program.run(["--help"]);

    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("  create ");
    expect(stdout).toContain("Exit codes:");
  });

  test.each([
    ["create"],
    ["inspect"],
    ["login"],
    ["logout"],
    ["doctor"],
    ["explain"],
    ["registry serve"],
    ["plugin install"],
    ["imagetools create"],
  ])("waybill %s --help teaches by example", async (name) => {
    const { code, stdout } = await program.run([...name.split(" "), "--help"]);

    expect(code).toBe(0);
    expect(stdout).toContain(`Usage: waybill ${name} [OPTIONS]`);
    expect(stdout).toContain("Examples:\n");
  });

  test("waybill imagetools shows help and succeeds when no command is given, and fails for an unknown one", async () => {
    const help = await program.run(["imagetools"]);
    const unknown = await program.run(["imagetools", "x"]);

    expect([help.code, help.stderr]).toEqual([0, ""]);
    expect([unknown.code, unknown.stdout]).toEqual([2, ""]);
    expect(unknown.stderr).toBe(`${help.stdout}ERROR: unknown command: "x"\n`);
  });
});

describe("waybill create", () => {
  test("waybill create publishes to two repositories and tells the result on stderr", async () => {
    const metadata = join(folder, "metadata.json");
    const targets = ["one/app", "two/app"].flatMap((name) => [
      "-t",
      `${registry.host}/${name}:1`,
      "-t",
      `${registry.host}/${name}:latest`,
    ]);

    const { code, stdout, stderr } = await program.run([
      "create",
      ...targets,
      "--metadata-file",
      metadata,
      ...sources(),
    ]);

    expect([code, stdout]).toEqual([0, ""]);
    expect(stderr).toContain(`[internal] pushing ${registry.host}/one/app`);
    expect(stderr).toMatch(/#\d+ DONE \d+\.\ds/);
    const written = JSON.parse(readFileSync(metadata, "utf8")) as Record<string, unknown>;
    expect(stderr).toContain(String(written["containerimage.digest"]));
    expect(written["image.name"]).toBe(`${registry.host}/one/app,${registry.host}/two/app`);
    expect(statSync(metadata).mode & 0o777).toBe(0o644);
    const inspected = await program.run([
      "inspect",
      "--format",
      "{{.Manifest.Digest}}",
      `${registry.host}/two/app:latest`,
    ]);
    expect(inspected).toEqual({ code: 0, stdout: written["containerimage.digest"], stderr: "" });
  });

  test("waybill create -q prints only the target's digest reference", async () => {
    const { code, stdout, stderr } = await program.run(["create", "-qt", `${registry.host}/quiet:1`, ...sources()]);

    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^127\.0\.0\.1:\d+\/quiet@sha256:[0-9a-f]{64}\n$/);
  });

  test.runIf(existsSync("/dev/full"))(
    "waybill create -q whose result cannot be written says that all is published",
    async () => {
      const args = ["create", "-qt", `${registry.host}/full:1`, ...sources()];
      const full = () => runCommand("sh", ["-c", `"$@" >/dev/full`, "sh", process.execPath, program.path, ...args]);

      const moved = await full();
      const unchanged = await full();

      expect(moved.stderr).toContain(
        "ERROR: Everything is published, but: Cannot write to standard output: the disk is full",
      );
      expect([moved.code, unchanged.code]).toEqual([3, 1]);
    },
  );

  test("waybill create --dry-run prints the root's bytes and a newline, as a pushed one has them", async () => {
    const dry = await program.run(["create", "--dry-run", ...sources()]);
    await program.run(["create", "-q", "-t", `${registry.host}/dry:1`, ...sources()]);
    const raw = await program.run(["imagetools", "inspect", "--raw", `${registry.host}/dry:1`]);

    expect([dry.code, dry.stderr]).toEqual([0, ""]);
    expect(dry.stdout).toBe(`${raw.stdout}\n`);
  });

  test("waybill create --progress rawjson writes what buildkit's readers take on stderr, and nothing on stdout", async () => {
    const args = ["create", "--progress", "rawjson", "-t", `${registry.host}/json:1`, ...sources()];
    const { code, stdout, stderr } = await program.run(args);

    expect([code, stdout]).toEqual([0, ""]);
    const lines = stderr.trim().split("\n");
    expect(JSON.parse(lines[0]!)).toHaveProperty("vertexes");
    expect(faultsOfSolveStatus(lines)).toEqual([]);
  });

  test.each([
    ["succeeds", "jsonl:1", undefined],
    ["fails", "127.0.0.1:1/jsonl:1", 8],
  ])("waybill create --progress jsonl writes JSON alone on stderr when it %s", async (_how, name, exitCode) => {
    const tag = name.includes(":1/") ? name : `${registry.host}/${name}`;
    const { code, stdout, stderr } = await program.run(["create", "--progress", "jsonl", "-t", tag, ...sources()]);

    expect([code, stdout]).toEqual([exitCode ?? 0, ""]);
    const events = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; error?: { exitCode: number } });
    expect(events[0]?.type).toBe("run-started");
    expect(events.at(-1)?.type).toBe("run-done");
    expect(events.at(-1)?.error?.exitCode).toBe(exitCode);
  });

  test("waybill create colours its table where it is told to, and not where nobody wants it", async () => {
    const args = ["create", "-t", `${registry.host}/color:1`, ...sources()];
    const always = await program.run([...args, "--color", "always"], { env: { NO_COLOR: "1" } });
    const forced = await program.run(args, { env: { FORCE_COLOR: "1" } });
    const piped = await program.run(args);

    expect([always, forced, piped].map(({ stderr }) => stderr.includes("\u001b[32m✓"))).toEqual([true, true, false]);
  });

  test("waybill create obeys BUILDKIT_PROGRESS", async () => {
    const args = ["create", "-t", `${registry.host}/env:1`, ...sources()];
    const { code, stderr } = await program.run(args, { env: { BUILDKIT_PROGRESS: "fancy" } });

    expect([code, stderr]).toEqual([2, expect.stringContaining("ERROR: invalid progress mode fancy\n")]);
  });
});

test.skipIf(process.platform === "win32")(
  "a publish that cannot write its files leaves no pieces of them",
  async () => {
    const place = mkdtempSync(join(folder, "full-"));
    const publish = (flag: string, name: string) => {
      const command = [
        program.path,
        "create",
        "-t",
        `${registry.host}/pieces:1`,
        flag,
        join(place, name),
        ...sources(),
      ];
      // No file may become larger than a block.
      return runCommand("sh", ["-c", 'ulimit -f 1 && exec "$@"', "sh", process.execPath, ...command]);
    };

    const report = await publish("--report", "report.json");
    const timeline = await publish("--timeline", "timeline.html");

    expect([report.code, report.stderr]).toEqual([1, expect.stringContaining("Cannot write report")]);
    expect([timeline.code, timeline.stderr]).toEqual([0, expect.stringContaining("Cannot write timeline")]);
    expect(readdirSync(place)).toEqual([]);
  },
);

test("a publish keeps what was compiled for those to come, and is none the worse where that is spoiled", async () => {
  const cache = mkdtempSync(join(tmpdir(), "waybill-cache-"));
  const env = { XDG_CACHE_HOME: cache };
  const kept = () => readdirSync(cache, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const publish = (name: string) => program.run(["create", "-t", `${registry.host}/${name}:1`, ...sources()], { env });

  await program.run(["create", "--help"], { env });
  expect(kept()).toEqual([]);

  const first = await publish("kept-1");
  const [file] = kept();
  const bytes = readFileSync(join(file!.parentPath, file!.name));
  expect(kept()).toHaveLength(1);

  const second = await publish("kept-2");
  writeFileSync(join(file!.parentPath, file!.name), bytes.fill(0, 1000, 2000));
  const third = await publish("kept-3");

  expect([first, second, third].map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(kept()).toHaveLength(1);
  rmSync(cache, { recursive: true });
});

describe("waybill as docker's plugin", () => {
  const hasDocker = () => {
    try {
      return execFileSync("docker", ["--version"], { encoding: "utf8" }) !== "";
    } catch {
      return false;
    }
  };

  test.runIf(hasDocker())("docker runs the commands under both names once the plugin is installed", async () => {
    const config = join(folder, "docker");
    const installed = await program.run(["plugin", "install", "--imagetools"], { env: { DOCKER_CONFIG: config } });
    expect([installed.code, installed.stdout.split("\n")[0]]).toEqual([
      0,
      `linked ${config}/cli-plugins/docker-waybill to ${program.path}`,
    ]);
    const docker = async (...args: string[]) => (await runCommand("docker", ["--config", config, ...args])).stdout;

    expect(await docker("waybill", "--version")).toBe(`waybill ${version}\n`);
    expect(await docker("-D", "-l", "error", "waybill", "--version")).toBe(`waybill ${version}\n`);
    expect(await docker("waybill", "create", "--help")).toContain("Usage: docker waybill create");
    expect(await docker("waybill", "create", "-qt", `${registry.host}/plugin:1`, ...sources())).toMatch(
      /plugin@sha256:/,
    );
    expect(await docker("imagetools", "inspect", `${registry.host}/plugin:1`)).toContain(
      `Name:      ${registry.host}/plugin:1`,
    );
    expect(await docker("--help")).toMatch(/waybill\*/);
  });

  test.runIf(hasDocker())("a plugin that docker leaves behind takes docker's closed socket for Ctrl-C", async () => {
    const config = join(folder, "left");
    await program.run(["plugin", "install"], { env: { DOCKER_CONFIG: config } });
    const args = ["--config", config, "waybill", "registry", "serve", "--listen", "127.0.0.1:0"];

    const seen = await runCommand("docker", args, {
      onStart: (child) => child.stdout?.once("data", () => child.kill("SIGTERM")),
    });

    // The pipe ends only when the plugin has.
    expect(seen.stdout).toMatch(/^listening on /);
  });

  test("waybill plugin install leaves a file alone that is not a link", async () => {
    const config = join(folder, "taken");
    await program.run(["plugin", "install"], { env: { DOCKER_CONFIG: config } });
    const link = join(config, "cli-plugins", "docker-waybill");
    rmSync(link);
    writeFileSync(link, "somebody else's");

    const { code, stderr } = await program.run(["plugin", "install"], { env: { DOCKER_CONFIG: config } });

    expect([code, stderr]).toEqual([7, expect.stringContaining("ERROR: Cannot link")]);
    expect(readFileSync(link, "utf8")).toBe("somebody else's");
  });
});

describe("waybill registry serve", () => {
  test("waybill registry serve says where it listens and ends by SIGINT", async () => {
    const seen = await program.run(["registry", "serve", "--listen", "127.0.0.1:0", "--memory"], {
      onStart: (child) => child.stdout?.once("data", () => child.kill("SIGINT")),
    });

    expect(seen).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^listening on http:\/\/127\.0\.0\.1:\d+\n$/),
      stderr: "",
    });
  });
});

describe("waybill login", () => {
  test("waybill login keeps a credential that the registry takes, create uses it, logout forgets it", async () => {
    const passwords = parseHtpasswd(`me:${hashSync("right", 4)}\n`, systemClock());
    await using guarded = await startRegistry({ auth: bearerAuth(passwords, { clock: systemClock() }) });
    const config = join(folder, "login");
    const env = { DOCKER_CONFIG: config };
    const logIn = (password: string) =>
      program.run(["login", guarded.host, "-u", "me", "--password-stdin"], { env, input: `${password}\n` });
    const publish = () => program.run(["create", "-qt", `${guarded.host}/app:1`, ...sources()], { env });

    const refused = await logIn("wrong");
    const before = await publish();
    const accepted = await logIn("right");
    const after = await publish();
    const forgotten = await program.run(["logout", guarded.host], { env });

    expect([refused.code, before.code]).toEqual([4, 4]);
    expect([accepted.code, accepted.stdout]).toEqual([0, ""]);
    expect(accepted.stderr).toContain(`Logged in to ${guarded.host}`);
    expect([after.code, after.stdout]).toEqual([0, expect.stringContaining("/app@sha256:")]);
    expect([forgotten.code, JSON.parse(readFileSync(join(config, "config.json"), "utf8"))]).toEqual([0, { auths: {} }]);
  });

  test("login, publish and logout find the account's own folder where the environment names no home", async () => {
    const passwords = parseHtpasswd(`me:${hashSync("right", 4)}\n`, systemClock());
    await using guarded = await startRegistry({ auth: basicAuth(passwords) });
    const homeDirectory = mkdtempSync(join(folder, "home-"));
    const options = { env: { HOME: "" }, homeDirectory, input: "right\n" };

    const accepted = await runInProcess(["login", guarded.host, "-u", "me", "--password-stdin"], options);
    const published = await runInProcess(["create", "-qt", `${guarded.host}/app:1`, ...sources()], options);
    const kept = () => JSON.parse(readFileSync(join(homeDirectory, ".docker", "config.json"), "utf8"));
    const { auths } = kept();
    const forgotten = await runInProcess(["logout", guarded.host], options);

    expect([accepted.code, published.code, forgotten.code]).toEqual([0, 0, 0]);
    expect([Object.keys(auths), kept()]).toEqual([[guarded.host], { auths: {} }]);
  });

  test("waybill login asks at a terminal for what is not given, and offers the user that is stored", async () => {
    const passwords = parseHtpasswd(`me:${hashSync("right", 4)}\n`, systemClock());
    await using guarded = await startRegistry({ auth: basicAuth(passwords) });
    const env = { DOCKER_CONFIG: join(folder, "asked") };
    const logIn = (input: string, ...flags: string[]) =>
      runInProcess(["login", guarded.host, ...flags], { env, input, isTTY: true });

    const first = await logIn("me\nright\r");
    const again = await logIn("\nright\r");
    const named = await logIn("right\r", "-u", "me");
    const nobody = await runInProcess(["login", "other.example"], { env, input: "\n", isTTY: true });

    expect([first.code, again.code, named.code, nobody.code]).toEqual([0, 0, 0, 2]);
    expect(first.stderr).toMatch(/^Username: Password: \n/);
    expect(again.stderr).toMatch(/^Username \(me\): Password: \n/);
    expect(named.stderr).toMatch(/^Password: \n/);
    expect(nobody.stderr).toContain("no user name was given");
  });

  test.each([
    [["-u", "me"], "", "--username and --password-stdin are both needed"],
    [["r.example"], "", "printenv TOKEN | waybill login r.example -u USER --password-stdin"],
    [["-u", "me", "--password-stdin"], "", "the password on standard input is empty"],
    [["-u", "me", "--password-stdin", "a/b/c"], "secret", "it is not host[:port]"],
  ])("waybill login %j with %j is a usage error", async (args, input, message) => {
    const { code, stderr } = await program.run(["login", ...args], { input });

    expect([code, stderr]).toEqual([2, expect.stringContaining(message)]);
    expect(stderr).not.toContain("secret");
  });
});

test("quickstart shows an image on two registries and succeeds", async () => {
  const quickstart = join(dirname(program.path), "quickstart.js");

  const { code, stdout, stderr } = await runCommand(process.execPath, [quickstart]);

  expect(code).toBe(0);
  expect(stdout.match(/^\$ node .*main\.js (?:create|inspect) /gm)).toHaveLength(3);
  expect(stdout).toMatch(/^Both registries hold the same image: sha256:[0-9a-f]{64}$/m);
  expect(stderr).toContain("[internal] pushing");
}, 60_000);

test("quickstart ends by SIGINT and leaves no process behind", async () => {
  const quickstart = join(dirname(program.path), "quickstart.js");

  // Its children share the pipes, so these end only when all of them have.
  const { code } = await runCommand(process.execPath, [quickstart, "--keep"], {
    onStart: (child) => child.stdout?.on("data", (text: Buffer) => text.includes("create") && child.kill("SIGINT")),
  });

  expect(code).toBe(130);
}, 60_000);
