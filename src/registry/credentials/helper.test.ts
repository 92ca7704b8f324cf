import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, lstat, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { dockerConfigFile, nodeCredentialEnvironment } from "./environment.ts";
import { helperCredential, storeInHelper, type HelperRun } from "./helper.ts";
import { Secret } from "../../http/send.ts";

const helper = (answer: Partial<HelperRun>, name = "x") => ({
  name,
  run: async () => ({ exitCode: 0, stdout: "", stderr: "", ...answer }),
});

describe("helperCredential", () => {
  test("reads user and password, and takes <token> for an identity token", async () => {
    expect(
      await helperCredential(helper({ stdout: '{"ServerURL":"r","Username":"u","Secret":"s"}' }), "r.io"),
    ).toMatchObject({ kind: "basic", username: "u" });
    expect(await helperCredential(helper({ stdout: '{"Username":"<token>","Secret":"s"}' }), "r.io")).toMatchObject({
      kind: "identity-token",
    });
  });

  test.each(["../../evil", "x; rm -rf", "-flag", "", "a".repeat(65), "a/b", "a b", "a\0"])(
    "runs nothing when the name is %j",
    async (name) => {
      let ran = false;
      const run = async () => {
        ran = true;
        return { exitCode: 0, stdout: "", stderr: "" };
      };

      await expect(helperCredential({ name, run }, "r.io")).rejects.toMatchObject({ code: "invalid_config" });
      expect(ran).toBe(false);
    },
  );

  test.each(["", "no json", "[]", '{"Secret":3}', "{".repeat(50)])("fails when the answer is %j", async (stdout) => {
    const seen = helperCredential(helper({ stdout }), "r.io");

    if (stdout === "[]") expect(await seen).toBeUndefined();
    else await expect(seen).rejects.toMatchObject({ code: "credential_helper_failed" });
  });

  test("shows no secret when the helper prints one and fails, or echoes what it was to store", async () => {
    const printed = helper({ exitCode: 1, stdout: '{"Username":"u","Secret":"canary-1"}' });
    const echoed = helper({ exitCode: 1, stdout: "cannot keep canary-2" });
    const muttered = helper({ exitCode: 1, stderr: "cannot keep canary-2" });
    const login = { username: "u", password: new Secret("canary-2") };

    const errors = await Promise.all(
      [
        helperCredential(printed, "r.io"),
        storeInHelper(echoed, "r.io", login),
        storeInHelper(muttered, "r.io", login),
      ].map((it) =>
        it.then(
          () => undefined,
          (error: unknown) => error,
        ),
      ),
    );

    expect(errors.every((error) => error instanceof Error)).toBe(true);
    expect(inspect(errors, { depth: 9, showHidden: true }) + JSON.stringify(errors)).not.toContain("canary");
  });
});

