import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "rolldown";
import { afterAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const page = readFileSync(join(root, "docs/library.md"), "utf8");
const run = promisify(execFile);

/** The doors of the package, as the sources have them. */
const doors: Readonly<Record<string, string>> = {
  waybill: "src/index.ts",
  "waybill/registry": "src/registry/index.ts",
  "waybill/server": "src/server/index.ts",
  "waybill/testing": "src/testing.ts",
  "waybill/transfer": "src/transfer/index.ts",
};

function blocks(language: string): readonly string[] {
  const fences = page.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "gms"));
  return [...fences].map(([, text = ""]) => text);
}

describe("docs/library.md", () => {
  // Inside the package, so that the types of its dependencies are found.
  const folder = mkdtempSync(join(root, "node_modules/.docs-library-"));
  const program = join(folder, "page.ts");
  writeFileSync(program, blocks("ts").join("\n"));

  afterAll(() => rmSync(folder, { recursive: true }));

  test("prints what it says, when its blocks run as one program", async () => {
    const outfile = join(folder, "page.mjs");
    const alias = Object.fromEntries(Object.entries(doors).map(([name, path]) => [name, join(root, path)]));
    await build({
      input: program,
      platform: "node",
      resolve: { alias },
      transform: { target: "node20" },
      output: { file: outfile, codeSplitting: false },
    });
    const { stdout } = await run(process.execPath, [outfile]);
    expect(stdout).toBe(blocks("text").join(""));
  });

  test("has types that fit", async () => {
    const paths = Object.fromEntries(Object.entries(doors).map(([name, path]) => [name, [join(root, path)]]));
    const config = { extends: join(root, "tsconfig.json"), compilerOptions: { paths }, include: [], files: [program] };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));
    const tsc = join(root, "node_modules/typescript/bin/tsc");
    const { stdout } = await run(process.execPath, [tsc, "-p", folder]).catch((error: { stdout: string }) => error);
    expect(stdout).toBe("");
  }, 120_000);
});
