import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..");
const tsc = join(root, "node_modules/typescript/bin/tsc");
// Inside the package, so that the types of its dependencies are found.
const folder = mkdtempSync(join(root, "node_modules/.declarations-"));

afterAll(() => rmSync(folder, { recursive: true }));

/** What public functions give, without a word of its type: the compiler must find a public name for it. */
const program = `
  import { inspect, openContext, reportOf, rollback, systemClock, type ContextOptions } from "waybill";
  import { openRegistry } from "waybill/registry";
  import { createMemoryStorage, createRegistry, openDiskStorage, type DiskStorageOptions } from "waybill/server";
  import { planPublish, preflight, publish } from "waybill/transfer";
  export const context = (options: ContextOptions) => openContext(options);
  export const send = async (options: ContextOptions) => (await context(options)).send;
  export const server = createRegistry(createMemoryStorage());
  export const client = (options: Omit<Parameters<typeof openRegistry>[1], "send">) => ({ send: server, ...options });
  export const clock = systemClock();
  export const how = (...call: Parameters<typeof rollback>) => call[2];
  export const where = (...call: Parameters<typeof inspect>) => call[1];
  export const owner = ({ owner }: DiskStorageOptions) => owner;
  export const open = openDiskStorage;
  export const times = (...call: Parameters<typeof reportOf>) => call[1];
  export const repeats = (...call: Parameters<typeof reportOf>) => call[3];
  export const tagging = (...call: Parameters<typeof planPublish>) => call[2];
  export const looked = (...call: Parameters<typeof preflight>) => preflight(...call);
  export const published = (...call: Parameters<typeof publish>) => call[1][0];
`;

async function compile(...options: readonly string[]): Promise<string> {
  const done = promisify(execFile)(process.execPath, [tsc, ...options], { cwd: folder });
  return (await done.catch((error: { stdout: string }) => error)).stdout;
}

test("what public functions take and give has public names", async () => {
  const waybill = join(folder, "node_modules/waybill");
  mkdirSync(waybill, { recursive: true });
  copyFileSync(join(root, "package.json"), join(waybill, "package.json"));
  const library = ["-p", join(root, "tsconfig.build.json"), "--outDir", join(waybill, "dist/lib")];
  expect(await compile(...library, "--emitDeclarationOnly")).toBe("");
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "program.ts"), program);
  const compilerOptions = { rewriteRelativeImportExtensions: false, noEmit: false, outDir: join(folder, "out") };
  const config = { extends: join(root, "tsconfig.json"), compilerOptions, include: [], files: ["program.ts"] };
  writeFileSync(join(folder, "tsconfig.json"), JSON.stringify(config));

  expect(await compile("-p", folder)).toBe("");
}, 120_000);
