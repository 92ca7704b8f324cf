// Builds the library and its types with tsc (dist/lib), the command line with esbuild (dist/cli), both at the same time.
// `--cli[=FOLDER]` builds the command line only, elsewhere if so told.
import { build } from "esbuild";
import { spawn } from "node:child_process";
import { chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cliOnly = process.argv.find((argument) => /^--cli(?:=|$)/.test(argument));
const cliFolder = resolve(root, cliOnly?.split("=")[1] ?? "dist/cli");

await Promise.all([buildCli(), cliOnly ? undefined : buildLibrary()]);

async function buildLibrary() {
  await rm(join(root, "dist/lib"), { recursive: true, force: true });
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const child = spawn(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) process.exitCode = 1;
}

// Dependencies are bundled, so that starting reads a handful of files; one chunk per lazily imported module.
async function buildCli() {
  await rm(cliFolder, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["src/cli/main.ts", "src/cli/quickstart.ts", "src/cli/telemetry/worker.ts"],
    outdir: cliFolder,
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    // The ES module of a package before its CommonJS one: names can be imported from that, and what nobody uses is left out.
    mainFields: ["module", "main"],
    target: "node20",
    // Dependencies written as CommonJS ask for node's own modules at run time.
    banner: {
      js: 'import { createRequire as makeRequire } from "node:module";\nconst require = makeRequire(import.meta.url);',
    },
    legalComments: "none",
    minifyWhitespace: true,
    minifySyntax: true,
    metafile: true,
    logLevel: "warning",
  });
  await chmod(join(cliFolder, "main.js"), 0o755);
  await writeFile(join(cliFolder, "THIRD-PARTY-LICENSES.txt"), await licensesOf(metafile));
}

// What is bundled is distributed, and its licences with it.
async function licensesOf(metafile) {
  const folders = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const folder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
    if (folder) folders.add(folder);
  }
  const sections = await Promise.all([...folders].sort((a, b) => (a < b ? -1 : 1)).map(licenseOf));
  return sections.join("\n");
}

async function licenseOf(folder) {
  const { name, version, license } = JSON.parse(await readFile(join(root, folder, "package.json"), "utf8"));
  const file = (await readdir(join(root, folder))).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file ? await readFile(join(root, folder, file), "utf8") : `License: ${license}\n`;
  return `${"=".repeat(80)}\n${name} ${version} (${relative("node_modules", folder)})\n\n${text.trim()}\n`;
}
