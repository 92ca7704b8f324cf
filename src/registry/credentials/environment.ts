import { devNull } from "node:os";
import { dirname, join } from "node:path";
import { absent, ioCall, makeFolder, unless, writeDurably } from "../../disk/durable.ts";
import { dockerFolder, type FileReader, type Places } from "../user-files.ts";
import type { RunHelper } from "./helper.ts";
import { readPipe, tooLarge } from "./read-pipe.ts";

/** All that looking up and storing credentials needs of the machine. */
export interface CredentialEnvironment extends FileReader, Places {
  /** The file's permission bits; nothing where there is no file or the system has none. */
  modeOf(path: string): Promise<number | undefined>;
  /**
   * Puts `bytes` in place of the file at once, with mode 0600; makes its folder. A symbolic link stays one.
   *
   * @throws WaybillError `io_failed`, `disk_full`; the old file is untouched then.
   */
  replaceFile(path: string, bytes: Uint8Array): Promise<void>;
  readonly run: RunHelper;
}

/** Docker's config file. */
export function dockerConfigFile(places: Places): string {
  return join(dockerFolder(places), "config.json");
}

/** Podman's and skopeo's files, in the order in which they are asked. */
export function containersAuthFiles({ env, homeDir }: Places): readonly string[] {
  const runtime = env["XDG_RUNTIME_DIR"];
  const config = env["XDG_CONFIG_HOME"] || join(homeDir, ".config");
  const named = env["REGISTRY_AUTH_FILE"];
  return [
    ...(named ? [named] : []),
    ...(runtime ? [join(runtime, "containers", "auth.json")] : []),
    join(config, "containers", "auth.json"),
  ];
}

const maxFileBytes = 4 * 1024 * 1024;

/**
 * The machine's own files and helpers. Loads nothing before it is needed. `homeDirectory` counts where `env` names none;
 * default: the user has none, and no files there.
 */
export function nodeCredentialEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  homeDirectory = devNull,
): CredentialEnvironment {
  return {
    env,
    homeDir: env["HOME"] || env["USERPROFILE"] || homeDirectory,
    ...nodeFileReader(),
    async modeOf(path) {
      const { stat } = await import("node:fs/promises");
      return stat(path).then(
        ({ mode }) => mode & 0o777,
        () => undefined,
      );
    },
    replaceFile,
    async run(program, action, input, options) {
      const { runProgram } = await import("./run-program.ts");
      return runProgram(env, { program, action, input, ...options });
    },
  };
}

/** Reads the machine's own files, of at most 4 MiB. */
function nodeFileReader(): FileReader {
  return {
    async readFile(path) {
      const { readFile, stat } = await import("node:fs/promises");
      const read = async () => {
        const found = await stat(path);
        if (found.isFIFO()) return readPipe(path, maxFileBytes);
        if (found.size <= maxFileBytes) return readFile(path);
        throw tooLarge(path, found.size, maxFileBytes);
      };
      return ioCall(`read "${path}"`, () => unless(absent, read));
    },
    async readDir(path) {
      const { readdir } = await import("node:fs/promises");
      const names = await ioCall(`read "${path}"`, () => unless(absent, () => readdir(path)));
      return names?.sort() ?? [];
    },
  };
}

async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  const { realpath } = await import("node:fs/promises");
  const { randomUUID } = await import("node:crypto");
  await ioCall(`write "${path}"`, async () => {
    await makeFolder(dirname(path));
    const real = await realpath(path).catch(() => path);
    await writeDurably(real, `${real}.${randomUUID()}`, bytes);
  });
}
