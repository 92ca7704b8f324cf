import { readFile } from "node:fs/promises";
import { WaybillError } from "../errors.ts";
import { formatLocation } from "../spec/reference.ts";
import { create, type CreateRequest, type CreateResult } from "../verbs/create.ts";
import { openCommandContext } from "./context.ts";
import type { Host } from "./host.ts";
import { openMetadataFile, type MetadataFile } from "./metadata-file.ts";
import type { RegistryFlags } from "./options.ts";
import { isComplete, outcomeError } from "./outcome.ts";
import { writeResult } from "./result.ts";
import { progressMode } from "./show/mode.ts";
import { openShow } from "./show/show.ts";
import { summaryText } from "./show/summary.ts";

/** What `create`'s flags come to. */
export interface CreateFlags extends RegistryFlags {
  readonly tag?: readonly string[];
  readonly file?: readonly string[];
  readonly append?: boolean;
  readonly annotation?: readonly string[];
  readonly platform?: readonly string[];
  readonly preferIndex?: boolean;
  readonly referrers?: string;
  readonly onError?: "abort" | "keep-going";
  readonly onTagError?: "finish" | "rollback";
  readonly verify?: "ack" | "manifests" | "full";
  /** False for `--no-clobber`. */
  readonly clobber?: boolean;
  readonly expectDigest?: readonly string[];
  readonly dryRun?: boolean;
  readonly metadataFile?: string;
  readonly progress?: string;
  readonly quiet?: boolean;
}

/**
 * Runs `create` and tells what became of each target.
 *
 * @throws WaybillError of the first target that failed; `partial` where a tag had moved by then.
 */
export async function publishImage(sources: readonly string[], flags: CreateFlags, host: Host): Promise<void> {
  const saysNothing = flags.quiet === true || flags.dryRun === true;
  const mode = progressMode(flags.progress ?? (saysNothing ? "quiet" : "auto"), {
    env: host.env,
    isTerminal: host.stderr.isTTY === true,
  });
  const request = await requestOf(sources, flags);
  await using metadata = await metadataFileOf(flags, host);
  const show = await openShow(mode, {
    output: host.stderr,
    clock: host.clock,
    env: host.env,
    debug: flags.debug === true,
  });
  let result: CreateResult;
  try {
    await using context = await openCommandContext(flags, host, show.report);
    result = await create(request, context);
    show.clear();
  } finally {
    show.close();
  }
  if (flags.dryRun) return printRoot(result, host);
  const failure = outcomeError(result);
  if (flags.quiet) printTargets(result, host);
  else if (mode !== "quiet" || failure !== undefined) host.stderr.write(summaryText(result));
  if (failure !== undefined) throw failure;
  await metadata?.commit(result);
}

/** As in buildx a dry run writes none. There is no result yet that it could hold. */
async function metadataFileOf(flags: CreateFlags, host: Host): Promise<MetadataFile | undefined> {
  if (flags.metadataFile === undefined) return undefined;
  if (!flags.dryRun) return openMetadataFile(flags.metadataFile);
  host.stderr.write("WARNING: --dry-run writes no --metadata-file\n");
  return undefined;
}

async function requestOf(sources: readonly string[], flags: CreateFlags): Promise<CreateRequest> {
  return {
    sources,
    files: await Promise.all((flags.file ?? []).map(readSource)),
    tags: flags.tag ?? [],
    annotations: flags.annotation ?? [],
    append: flags.append === true,
    dryRun: flags.dryRun === true,
    preferIndex: flags.preferIndex !== false,
    platforms: (flags.platform ?? []).flatMap((list) => list.split(",")),
    referrers: flags.referrers ?? "default",
    noClobber: flags.clobber === false,
    expectDigests: flags.expectDigest ?? [],
    ...(flags.onError && { onError: flags.onError }),
    ...(flags.onTagError && { onTagError: flags.onTagError }),
    ...(flags.verify && { verify: flags.verify }),
  };
}

async function readSource(path: string): Promise<{ path: string; content: Uint8Array }> {
  try {
    return { path, content: await readFile(path) };
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    const seen = reason === "ENOENT" ? "there is no such file" : reason;
    throw new WaybillError("io_failed", `Cannot read source file "${path}": ${seen}`, {}, { cause: error });
  }
}

function printRoot(result: CreateResult, host: Host): void {
  writeResult(host.stdout, result.root.bytes);
  host.stdout.write("\n");
}

function printTargets(result: CreateResult, host: Host): void {
  for (const target of result.targets) {
    if (isComplete(target)) host.stdout.write(`${formatLocation(target.at)}@${result.root.descriptor.digest}\n`);
  }
}
