import { WaybillError } from "../errors.ts";
import type { SourceFile } from "../image/gather.ts";
import { withAbsoluteSource } from "./absolute-layout.ts";
import type { Host } from "./host.ts";
import { readWhole } from "./read-whole.ts";

/**
 * Reads what `--file` names, in order; `-` is standard input.
 *
 * @throws WaybillError `io_failed`; `invalid_argument` where standard input is named twice.
 */
export async function readSourceFiles(paths: readonly string[], { stdin }: Host): Promise<readonly SourceFile[]> {
  if (paths.filter((path) => path === "-").length > 1) {
    throw new WaybillError("invalid_argument", "Cannot read sources: standard input was named twice by --file");
  }
  return Promise.all(
    paths.map(async (path) => {
      const content = await (path === "-"
        ? readWhole(stdin, "source from standard input")
        : readWhole(path, `source file "${path}"`));
      return { path, content: withAbsoluteSource(content) };
    }),
  );
}
