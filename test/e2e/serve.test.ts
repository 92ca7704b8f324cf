import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildProgram, type Program } from "../support/program.ts";
import { pushSmallImage } from "../support/running-registry.ts";
import { selfSigned } from "../support/self-signed.ts";

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

  // Of util-linux; others take other arguments.
  const hasScript = spawnSync("script", ["--version"]).status === 0;
  test.skipIf(!hasScript).each([
    ["ends in order", "", "0\n"],
    [
      "tells a mistake in vain, and ends with its code,",
      `process.on("SIGHUP", () => { throw new Error("mistake"); })`,
      "70\n",
    ],
  ])("waybill registry serve %s when its terminal is closed", async (_what, first, code) => {
    const file = join(folder, `code-${code.trim()}`);
    const preload = join(folder, "first.mjs");
    writeFileSync(preload, first);
    const serving = `"${process.execPath}" --import "${preload}" "${program.path}" registry serve --listen 127.0.0.1:0`;
    // The shell around it hears of the closed terminal too, and is to outlive it.
    const command = `(trap : HUP; ${serving}; echo $? >"${file}"); :`;
    const env = { ...process.env, SHELL: "/bin/sh" };
    const terminal = spawn("script", ["-qc", command, "/dev/null"], { stdio: ["ignore", "pipe", "inherit"], env });
    await once(terminal.stdout, "data");

    terminal.kill("SIGKILL");

    await expect.poll(() => existsSync(file) && readFileSync(file, "utf8"), { timeout: 10_000 }).toBe(code);
  });
});

describe("waybill registry serve --tls-cert", () => {
  test("waybill registry serve names the file that cannot be used for TLS", async (context) => {
    const [own, other] = [await selfSigned(), await selfSigned()];
    context.skip(!own || !other, "skipped: no openssl to make a certificate with");
    if (!own || !other) return;
    const file = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const [cert, key, alien] = [file("cert.pem", own.cert), file("key.pem", own.key), file("alien.pem", other.key)];
    const serving = (certFile: string, keyFile: string) =>
      program.run(["registry", "serve", "--listen", "127.0.0.1:0", "--tls-cert", certFile, "--tls-key", keyFile], {
        onStart: (child) => child.stdout?.once("data", () => child.kill("SIGINT")),
      });
    const failsBy = (reason: string) => ({ code: 1, stdout: "", stderr: `ERROR: Cannot serve TLS: ${reason}\n` });

    expect(await serving(key, key)).toEqual(failsBy(`--tls-cert "${key}" is no certificate in PEM (no start line)`));
    expect(await serving(cert, cert)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining(`Cannot serve TLS: --tls-key "${cert}" is no key in PEM without a password (`),
    });
    expect(await serving(cert, alien)).toEqual(
      failsBy(`--tls-key "${alien}" is not the key of --tls-cert "${cert}" (key values mismatch)`),
    );
  });
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
