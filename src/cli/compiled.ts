import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import Module, { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import process from "node:process";
import { cachedDataVersionTag } from "node:v8";
import { constants, Script } from "node:vm";
import { crc32 } from "node:zlib";
import { strangerTo } from "../disk/ownership.ts";
import { isAsked } from "../telemetry/settings/is-asked.ts";
import { userFolder } from "./user-folder.ts";
import { expectRun } from "./v8-habits.ts";

/** A file of ours that has been loaded. */
export interface Loaded {
  readonly exports: unknown;
  /** Absent where all was kept before, or nothing can be. */
  readonly keep?: Keep;
}

/**
 * Keeps what has been compiled by now, for the processes to come. `isWhole`: this one has used all that it is for; one that has
 * not keeps its part only where there is none.
 */
export type Keep = (state: { readonly isWhole: boolean }) => void;

interface Kept {
  readonly isWhole: boolean;
  readonly code: Buffer;
}

/** What decides where compiled code is kept, and whether. */
export type Surroundings = Pick<NodeJS.Process, "arch" | "env" | "platform" | "versions">;

/** Files that are kept at most: of versions of this program and of Node, with telemetry and without. */
const mostKept = 4;

/**
 * Loads the CommonJS file at `path`, whose compiled code an earlier process may have kept: V8 then neither parses nor compiles what
 * that one has used. What was kept is only believed where nobody else can have written it, it is whole, and it is of this `build`,
 * this Node and this kind of processor; what V8 refuses is compiled as if there were nothing.
 */
export function loadCompiled(path: string, build: string, around: Surroundings = process): Loaded {
  const kept = keptPath(build, around);
  const found = kept === undefined ? undefined : keptCode(kept);
  const script = new Script(Module.wrap(readFileSync(path, "utf8")), {
    filename: path,
    // The file's own first line begins after the wrapper's words.
    columnOffset: -Module.wrap("").indexOf("\n"),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    ...(found && { cachedData: found.code }),
  });
  const require = createRequire(path);
  // Whatever asks for the file again gets this one.
  const module = Object.assign(new Module(path), { filename: path, loaded: true });
  require.cache[path] = module;
  script.runInThisContext()(module.exports, require, module, path, dirname(path));
  const exports: unknown = module.exports;
  if (found?.isWhole || kept === undefined) return { exports };
  return { exports, keep: ({ isWhole }) => void ((isWhole || !found) && keepCode(kept, { script, isWhole })) };
}

/** Node's own variables can say where it is kept, and that it is not. */
function keptPath(build: string, around: Surroundings): string | undefined {
  const { env, arch, platform, versions } = around;
  if (env["NODE_DISABLE_COMPILE_CACHE"] !== undefined || env["NODE_V8_COVERAGE"] !== undefined) return undefined;
  const folder = env["NODE_COMPILE_CACHE"] ?? userFolder("cache", { env, platform, homeDirectory: homedir() });
  // Flags and what the processor can do decide as well whether V8 takes it.
  const kind = `${versions.node}-${arch}-${cachedDataVersionTag().toString(16)}`;
  // A run that is traced uses more.
  return join(folder, `waybill-${build}-${kind}${isAsked(env) ? "-traced" : ""}`);
}

/** Before the code stand its checksum, and whether it is whole. */
const headBytes = 5;

function keptCode(path: string): Kept | undefined {
  try {
    if (!isOwn(dirname(path)) || !isOwn(path)) return undefined;
    const bytes = readFileSync(path);
    const code = bytes.subarray(headBytes);
    return crc32(code) === bytes.readUInt32LE() ? { isWhole: bytes.readUInt8(4) === 1, code } : undefined;
  } catch {
    return undefined;
  }
}

/** Whoever can write it can make us run anything. */
function isOwn(path: string): boolean {
  const user = process.getuid?.();
  return user === undefined || strangerTo(user, statSync(path)) === undefined;
}

/** Never throws: a start that stays a little slower is no reason to tell anybody. */
function keepCode(path: string, what: Parameters<typeof bytesOf>[0]): void {
  const folder = dirname(path);
  const temporary = `${path}.${process.pid}`;
  const isDone = quietly(() => {
    // The user's cache may be missing, what it lies in is not: that much is made and no more.
    for (const path of [dirname(folder), folder]) if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
    if (!isOwn(folder)) return;
    writeFileSync(temporary, bytesOf(what), { mode: 0o600, flag: "wx" });
    renameSync(temporary, path);
    forgetOthers(folder);
  });
  if (!isDone) quietly(() => rmSync(temporary, { force: true }));
}

function quietly(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

/** What `keptCode` reads. */
function bytesOf({ script, isWhole }: { readonly script: Script; readonly isWhole: boolean }): Buffer {
  // What was compiled under other flags would be refused.
  expectRun("usual");
  const code = script.createCachedData();
  const head = Buffer.alloc(headBytes);
  head.writeUInt32LE(crc32(code));
  head.writeUInt8(isWhole ? 1 : 0, 4);
  return Buffer.concat([head, code]);
}

function forgetOthers(folder: string): void {
  const paths = readdirSync(folder).filter((name) => name.startsWith("waybill-"));
  const dated = paths.map((name) => ({ path: join(folder, name), at: statSync(join(folder, name)).mtimeMs }));
  for (const { path } of dated.toSorted((a, b) => b.at - a.at).slice(mostKept)) rmSync(path, { force: true });
}
