import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { architectures, downloadBusybox, has, readJson, writeLayout } from "./busybox.ts";
import { runProgram, startDockerRegistry, startWaybillRegistry, waybill, type Server } from "./processes.ts";

const absent = ["skopeo", "docker-registry", "apt-get", "dpkg-deb"].filter((command) => !has(command));
if (absent.length > 0) console.warn(`skipped: busybox interop needs ${absent.join(", ")}`);

const insecure = ["--tls-verify=false"] as const;

describe.skipIf(absent.length > 0)("a real image for four platforms", () => {
  const folder = mkdtempSync(join(tmpdir(), "interop-"));
  const servers: Server[] = [];
  let debian: Server;
  let ours: Server;

  beforeAll(async () => {
    debian = await startDockerRegistry();
    ours = await startWaybillRegistry(["--data", join(folder, "data")]);
    servers.push(debian, ours);
    const packages = downloadBusybox(folder);
    for (const { debian: name, platform } of architectures) {
      const layout = join(folder, "layouts", name);
      mkdirSync(layout, { recursive: true });
      writeLayout(layout, packages.get(name)!, platform);
      await skopeo([
        "copy",
        `oci:${layout}:latest`,
        `docker://${debian.host}/busybox:${name}`,
        "--dest-tls-verify=false",
      ]);
    }
  });

  afterAll(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  async function skopeo(args: readonly string[]): Promise<string> {
    const result = await runProgram("skopeo", args);
    if (result.exitCode !== 0) throw new Error(`skopeo ${args.join(" ")}: ${result.stderr}`);
    return result.stdout;
  }

  test("pushed with skopeo and combined by us is pulled byte for byte by skopeo", async () => {
    const sources = architectures.map(({ debian: name }) => `${debian.host}/busybox:${name}`);
    const made = await waybill([
      "create",
      "-t",
      `${debian.host}/all/busybox:1`,
      "-t",
      `${ours.host}/all/busybox:1`,
      "-q",
      ...sources,
    ]);
    expect(made.stderr).toBe("");
    expect(made.exitCode).toBe(0);

    for (const host of [debian.host, ours.host]) {
      const target = join(folder, `pulled-${host.replace(":", "-")}`);
      await skopeo(["copy", "--all", "--src-tls-verify=false", `docker://${host}/all/busybox:1`, `oci:${target}:1`]);
      for (const { debian: name } of architectures) expectSameBlobs(join(folder, "layouts", name), target);
      const inspected = JSON.parse(
        await skopeo(["inspect", "--raw", ...insecure, `docker://${host}/all/busybox:1`]),
      ) as {
        manifests: { platform: object }[];
      };
      expect(inspected.manifests.map((manifest) => manifest.platform)).toEqual(
        architectures.map(({ platform }) => platform),
      );
    }
  });

  test("skopeo pushes to our registry and pulls the same bytes from it", async () => {
    const layout = join(folder, "layouts", "amd64");
    await skopeo(["copy", `oci:${layout}:latest`, `docker://${ours.host}/direct/busybox:1`, "--dest-tls-verify=false"]);
    const target = join(folder, "direct");
    await skopeo(["copy", "--src-tls-verify=false", `docker://${ours.host}/direct/busybox:1`, `oci:${target}:1`]);
    expectSameBlobs(layout, target);
    expect(await skopeo(["list-tags", ...insecure, `docker://${ours.host}/direct/busybox`])).toContain('"1"');
  });

  test("inspect reads what skopeo pushed, and its raw output has the digest it names", async () => {
    const text = await waybill(["inspect", `${debian.host}/busybox:arm64`]);
    expect(text.exitCode).toBe(0);
    const digest = /Digest: +(sha256:[0-9a-f]{64})/.exec(text.stdout)?.[1];
    expect(digest).toBe(
      (
        await skopeo(["inspect", "--format", "{{.Digest}}", ...insecure, `docker://${debian.host}/busybox:arm64`])
      ).trim(),
    );
  });

  test.skipIf(!has("docker"))(
    "the docker CLI inspects, creates and pushes a manifest list against our registry",
    async () => {
      const config = join(folder, "docker");
      mkdirSync(config, { recursive: true });
      const docker = (...args: string[]) => runProgram("docker", ["--config", config, "manifest", ...args]);
      await waybill([
        "create",
        "-q",
        "--prefer-index=false",
        "-t",
        `${ours.host}/cli/busybox:amd64`,
        `${debian.host}/busybox:amd64`,
      ]);
      await waybill([
        "create",
        "-q",
        "--prefer-index=false",
        "-t",
        `${ours.host}/cli/busybox:arm64`,
        `${debian.host}/busybox:arm64`,
      ]);

      const inspected = await docker("inspect", "--insecure", `${ours.host}/cli/busybox:amd64`);
      expect(inspected.stderr).toBe("");
      expect(inspected.exitCode).toBe(0);

      const made = await docker(
        "create",
        "--insecure",
        `${ours.host}/cli/busybox:list`,
        `${ours.host}/cli/busybox:amd64`,
        `${ours.host}/cli/busybox:arm64`,
      );
      expect(made.exitCode, made.stderr).toBe(0);
      const pushed = await docker("push", "--insecure", `${ours.host}/cli/busybox:list`);
      expect(pushed.exitCode, pushed.stderr).toBe(0);
      const text = await waybill(["inspect", `${ours.host}/cli/busybox:list`]);
      expect(text.stdout).toContain("linux/arm64");
    },
  );

  test.skipIf(!has("docker"))("the docker CLI runs us as its plugin", async () => {
    const config = join(folder, "docker-plugin");
    const installed = await waybill(["plugin", "install"], { DOCKER_CONFIG: config });
    expect(installed.exitCode, installed.stderr).toBe(0);
    expect(existsSync(join(config, "cli-plugins", "docker-waybill"))).toBe(true);
    const result = await runProgram("docker", [
      "--config",
      config,
      "waybill",
      "inspect",
      "--raw",
      `${debian.host}/busybox:amd64`,
    ]);
    expect(result.exitCode, result.stderr).toBe(0);
    expect(JSON.parse(result.stdout)).toHaveProperty("schemaVersion", 2);
  });
});

/** Every blob of the layout `from` is in the layout `to`, byte for byte; manifests too, since skopeo keeps digests. */
function expectSameBlobs(from: string, to: string): void {
  const { manifests } = readJson(join(from, "index.json")) as { manifests: { digest: string }[] };
  const read = (layout: string, digest: string) => readFileSync(join(layout, "blobs/sha256", digest.slice(7)));
  const pending = manifests.map((manifest) => manifest.digest);
  for (let digest = pending.pop(); digest !== undefined; digest = pending.pop()) {
    const bytes = read(from, digest);
    expect(read(to, digest).equals(bytes)).toBe(true);
    if (bytes[0] === 0x7b) pending.push(...childDigests(bytes));
  }
}

function childDigests(bytes: Buffer): string[] {
  const document = JSON.parse(bytes.toString()) as { config?: { digest?: string }; layers?: { digest: string }[] };
  return [document.config?.digest, ...(document.layers ?? []).map((layer) => layer.digest)].filter(
    (digest) => digest !== undefined,
  );
}
