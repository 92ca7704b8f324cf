import { WaybillError } from "../../errors.ts";
import { parseJson } from "../../spec/json.ts";
import type { FileReader } from "../user-files.ts";

/** A JSON file that is changed and written back in its own style. */
export interface SettingsFile {
  readonly path: string;
  /** As it was read; empty where there was no file. */
  readonly text: string;
  /** Its members, also those that we know nothing of. */
  readonly document: Readonly<Record<string, unknown>>;
  /** `document` written with the indentation and the end that the file had; docker's where there was none. */
  render(document: object): Uint8Array;
}

const dockersIndent = "\t";

/** @throws WaybillError `invalid_config` where it is no JSON object; `io_failed` */
export async function readSettings(files: FileReader, path: string): Promise<SettingsFile> {
  const bytes = await files.readFile(path);
  const text = bytes ? Buffer.from(bytes).toString() : "";
  const document = text.trim() === "" ? {} : parsed(text, path);
  const indent =
    text.trim() === "" ? dockersIndent : (/^\s*\{\r?\n([\t ]{1,10})"/.exec(text)?.[1] ?? indentOfEmpty(text));
  const end = text.endsWith("\n") ? "\n" : "";
  return { path, text, document, render: (it) => Buffer.from(JSON.stringify(it, undefined, indent) + end) };
}

/** An object on one line stays on one, unless there is nothing in it. */
function indentOfEmpty(text: string): string {
  return /^\s*\{\s*\}\s*$/.test(text) ? dockersIndent : "";
}

function parsed(text: string, path: string): Readonly<Record<string, unknown>> {
  try {
    const document = parseJson(text, { maxDepth: 32 });
    if (typeof document === "object" && document !== null && !Array.isArray(document)) {
      return document as Readonly<Record<string, unknown>>;
    }
  } catch {
    // Told below, without quoting what may be a secret.
  }
  throw new WaybillError("invalid_config", `Cannot change "${path}": it is not a JSON object`, {
    advice: "Mend that file, or take it away",
  });
}
