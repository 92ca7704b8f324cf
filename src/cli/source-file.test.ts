import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runInProcess } from "../../test/support/in-process.ts";

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "waybill-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const dryRun = (args: readonly string[], input = "") => runInProcess(["create", "--dry-run", ...args], { input });

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

describe("--file", () => {
  test("- reads the source from standard input", async () => {
    const { code, stderr } = await dryRun(["-f", "-"], "sha256:abc\n");
    expect(code).toBe(2);
    expect(stderr).toMatch(/^ERROR: failed to parse source "sha256:abc", valid sources are digests, references and/);
    expect(stderr).toMatch(/^ {2}hint: the source was read from "-"$/m);
  });

  test("- is taken once, because standard input can be read only once", async () => {
    const { code, stderr } = await dryRun(["-f", "-", "-f", "-"], "sha256:abc\n");
    expect(code).toBe(2);
    expect(stderr).toMatch(/^ERROR: Cannot read sources: standard input was named twice by --file$/m);
  });

  test("- takes no more than a metadata file may be long", async () => {
    const { code, stderr } = await dryRun(["-f", "-"], " ".repeat(33 * 1024 * 1024));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^ERROR: Cannot read source from standard input: it is longer than 33554432 bytes$/m);
  });

  test("a source that cannot be understood names its file", async () => {
    const { code, stderr } = await dryRun(["-f", file("amd64.json", "")]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^ERROR: failed to parse source "", valid sources/);
    expect(stderr).toMatch(/^ {2}hint: the source was read from ".*amd64\.json"$/m);
  });

  test("a folder is no source", async () => {
    const { code, stderr } = await dryRun(["-f", folder]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^ERROR: Cannot read source file ".*": it is a folder$/m);
  });
});
