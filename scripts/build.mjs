// Builds the library and its types with tsc (dist/lib), the command line with rolldown (dist/cli), both at the same time.
// `--cli[=FOLDER]` builds the command line only, elsewhere if so told.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const cliOnly = process.argv.find((argument) => /^--cli(?:=|$)/.test(argument));
const cliFolder = resolve(root, cliOnly?.split("=")[1] ?? "dist/cli");

// Lazily imported modules that come together or not at all.
const together = [
  { name: "show", test: /\/src\/cli\/show\// },
  { name: "telemetry", test: /\/src\/cli\/telemetry\/(?!otel\/)|\/src\/telemetry\// },
];

await Promise.all([buildCli(), cliOnly ? undefined : buildLibrary()]);

async function buildLibrary() {
  await rm(join(root, "dist/lib"), { recursive: true, force: true });
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const child = spawn(process.execPath, [tsc, "-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
  const code = await new Promise((resolve) => child.on("close", resolve));
  if (code !== 0) process.exitCode = 1;
}

async function buildCli() {
  await rm(cliFolder, { recursive: true, force: true });
  const [command, worker] = await Promise.all([
    bundle(
      { start: "src/cli/start.ts", quickstart: "src/cli/quickstart.ts" },
      { codeSplitting: { includeDependenciesRecursively: false, groups: [create(), ...together] } },
    ),
    // On its own: what it shares with the command would bring all of that into its thread.
    bundle({ "telemetry/worker": "src/cli/telemetry/worker.ts" }, { codeSplitting: false }),
  ]);
  const start = command.find(({ fileName }) => fileName === "start.js").code;
  const build = createHash("sha256").update(start).digest("hex").slice(0, 16);
  const main = await bundle(
    { main: "src/cli/main.ts" },
    { codeSplitting: false, define: { build: JSON.stringify(build) } },
  );
  const outputs = [command, worker, main];
  await writeFile(join(cliFolder, "package.json"), '{"type":"commonjs"}\n');
  await chmod(join(cliFolder, "main.js"), 0o755);
  await writeFile(join(cliFolder, "THIRD-PARTY-LICENSES.txt"), await licensesOf(outputs.flat()));
}

/** CommonJS: what V8 has compiled of it can be kept, which the system of modules does not allow. */
async function bundle(input, { codeSplitting, define = {} }) {
  const bundled = await rolldown({
    cwd: root,
    input,
    platform: "node",
    // The ES module of a package before its CommonJS one: names can be imported from that, and what nobody uses is left out.
    resolve: { mainFields: ["module", "main"] },
    transform: { target: "node20", define },
    preserveEntrySignatures: "allow-extension",
    logLevel: "warn",
  });
  const { output } = await bundled.write({
    dir: cliFolder,
    format: "cjs",
    dynamicImportInCjs: false,
    entryFileNames: "[name].js",
    chunkFileNames: "chunks/[name]-[hash].js",
    // Names stay: a stack that a user reports must say where it was.
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
    codeSplitting,
  });
  await bundled.close();
  return output;
}

// All that every publish runs lies in one file: each file more costs as much as twenty kilobytes. What is imported lazily
// stays apart.
function create() {
  const starts = ["src/cli/start.ts", "src/cli/commands/create.ts"].map(inRoot);
  let modules;
  return {
    debugName: "create",
    name(id, graph) {
      modules ??= importedBy(starts, graph);
      return modules.has(id) ? "create" : null;
    },
  };
}

/** The modules and what they import at once, and so on. */
function importedBy(starts, graph) {
  const found = new Set(starts);
  for (const id of found) for (const next of graph.getModuleInfo(id)?.importedIds ?? []) found.add(next);
  return found;
}

function inRoot(path) {
  return join(root, path);
}

// What is bundled is distributed, and its licences with it.
async function licensesOf(output) {
  const folders = new Set();
  for (const id of output.flatMap((file) => (file.type === "chunk" ? file.moduleIds : []))) {
    const folder = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(relative(root, id))?.[1];
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
