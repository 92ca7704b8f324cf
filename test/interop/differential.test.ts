import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { has } from "./busybox.ts";
import { digestOf, fill, type Filled } from "./fill.ts";
import { runProgram, startDockerRegistry, waybill, type Finished, type Server } from "./processes.ts";

const absent = ["docker-buildx", "docker-registry"].filter((command) => !has(command));
if (absent.length > 0) console.warn(`skipped: the differential tests need ${absent.join(", ")} on PATH`);

/** The same words to buildx and to us, over one registry. Differences that we want are in docs/from-buildx.md. */
describe.skipIf(absent.length > 0)("docker buildx and waybill", () => {
  const folder = mkdtempSync(join(tmpdir(), "differential-"));
  let server: Server;
  let filled: Filled;

  beforeAll(async () => {
    server = await startDockerRegistry();
    filled = await fill(`http://${server.host}`, "lib/app");
    writeFileSync(join(folder, "descriptor.json"), JSON.stringify(filled.descriptors["amd64"]));
    writeFileSync(
      join(folder, "windows.json"),
      JSON.stringify({
        ...filled.descriptors["arm64"],
        platform: { os: "windows", architecture: "amd64", "os.version": "10.0.17763.1" },
      }),
    );
  });

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  async function both(args: readonly string[]): Promise<{ theirs: Finished; ours: Finished }> {
    const words = args.map((word) =>
      word.replaceAll("REPO", `${server.host}/lib/app`).replaceAll("HOST", server.host).replaceAll("FOLDER", folder),
    );
    const env = { DOCKER_CONFIG: join(folder, "docker") };
    const [theirs, ours] = await Promise.all([
      runProgram("docker-buildx", ["imagetools", ...words], env),
      waybill(["imagetools", ...words], env),
    ]);
    return { theirs, ours };
  }

  test.each([
    ["two images", ["create", "--dry-run", "REPO:amd64", "REPO:arm64"]],
    ["one image", ["create", "--dry-run", "REPO:amd64"]],
    ["one image as it is", ["create", "--dry-run", "--prefer-index=false", "REPO:amd64"]],
    ["an index as it is", ["create", "--dry-run", "REPO:multi"]],
    ["an index and an image", ["create", "--dry-run", "REPO:multi", "REPO:arm"]],
    ["the same image twice", ["create", "--dry-run", "REPO:amd64", "REPO:amd64"]],
    [
      "index annotation",
      ["create", "--dry-run", "--annotation", "index:a=<b>&c", "--annotation", "index:A=1", "REPO:amd64", "REPO:arm64"],
    ],
    [
      "descriptor annotation",
      ["create", "--dry-run", "--annotation", "manifest-descriptor:a=b", "REPO:amd64", "REPO:arm64"],
    ],
    [
      "descriptor annotation of one platform",
      ["create", "--dry-run", "--annotation", "manifest-descriptor[linux/arm64]:a=b", "REPO:amd64", "REPO:arm64"],
    ],
    ["both types", ["create", "--dry-run", "--annotation", "index,manifest-descriptor:a=b", "REPO:amd64"]],
    ["platform filter", ["create", "--dry-run", "--platform", "linux/arm64", "REPO:multi"]],
    ["platform filter keeps attestations", ["create", "--dry-run", "--platform", "linux/amd64", "REPO:attested"]],
    [
      "platform filter that keeps everything",
      ["create", "--dry-run", "--platform", "linux/amd64,linux/arm64", "REPO:multi"],
    ],
    ["docker list", ["create", "--dry-run", "REPO:docker-amd64", "REPO:docker-arm64"]],
    ["docker and OCI", ["create", "--dry-run", "REPO:docker-amd64", "REPO:arm64"]],
    ["append", ["create", "--dry-run", "--append", "-t", "REPO:multi", "REPO:arm"]],
    ["file", ["create", "--dry-run", "-f", "FOLDER/descriptor.json", "-t", "REPO:x"]],
    ["attested index with another", ["create", "--dry-run", "REPO:attested", "REPO:arm"]],
  ])("print the same bytes for %s", async (_name, args) => {
    const { theirs, ours } = await both(args);
    expect(theirs.exitCode, theirs.stderr).toBe(0);
    expect(ours.exitCode, ours.stderr).toBe(0);
    expect(ours.stdout).toBe(theirs.stdout);
  });

  test.each([
    ["no source", ["create", "-t", "REPO:x"]],
    ["no tag", ["create", "REPO:amd64"]],
    ["bad digest", ["create", "--dry-run", "-t", "REPO:x", "sha256:abc"]],
    ["no repository", ["create", "--dry-run", `sha256:${"0".repeat(64)}`]],
    ["two repositories", ["create", "--dry-run", "-t", "HOST/a:1", "-t", "HOST/b:1", `sha256:${"0".repeat(64)}`]],
    ["platform nobody has", ["create", "--dry-run", "--platform", "linux/s390x", "REPO:multi"]],
    ["annotation without value", ["create", "--dry-run", "--annotation", "nothing", "REPO:amd64"]],
    ["annotation type", ["create", "--dry-run", "--annotation", "what:a=b", "REPO:amd64"]],
    ["index-descriptor annotation", ["create", "--dry-run", "--annotation", "index-descriptor:a=b", "REPO:amd64"]],
    ["format and raw", ["inspect", "--raw", "--format", "{{.Name}}", "REPO:amd64"]],
  ])("refuse %s, ours in the same words", async (_name, args) => {
    const { theirs, ours } = await both(args);
    const sentence = theirs.stderr.trim().split("\n").at(-1)?.replace("ERROR: ", "");
    expect(theirs.exitCode).not.toBe(0);
    expect(ours.exitCode).not.toBe(0);
    expect(ours.stderr).toContain(sentence);
  });

  test.each(["amd64", "multi", "attested", "annotated", "docker-list"])("inspect %s alike", async (tag) => {
    for (const how of [
      [],
      ["--raw"],
      ["--format", "{{json .Manifest}}"],
      ["--format", "{{json .Image}}"],
      ["--format", "{{json .}}"],
      ["--format", "{{json .SBOM}}"],
      ["--format", "{{json .Provenance}}"],
      ["--format", "{{.Name}} {{.Manifest.Digest}}"],
    ]) {
      const { theirs, ours } = await both(["inspect", ...how, `REPO:${tag}`]);
      expect(theirs.exitCode, theirs.stderr).toBe(0);
      const addition = tag === "annotated" && how.length === 0;
      if (addition) expect(ours.stdout.startsWith(theirs.stdout.trimEnd())).toBe(true);
      else expect(sortedAnnotations(ours.stdout), how.join(" ")).toBe(sortedAnnotations(theirs.stdout));
    }
  });

  test("push the same digests", async () => {
    const ours = join(folder, "ours.json");
    const words = ["create", "REPO:attested", "REPO:arm", "-t"].map((word) =>
      word.replace("REPO", `${server.host}/lib/app`),
    );
    const env = { DOCKER_CONFIG: join(folder, "docker") };
    expect(await waybill([...words, `${server.host}/ours/app:1`, "--metadata-file", ours], env)).toMatchObject({
      exitCode: 0,
    });
    expect(await theirsAtLast([...words, `${server.host}/theirs/app:1`], env)).toMatchObject({ exitCode: 0 });
    const shown = await runProgram(
      "docker-buildx",
      ["imagetools", "inspect", "--raw", `${server.host}/theirs/app:1`],
      env,
    );
    const metadata = JSON.parse(readFileSync(ours, "utf8")) as { "containerimage.descriptor": { digest: string } };
    expect(metadata["containerimage.descriptor"].digest).toBe(digestOf(Buffer.from(shown.stdout)));
  });
});

/** Upstream's push fails now and then, which is why we exist: it gets three attempts. */
async function theirsAtLast(words: readonly string[], env: NodeJS.ProcessEnv): Promise<Finished> {
  let last = await runProgram("docker-buildx", ["imagetools", ...words], env);
  for (let attempt = 1; attempt < 3 && last.exitCode !== 0; attempt++) {
    last = await runProgram("docker-buildx", ["imagetools", ...words], env);
  }
  return last;
}

/** buildx 0.29 prints a descriptor's annotations in the order of a Go map, which is a new one each time. */
function sortedAnnotations(text: string): string {
  return text.replaceAll(/(?:^ {4}\S.*\n)+/gm, (block) => `${block.trimEnd().split("\n").toSorted().join("\n")}\n`);
}
