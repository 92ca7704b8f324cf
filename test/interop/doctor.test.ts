import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HttpRequest, Method } from "../../src/http/send.ts";
import { faulty, type FaultRule } from "../../src/server/faults.ts";
import { pushSmallImage, startRegistry } from "../support/running-registry.ts";
import { has } from "./busybox.ts";
import { fill, type Filled } from "./fill.ts";
import { runProgram, startDockerRegistry, waybill, type Server } from "./processes.ts";

const absent = ["docker-buildx", "docker-registry"].filter((command) => !has(command));
if (absent.length > 0) console.warn(`skipped: the tests of doctor and explain need ${absent.join(", ")} on PATH`);

describe.skipIf(absent.length > 0)("with programs of others", () => {
  const folder = mkdtempSync(join(tmpdir(), "doctor-"));
  const env = { DOCKER_CONFIG: join(folder, "docker") };
  let server: Server;
  let filled: Filled;

  beforeAll(async () => {
    server = await startDockerRegistry();
    filled = await fill(`http://${server.host}`, "lib/app");
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  test("waybill doctor finds nothing wrong with docker-registry, and leaves no upload behind", async () => {
    const repository = `${server.host}/lib/app`;

    const { exitCode, stdout } = await waybill(["doctor", "--json", "--probe", repository, `${repository}:multi`], env);

    const { sections } = JSON.parse(stdout) as {
      sections: { findings: { check: string; level: string; text: string }[] }[];
    };
    const told = new Map(sections.flatMap(({ findings }) => findings).map(({ check, text }) => [check, text]));
    expect(exitCode).toBe(0);
    expect(told.get("referrers")).toMatch(/^no API: a fallback tag lists them/);
    expect(told.get("probe")).toBe("lib/app: upload opened, 1024 bytes sent, 1024 held, cancelled");
    expect(told.get("manifest")).toContain("lib/app:multi is sha256:");
  });

  /** The log of buildx, after the command as a shell with `set -x` shows it. */
  async function logOf(args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<string> {
    const { stdout, stderr } = await runProgram("docker-buildx", ["imagetools", ...args], { ...env, ...more });
    return `+ docker-buildx imagetools ${args.join(" ")}\n${stdout}${stderr}`;
  }

  async function explained(log: string): Promise<{ readonly ids: readonly string[]; readonly text: string }> {
    const file = join(folder, "job.log");
    writeFileSync(file, log);
    const { stdout } = await waybill(["explain", "--json", file], env);
    const { findings, command } = JSON.parse(stdout) as { findings: { id: string }[]; command?: { text: string } };
    return { ids: findings.map(({ id }) => id), text: command?.text ?? "" };
  }

  test.each([
    ["not-found", ["create", "-t", "HOST/out:1", "HOST/lib/app:none"], {}],
    ["no-console", ["create", "--progress", "tty", "-t", "HOST/out:1", "HOST/lib/app:amd64"], {}],
    ["connection-refused", ["create", "-t", "127.0.0.1:1/out:1", "HOST/lib/app:amd64"], {}],
    ["no-builder", ["create", "--builder", "none", "-t", "HOST/out:1", "HOST/lib/app:amd64"], {}],
    ["unknown-repository", ["create", "-t", "HOST/a:1", "-t", "HOST/b:1", "DIGEST"], {}],
  ])("waybill explain finds %s in what buildx says of %j", async (id, args, more) => {
    const words = args.map((word) =>
      word.replace("HOST", server.host).replace("DIGEST", String(filled.descriptors["amd64"]?.digest)),
    );

    const { ids, text } = await explained(await logOf(words, more));

    expect(ids).toContain(id);
    expect(text).toBe(["waybill", ...words].join(" "));
  });

  const errors = (code: string, message = "no") => JSON.stringify({ errors: [{ code, message }] });

  test.each([
    ["rate-limited", "POST", 429, errors("TOOMANYREQUESTS")],
    ["docker-hub-pull-limit", "GET", 429, errors("TOOMANYREQUESTS", "You have reached your pull rate limit.")],
    ["denied", "POST", 403, errors("DENIED")],
    ["unauthorized", "POST", 401, errors("UNAUTHORIZED")],
    ["quota", "POST", 403, errors("DENIED", "quota of storage would exceed")],
    ["name-unknown", "POST", 404, errors("NAME_UNKNOWN", "repository name not known to registry")],
    ["server-error", "POST", 502, "<html>bad gateway</html>"],
    ["server-error", "POST", 503, ""],
    ["body-too-large", "PUT", 413, "<html>too large</html>"],
    ["upload-unknown", "PUT", 404, errors("BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")],
    ["upload-invalid", "PUT", 416, errors("BLOB_UPLOAD_INVALID", "blob upload invalid")],
    ["blob-unknown", "PUT manifest", 400, errors("MANIFEST_BLOB_UNKNOWN", "blob unknown to registry")],
    ["tag-immutable", "PUT manifest", 400, errors("TAG_INVALID", "tag already exists and is immutable")],
    ["manifest-invalid", "PUT manifest", 400, errors("MANIFEST_INVALID", "manifest invalid")],
  ])("waybill explain finds %s in what buildx says where %s is answered by %d", async (id, what, status, body) => {
    const [method, isManifest] = what.split(" ");
    const when = ({ url }: HttpRequest) =>
      isManifest ? url.includes("/manifests/") : !url.includes("/manifests/") || method === "GET";
    const rule: FaultRule = {
      method: method as Method,
      when,
      times: Infinity,
      fault: { kind: "status", status, body },
    };
    const isArmed = { value: false };
    await using faultyOne = await startRegistry({
      mounts: false,
      wrap: (next) => {
        const broken = faulty(next, [rule]);
        return (request) => (isArmed.value ? broken : next)(request);
      },
    });
    await pushSmallImage(`${faultyOne.host}/app:amd64`, "amd64");
    isArmed.value = true;

    const log = await logOf(["create", "-t", `${faultyOne.host}/out:1`, `${faultyOne.host}/app:amd64`]);

    expect((await explained(log)).ids, log).toContain(id);
  });
});
