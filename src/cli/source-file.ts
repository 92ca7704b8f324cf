import { readFile } from "node:fs/promises";
import { WaybillError } from "../errors.ts";
import type { SourceFile } from "../image/gather.ts";
import { withAbsoluteSource } from "./absolute-layout.ts";
import type { Host } from "./host.ts";
import { reasonOf } from "./reason.ts";

// As much as a metadata file with its provenance may have.
const longestInput = 32 * 1024 * 1024;

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
      const content = path === "-" ? await readInput(stdin) : await readNamed(path);
      return { path, content: withAbsoluteSource(content) };
    }),
  );
}

async function readInput(stdin: Host["stdin"]): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of stdin) {
    chunks.push(Buffer.from(chunk as Uint8Array));
    sizeBytes += chunk.length;
    if (sizeBytes <= longestInput) continue;
    throw new WaybillError(
      "io_failed",
      `Cannot read source from standard input: it is longer than ${longestInput} bytes`,
    );
  }
  return Buffer.concat(chunks);
}

async function readNamed(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new WaybillError("io_failed", `Cannot read source file "${path}": ${reasonOf(error)}`, {}, { cause: error });
  }
}