describe("nodeCredentialEnvironment", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "waybill-helper-"));
    const script =
      '#!/bin/sh\nread server\ncase "$1 $server" in\n"get r.io") echo "{\\"Username\\":\\"u\\",\\"Secret\\":\\"s\\"}";;\n*) echo "credentials not found in native keychain"; exit 1;;\nesac\n';
    await writeFile(join(folder, "docker-credential-shell"), script);
    await chmod(join(folder, "docker-credential-shell"), 0o755);
  });
  afterAll(() => rm(folder, { recursive: true }));

  const real = () => ({ name: "shell", run: nodeCredentialEnvironment({ PATH: `${folder}:/usr/bin:/bin` }).run });

  test("runs a real helper with the server on its standard input", async () => {
    expect(await helperCredential(real(), "r.io")).toMatchObject({ kind: "basic", username: "u" });
    expect(await helperCredential(real(), "other.io")).toBeUndefined();
  });

  test("names helper and host when the program is missing", async () => {
    await expect(helperCredential({ ...real(), name: "absent" }, "r.io")).rejects.toMatchObject({
      code: "credential_helper_failed",
      message:
        'Cannot ask credential helper "docker-credential-absent" about "r.io": Cannot run "docker-credential-absent": it is not on the PATH',
    });
  });

  test.each([
    ["stray", "#!/nonexistent/interpreter\n", 0o755, /: the program that its first line names is missing$/],
    ["locked", "#!/bin/sh\n", 0o644, /: permission denied$/],
    ["chatty", "#!/bin/sh\nhead -c 2000000 /dev/zero\n", 0o755, /: it said more than 1048576 bytes$/],
    ["silent", "#!/bin/sh\nexit 3\n", 0o755, /: it ended with exit code 3 and answered nothing$/],
    ["muttering", "#!/bin/sh\necho no bus >&2\nexit 3\n", 0o755, /: it ended with exit code 3 .* nothing: "no bus"$/],
  ])("says in words why %s cannot be asked", async (name, script, mode, message) => {
    await writeFile(join(folder, `docker-credential-${name}`), script, { mode });

    await expect(helperCredential({ ...real(), name }, "r.io")).rejects.toMatchObject({
      code: "credential_helper_failed",
      message: expect.stringMatching(message),
    });
  });

  test("takes the home folder from the environment, then from the caller, and from nowhere else", async () => {
    const home = join(folder, "home");
    await mkdir(join(home, ".docker"), { recursive: true });
    await writeFile(join(home, ".docker", "config.json"), "{}");
    vi.stubEnv("HOME", home);
    const found = async (...from: Parameters<typeof nodeCredentialEnvironment>) => {
      const environment = nodeCredentialEnvironment(...from);
      return (await environment.readFile(dockerConfigFile(environment))) !== undefined;
    };

    expect(await found({})).toBe(false);
    expect(await found({ HOME: "", USERPROFILE: home }, "/nonexistent")).toBe(true);
    expect(await found({ HOME: "" }, home)).toBe(true);
    vi.unstubAllEnvs();
  });

  test("reads absent files and folders as nothing, and replaces a file with mode 0600", async () => {
    const environment = nodeCredentialEnvironment({});
    const path = join(folder, "new", "config.json");

    expect(await environment.readFile(path)).toBeUndefined();
    expect(await environment.readDir(join(folder, "new"))).toEqual([]);
    await environment.replaceFile(path, Buffer.from("one"));
    await chmod(path, 0o644);
    await environment.replaceFile(path, Buffer.from("two"));
    expect(Buffer.from((await environment.readFile(path))!).toString()).toBe("two");
    expect(await environment.modeOf(path)).toBe(0o600);
    expect(await environment.readDir(join(folder, "new"))).toEqual(["config.json"]);
  });

  test("replaces the file that a symbolic link points to, and leaves no other file behind", async () => {
    const environment = nodeCredentialEnvironment({});
    const [link, target] = [join(folder, "linked", "config.json"), join(folder, "target", "real.json")];
    await environment.replaceFile(target, Buffer.from("one"));
    await mkdir(join(folder, "linked"));
    await symlink(target, link);

    await environment.replaceFile(link, Buffer.from("two"));

    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect(Buffer.from((await environment.readFile(target))!).toString()).toBe("two");
    expect(await environment.readDir(join(folder, "target"))).toEqual(["real.json"]);
  });

  describe.skipIf(process.platform === "win32")("readFile of a FIFO", () => {
    const fifo = (name: string) => {
      const path = join(folder, name);
      execFileSync("mkfifo", [path]);
      return path;
    };

    test("waits for the writer, and leaves all threads for files to others", async () => {
      // More than Node has threads for files.
      const paths = Array.from({ length: 8 }, (_, index) => fifo(`fifo-${index}`));
      const environment = nodeCredentialEnvironment({});
      const reading = Promise.all(paths.map((path) => environment.readFile(path)));
      for (let round = 0; round < 20; round += 1) await writeFile(join(folder, "free"), "");
      spawn("sh", ["-c", 'for path; do printf x >"$path"; done', "sh", ...paths]);
      expect(Buffer.concat((await reading).map((bytes) => bytes!)).toString()).toBe("x".repeat(8));
    });

    test("refuses one that gives more than a file may hold", async () => {
      const path = fifo("endless");
      const writer = spawn("sh", ["-c", 'exec cat /dev/zero >"$0"', path]);
      await expect(nodeCredentialEnvironment({}).readFile(path)).rejects.toMatchObject({ code: "too_large" });
      await once(writer, "close");
    });
  });

  test("says what it saw when a path cannot be read", async () => {
    await expect(nodeCredentialEnvironment({}).readFile(folder)).rejects.toMatchObject({ code: "io_failed" });
  });
});
