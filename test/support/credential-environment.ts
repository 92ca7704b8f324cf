import type { CredentialEnvironment } from "../../src/registry/credentials/environment.ts";
import type { HelperRun } from "../../src/registry/credentials/helper.ts";

/** A user's files and helpers in memory. */
export interface FakeEnvironment extends CredentialEnvironment {
  readonly files: Map<string, string>;
  /** `program action input`, in order. */
  readonly calls: string[];
}

export interface FakeEnvironmentOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly files?: Readonly<Record<string, unknown>>;
  readonly modes?: Readonly<Record<string, number>>;
  readonly helper?: (program: string, action: string, input: string) => Partial<HelperRun>;
}

/** Makes one with its home at `/home/u`; files that are no strings are written as JSON. */
export function fakeEnvironment(options: FakeEnvironmentOptions = {}): FakeEnvironment {
  const contents = Object.entries(options.files ?? {});
  const files = new Map(contents.map(([path, it]) => [path, typeof it === "string" ? it : JSON.stringify(it)]));
  const calls: string[] = [];
  return {
    env: options.env ?? {},
    homeDir: "/home/u",
    files,
    calls,
    async readFile(path) {
      const text = files.get(path);
      return text === undefined ? undefined : Buffer.from(text);
    },
    async readDir(path) {
      const below = [...files.keys()].filter((file) => file.startsWith(`${path}/`));
      return [...new Set(below.map((file) => file.slice(path.length + 1).split("/")[0]!))].toSorted();
    },
    modeOf: async (path) => (files.has(path) ? (options.modes?.[path] ?? 0o600) : undefined),
    async replaceFile(path, bytes) {
      files.set(path, Buffer.from(bytes).toString());
    },
    async run(program, action, input) {
      calls.push(`${program} ${action} ${input}`);
      return { exitCode: 0, stdout: "", stderr: "", ...options.helper?.(program, action, input) };
    },
  };
}
