import { join } from "node:path";

/** Reads the user's files. */
export interface FileReader {
  /** The whole file; nothing where there is none. @throws WaybillError `io_failed`, `too_large` */
  readFile(path: string): Promise<Uint8Array | undefined>;
  /** Names in a folder, sorted; empty where there is none. @throws WaybillError `io_failed` */
  readDir(path: string): Promise<readonly string[]>;
}

/** Where files of the user's are looked for. */
export interface Places {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
}

/** Docker's folder: `$DOCKER_CONFIG`, or `.docker` at home. */
export function dockerFolder({ env, homeDir }: Places): string {
  return env["DOCKER_CONFIG"] || join(homeDir, ".docker");
}

/** Buildx's folder: `$BUILDX_CONFIG`, or `buildx` in docker's. */
export function buildxFolder(places: Places): string {
  return places.env["BUILDX_CONFIG"] || join(dockerFolder(places), "buildx");
}
