import type { PublishPolicy } from "../transfer/policy.ts";
import { isComplete } from "../transfer/result.ts";
import { create, type CreateRequest } from "../verbs/create.ts";
import { withAbsoluteLayout, withAbsoluteTag } from "./absolute-layout.ts";
import { openCommandContext } from "./context.ts";
import { requireDistinct } from "./distinct-files.ts";
import type { Host } from "./host.ts";
import { warn } from "./log/log.ts";
import { openMetadataFile } from "./metadata-file.ts";
import { writeResult } from "./result.ts";
import { inShow } from "./in-show.ts";
import { runPublish, type PublishFlags } from "./run-publish.ts";
import { readSourceFiles } from "./source-file.ts";

/** What `create`'s flags come to. */
export interface CreateFlags extends PublishFlags {
  readonly tag?: readonly string[];
  readonly file?: readonly string[];
  readonly append?: boolean;
  readonly annotation?: readonly string[];
  readonly platform?: readonly string[];
  readonly preferIndex?: boolean;
  readonly referrers?: string;
  readonly onError?: PublishPolicy["onError"];
  readonly onTagError?: PublishPolicy["onTagError"];
  readonly deleteCreatedTags?: boolean;
  readonly verify?: PublishPolicy["verify"];
  /** False for `--no-clobber`. */
  readonly clobber?: boolean;
  readonly expectDigest?: readonly string[];
  readonly strategy?: PublishPolicy["strategy"];
  readonly dryRun?: boolean;
  /** An empty one is none, as in buildx: a job's variable that is not set comes so. */
  readonly metadataFile?: string;
}

/**
 * Runs `create` and tells what became of each target.
 *
 * @throws WaybillError of the first target that failed; `partial` where a tag had moved by then.
 */
export async function publishImage(sources: readonly string[], flags: CreateFlags, host: Host): Promise<void> {
  const { report, timeline, metadataFile } = flags;
  const request = await requestOf(sources, flags, host);
  if (flags.dryRun) {
    tellUnwritten(flags, host);
    return showRoot(request, flags, host);
  }
  requireDistinct({ "--report": report, "--timeline": timeline, "--metadata-file": metadataFile });
  // Metadata names sources, too: whoever reads and writes one such file brings it up to date.
  requireDistinct(
    { "--report": report, "--timeline": timeline },
    (flags.file ?? []).filter((path) => path !== "-").map((path) => ["--file", path]),
  );
  const metadata = metadataFile ? await openMetadataFile(metadataFile) : undefined;
  const failure = await runPublish((context) => create(request, context), flags, host, {
    title: `waybill create ${request.tags.join(" ")}`,
    write: async (result) => {
      const targets = flags.onError === "keep-going" ? result.targets.filter(isComplete) : result.targets;
      if (targets.length > 0 && targets.every(isComplete)) await metadata?.commit({ ...result, targets });
    },
  });
  if (failure !== undefined) throw failure;
}

/** A dry run writes nothing anywhere: neither journal nor report. */
async function showRoot(request: CreateRequest, flags: CreateFlags, host: Host): Promise<void> {
  const result = await inShow({ ...flags, quiet: true }, host, async (show, shown) => {
    await using context = await openCommandContext(flags, shown, show.report);
    return await create(request, context);
  });
  writeResult(host.stdout, result.root.bytes);
  host.stdout.write("\n");
}

/** Says which files were asked for in vain. As in buildx there is no result yet that one could hold. */
function tellUnwritten({ metadataFile, report, timeline }: CreateFlags, host: Host): void {
  const files = { "--metadata-file": metadataFile, "--report": report, "--timeline": timeline };
  const given = Object.entries(files).flatMap(([flag, path]) => (path ? [flag] : []));
  if (given.length > 0) warn(`--dry-run writes no ${given.join(", ")}`, host);
}

async function requestOf(sources: readonly string[], flags: CreateFlags, host: Host): Promise<CreateRequest> {
  return {
    sources: sources.map(withAbsoluteLayout),
    files: await readSourceFiles(flags.file ?? [], host),
    tags: (flags.tag ?? []).map(withAbsoluteLayout),
    annotations: flags.annotation ?? [],
    append: flags.append === true,
    dryRun: flags.dryRun === true,
    preferIndex: flags.preferIndex !== false,
    platforms: (flags.platform ?? []).flatMap((list) => list.split(",")),
    referrers: flags.referrers ?? "default",
    deleteCreatedTags: flags.deleteCreatedTags === true,
    noClobber: flags.clobber === false,
    expectDigests: (flags.expectDigest ?? []).map(withAbsoluteTag),
    ...(flags.onError && { onError: flags.onError }),
    ...(flags.onTagError && { onTagError: flags.onTagError }),
    ...(flags.verify && { verify: flags.verify }),
    ...(flags.strategy && { strategy: flags.strategy }),
  };
}
