import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildProgram, type Program } from "../support/program.ts";
import { pushSmallImage } from "../support/running-registry.ts";

let program: Program;
let folder: string;

beforeAll(() => {
  program = buildProgram();
  folder = mkdtempSync(join(tmpdir(), "waybill-serve-"));
}, 60_000);

afterAll(() => {
  program[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Starts the registry on a free port. The caller ends it. */
async function start(...args: readonly string[]): Promise<{ child: ChildProcess; host: string }> {
  const command = [program.path, "registry", "serve", "--listen", "127.0.0.1:0", ...args];
  const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return { child, host: line.toString().trim().replace("listening on http://", "") };
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

describe("waybill registry serve", () => {
  test.each([[["--auth", "bearer"]], [["--auth", "basic"]], [["--anonymous-pull"]]])(
    "waybill registry serve %j without users is a usage error, not an open registry",
    async (args) => {
      const { code, stdout, stderr } = await program.run(["registry", "serve", "--listen", "127.0.0.1:0", ...args], {
        onStart: (child) => child.stdout?.once("data", () => child.kill("SIGINT")),
      });

      expect([code, stdout]).toEqual([2, ""]);
      expect(stderr).toContain(`ERROR: Cannot serve: ${args[0]} needs the users of --htpasswd\n`);
    },
  );
});

describe("waybill registry serve --data", () => {
  test("waybill registry serve starts again after it was killed, and has everything", async () => {
    const data = join(folder, "killed");
    const first = await start("--data", data);
    await pushSmallImage(`${first.host}/app:1`, "amd64");

    await end(first.child, "SIGKILL");
    const second = await start("--data", data);
    const seen = await program.run(["inspect", "--format", "{{.Manifest.Digest}}", `${second.host}/app:1`]);
    await end(second.child, "SIGTERM");

    expect(seen).toEqual({ code: 0, stdout: expect.stringMatching(/^sha256:[0-9a-f]{64}\n?$/), stderr: "" });
  });

  test("waybill registry serve refuses a folder that another one has open", async () => {
    const data = join(folder, "open");
    const { child } = await start("--data", data);

    const { code, stderr } = await program.run(["registry", "serve", "--listen", "127.0.0.1:0", "--data", data]);
    await end(child, "SIGTERM");

    expect([code, stderr]).toEqual([7, expect.stringContaining(`Cannot open storage "${data}": another process`)]);
  });
});
