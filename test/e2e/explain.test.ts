import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, test } from "vitest";
import { runInProcess } from "../support/in-process.ts";

const fixtures = join(import.meta.dirname, "../fixtures/explain");
const schema = JSON.parse(readFileSync(join(import.meta.dirname, "../../schema/explain-1.json"), "utf8")) as object;
const isValid = new Ajv({ allErrors: true }).compile(schema);

describe("waybill explain", () => {
  test("tells cause, versions, issues and the command to run instead", async () => {
    const { code, stdout, stderr } = await runInProcess(["explain", join(fixtures, "push-on-closed-channel.log")]);

    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^buildx crashed while it pushed/);
    expect(stdout).toContain("\n  line 5    panic: send on closed channel\n");
    expect(stdout).toContain(
      "\n  line 8    github.com/containerd/containerd/remotes/docker.(*pushWriter).setPipe(...)\n",
    );
    expect(stdout).toContain("\n  versions  buildx 0.10 to 0.13");
    expect(stdout).toContain("docker/buildx#2232");
    expect(stdout.indexOf("The registry asks for fewer requests (429)")).toBeGreaterThan(0);
    expect(stdout).toContain(
      "\nRun instead:\n  waybill create --tag registry.example/team/app:2.0 --tag mirror.example/team/app:2.0 registry.example/team/app:2.0-amd64 registry.example/team/app:2.0-arm64\n",
    );
    expect(stdout).toContain(
      "\nLook closer:\n  waybill doctor registry.example/team/app:2.0 mirror.example/team/app:2.0\n",
    );
  });

  test("says which version a log names, and what to do where it shows no arguments", async () => {
    const { stdout } = await runInProcess(["explain", join(fixtures, "many.log")]);
    expect(stdout).toContain("(the log shows them unexpanded):\n  waybill create …\n");

    const { stdout: crash } = await runInProcess(["explain", join(fixtures, "http-tracer.log")]);
    expect(crash).toContain("buildx before 0.20; this log names 0.12.1");
  });

  test.each(readdirSync(fixtures))("--json of %s fits its schema", async (name) => {
    const { code, stdout } = await runInProcess(["explain", "--json", join(fixtures, name)]);

    expect(code).toBe(0);
    isValid(JSON.parse(stdout));
    expect(isValid.errors).toBeNull();
  });

  test("reads standard input, and exits with 1 where nothing is known", async () => {
    const { code, stdout, stderr } = await runInProcess(["explain", "-"], { input: "all is well\n" });

    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toMatch(
      /^ERROR: Cannot explain standard input: none of \d+ known failures is in its 1 lines\n {2}hint: .*report/,
    );
  });

  test("--json prints an empty list where nothing is known", async () => {
    const { code, stdout } = await runInProcess(["explain", "--json", "-"], { input: "" });

    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ schemaVersion: 1, findings: [] });
    expect(isValid(JSON.parse(stdout))).toBe(true);
  });

  test("escapes what in a log would steer a terminal", async () => {
    const input =
      "docker buildx imagetools create -t a\u202e\u0007 x\n503 Service Unavailable \u001b]52;c;aGk=\u0007\u009b2J\n";

    for (const args of [
      ["explain", "-"],
      ["explain", "--json", "-"],
    ]) {
      const { stdout, output } = await runInProcess(args, { input });
      expect(stdout).toContain("503 Service Unavailable");
      expect(output).not.toMatch(/[\p{Cc}\p{Cf}](?<!\n)/u);
    }
  });

  test("refuses a file that is not there, and more or fewer than one", async () => {
    const absent = await runInProcess(["explain", "/nonexistent/log"]);
    expect([absent.code, absent.stderr]).toEqual([1, 'ERROR: Cannot read "/nonexistent/log": there is no such file\n']);
    expect((await runInProcess(["explain"])).code).toBe(2);
    expect((await runInProcess(["explain", "a", "b"])).code).toBe(2);
  });
});
