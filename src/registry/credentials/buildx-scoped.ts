import { dirname, basename, join } from "node:path";
import { isRepository, normalizeHost } from "../../spec/reference.ts";
import { parseScope } from "../../spec/scope.ts";
import type { CredentialEnvironment } from "./environment.ts";
import { buildxFolder } from "../user-files.ts";

/** Names of one folder, and what has to precede their `@`. */
interface Folder {
  readonly path: string;
  readonly name: string;
  readonly forRepository: boolean;
}

interface Candidate {
  readonly file: string;
  readonly forRepository: boolean;
  readonly actions: readonly string[];
}

const hubFolders = ["registry-1.docker.io", "docker.io", "index.docker.io"];

/**
 * Buildx's config files for one repository, the most exact first: `config/HOST/REPOSITORY@ACTIONS/config.json` in
 * buildx's folder, where repository and actions may be absent. A file with actions counts only where `scopes` ask for all
 * of them on the repository; buildx names Docker Hub `registry-1.docker.io` here.
 *
 * @throws WaybillError `io_failed`
 */
export async function buildxScopedFiles(
  environment: CredentialEnvironment,
  registry: string,
  repository?: string,
  scopes: readonly string[] = [],
): Promise<readonly string[]> {
  const asked = new Set(
    scopes.map(parseScope).flatMap((scope) => (scope?.name === repository ? scope?.actions : []) ?? []),
  );
  const folders = foldersFor(join(buildxFolder(environment), "config"), normalizeHost(registry), repository);
  const found = await Promise.all(folders.map((folder) => candidatesIn(environment, folder)));
  return found
    .flat()
    .filter(({ actions }) => actions.every((action) => asked.has(action)))
    .sort((a, b) => Number(b.forRepository) - Number(a.forRepository) || b.actions.length - a.actions.length)
    .map(({ file }) => file);
}

function foldersFor(base: string, host: string, repository: string | undefined): readonly Folder[] {
  const names = host === "docker.io" ? hubFolders : [host];
  return names.flatMap((name) => [
    ...(repository !== undefined && isRepository(repository)
      ? [{ path: join(base, name, dirname(repository)), name: basename(repository), forRepository: true }]
      : []),
    { path: base, name, forRepository: false },
    { path: join(base, name), name: "", forRepository: false },
  ]);
}

async function candidatesIn(environment: CredentialEnvironment, folder: Folder): Promise<readonly Candidate[]> {
  const names = await environment.readDir(folder.path);
  return names.flatMap((name) => {
    const at = name.indexOf("@");
    if ((at < 0 ? name : name.slice(0, at)) !== folder.name || name === "") return [];
    const actions = at < 0 ? [] : name.slice(at + 1).split(",");
    return [
      {
        file: join(folder.path, name, "config.json"),
        forRepository: folder.forRepository,
        actions: actions.map((action) => action.trim()).filter((action) => action !== ""),
      },
    ];
  });
}
