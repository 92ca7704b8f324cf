import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runInProcess } from "../../test/support/in-process.ts";
import { systemClock, type Clock } from "../async/clock.ts";
import type { Send } from "../http/send.ts";
import { pushSmallImage, startRegistry, type RunningRegistry } from "../../test/support/running-registry.ts";

let registry: RunningRegistry;
let folder: string;

beforeAll(async () => {
  registry = await startRegistry();
  folder = mkdtempSync(join(tmpdir(), "waybill-program-"));
  await pushSmallImage(`${registry.host}/app:amd64`, "amd64");
});

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

const create = (...args: readonly string[]) => runInProcess(["create", ...args, `${registry.host}/app:amd64`]);

describe("a flag that is not known", () => {
  test.each([
    [["create", "--tga", "x"], "unknown flag: --tga", "Did you mean --tag?"],
    [["inspect", "--frobnicate=1", "x"], "unknown flag: --frobnicate", "see `waybill inspect --help`"],
    [["inspect", "-xy", "x"], "unknown shorthand flag: 'x' in -xy", "see `waybill inspect --help`"],
  ])("waybill %j says so in pflag's words", async (args, sentence, hint) => {
    expect(await runInProcess(args)).toMatchObject({ code: 2, stderr: `ERROR: ${sentence}\n  hint: ${hint}\n` });
  });
});

describe("a command that is not known", () => {
  test.each([
    ["creat", "Did you mean create?"],
    ["imagetool", "Did you mean imagetools?"],
    ["it's", "see `waybill --help`"],
    ["", "see `waybill --help`"],
    ["constructor", "see `waybill --help`"],
  ])("waybill %j names the nearest, or where they are listed", async (name, hint) => {
    const stderr = `ERROR: unknown command: ${JSON.stringify(name)}\n  hint: ${hint}\n`;
    expect(await runInProcess([name])).toMatchObject({ code: 2, stdout: "", stderr });
  });
});

describe("help", () => {
  const helpOf = async (...words: readonly string[]) => (await runInProcess([...words, "--help"])).stdout;

  test("help lists flags only where they mean something", async () => {
    expect(await helpOf("login")).not.toMatch(/--chunk-size|--max-descriptors/);
    expect(await helpOf("logout")).not.toContain("--builder");
    expect(await helpOf("registry", "serve")).not.toContain("--builder");
    expect(await helpOf("create")).toMatch(/--builder <name>[^]*--chunk-size[^]*--max-descriptors/);
  });

  test("help names the default of --max-retry-after", async () => {
    expect(await helpOf("create")).toMatch(/--max-retry-after <duration> [^-]*\(default: 2m\)/);
  });

  test("--builder is taken in front of every command, as docker hands it on", async () => {
    expect(await runInProcess(["--builder", "b", "version"])).toMatchObject({ code: 0 });
  });
});

test("--timeout leaves no timer behind when its command has ended", async () => {
  const waiting = new Set<number>();
  const system = systemClock();
  const clock: Clock = {
    ...system,
    after(delayMs, callback) {
      const cancel = system.after(delayMs, callback);
      waiting.add(delayMs);
      return () => {
        waiting.delete(delayMs);
        cancel();
      };
    },
  };

  const ran = await runInProcess(["inspect", "--timeout", "1h", `${registry.host}/app:amd64`], { clock });

  expect(ran.code).toBe(0);
  expect(waiting).not.toContain(3_600_000);
});

describe("create", () => {
  test.each([["none"], ["quiet"]])("create --progress %s says nothing when all went well", async (mode) => {
    expect(await create("--progress", mode, "-t", `${registry.host}/${mode}:1`)).toMatchObject({ code: 0, output: "" });
  });

  test.each([["--progress=none"], ["-q"]])("create %s tells what failed", async (flag) => {
    const { code, stdout, stderr } = await create(
      flag,
      "--expect-digest",
      `${registry.host}/none:2=sha256:${"0".repeat(64)}`,
      "-t",
      `${registry.host}/none:2`,
    );

    expect([code, stdout]).toEqual([7, ""]);
    expect(stderr).toMatch(/\/none +2 +not attempted +absent$[^]*^ {2}why .*Cannot move tag/m);
    expect(stderr.match(/Cannot move tag/g)).toHaveLength(1);
  });

  test.each([
    [["--metadata-file"], "no --metadata-file"],
    [["--timeline", "--report", "--metadata-file"], "no --metadata-file, --report, --timeline"],
  ])("create --dry-run leaves %j alone, and says so", async (flags, named) => {
    const path = join(folder, "unwritten");

    const { code, stdout, stderr } = await create("--dry-run", ...flags.flatMap((flag) => [flag, path]));

    expect([code, stderr, existsSync(path)]).toEqual([0, `WARNING: --dry-run writes ${named}\n`, false]);
    expect(JSON.parse(stdout)).toHaveProperty("manifests");
  });

  test("create --strategy serial stages one registry after the other, then tags in the same order", async () => {
    const written: string[] = [];
    const noted = (name: string) => ({
      wrap: (next: Send): Send => {
        return (request) => {
          const [, tag] = /\/manifests\/(1)$/.exec(request.url) ?? [];
          if (request.method === "PUT") written.push(`${name} ${tag === undefined ? "content" : "tag"}`);
          return next(request);
        };
      },
    });
    await using left = await startRegistry(noted("left"));
    await using right = await startRegistry(noted("right"));
    const tags = [left, right].flatMap(({ host }) => ["-t", `${host}/app:1`]);

    expect(await create("--strategy", "serial", ...tags)).toMatchObject({ code: 0 });

    expect(written.filter((line, at) => line !== written[at - 1])).toEqual([
      "left content",
      "right content",
      "left tag",
      "right tag",
    ]);
  });

  test("create --limit shows its form and says what is wrong", async () => {
    const { code, stderr } = await create("--limit", "docker.io=8", "-t", `${registry.host}/none:3`);

    const form = "registry=HOST,concurrency=8,rps=10,bandwidth=20MiB";
    expect([code, stderr]).toEqual([
      2,
      `ERROR: invalid argument "docker.io=8" for "--limit" flag: expected ${form}: there is no part "docker.io=8"\n`,
    ]);
  });

  test.each(["1", "1023", "0", "-5", "5X"])(
    "create --chunk-size %s is refused, with what is possible",
    async (size) => {
      const { code, stderr } = await create(`--chunk-size=${size}`, "-t", `${registry.host}/none:4`);

      expect([code, stderr]).toEqual([
        2,
        `ERROR: invalid argument "${size}" for "--chunk-size" flag: expected 1KiB or more, such as 16MiB
`,
      ]);
    },
  );

  test.each([
    [["--metadata-file", ""]],
    [["--metadata-file="]],
    [["--metadata-file", "/none/x", "--metadata-file", ""]],
  ])("create %j writes none, as an unset variable leaves it", async (flags) => {
    expect(await create(...flags, "-t", `${registry.host}/unset:1`)).toMatchObject({ code: 0 });
  });

  test.each(["--report", "--timeline", "--state", "--ca-file", "--file"])(
    "create %s refuses a path of no letters",
    async (flag) => {
      const { code, stderr } = await create(flag, "", "-t", `${registry.host}/none:5`);

      expect([code, stderr]).toEqual([2, `ERROR: invalid argument "" for "${flag}" flag: expected a path\n`]);
    },
  );

  test("create --chunk-size takes its least", async () => {
    expect(await create("--chunk-size", "1KiB", "-t", `${registry.host}/chunks:1`)).toMatchObject({ code: 0 });
  });
});
