import type { Descriptor } from "../spec/descriptor.ts";
import { display } from "../spec/display.ts";
import { compareBytes } from "../spec/json.ts";
import type { Manifest } from "../spec/manifest.ts";
import { formatPlatform } from "../spec/platform.ts";
import { formatReference, type Reference } from "../spec/reference.ts";

/**
 * The text of `inspect`: what buildx prints, to the blank, then the annotations of the index or manifest itself.
 * Everything from outside has passed `display`.
 */
export function inspectText(reference: Reference, { descriptor, document }: Manifest): string {
  const table = new Table();
  table.row("Name:", formatReference(reference));
  table.row("MediaType:", descriptor.mediaType);
  table.row("Digest:", descriptor.digest);
  table.flush();
  if (document.kind === "index") printChildren(table, reference, document.manifests);
  printAnnotations(table, document.annotations);
  return table.text;
}

function printChildren(table: Table, reference: Reference, children: readonly Descriptor[]): void {
  table.row("");
  table.row("Manifests:");
  table.flush();
  for (const [at, child] of children.entries()) {
    if (at > 0) table.row("");
    printChild(table, reference, child);
  }
  table.flush();
}

function printChild(table: Table, reference: Reference, child: Descriptor): void {
  table.row("  Name:", formatReference({ ...reference, digest: child.digest }));
  table.row("  MediaType:", child.mediaType);
  const { platform, urls = [], annotations = {} } = child;
  if (!platform) return;
  table.row("  Platform:", platform.os === "" ? "unknown" : formatPlatform(platform));
  if (platform.osVersion) table.row("  OSVersion:", platform.osVersion);
  if (platform.osFeatures?.length) table.row("  OSFeatures:", platform.osFeatures.join(", "));
  if (urls.length > 0) table.row("  URLs:", urls.join(", "));
  if (Object.keys(annotations).length === 0) return;
  table.row("  Annotations:");
  table.flush();
  for (const [key, value] of sorted(annotations)) table.row(`    ${display(key)}:`, value);
  table.flush();
}

function printAnnotations(table: Table, annotations: Readonly<Record<string, string>> = {}): void {
  const entries = sorted(annotations);
  if (entries.length === 0) return;
  table.row("");
  table.row("Annotations:");
  table.flush();
  for (const [key, value] of entries) table.row(`  ${display(key)}:`, value);
  table.flush();
}

function sorted(annotations: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(annotations).sort(([a], [b]) => compareBytes(a, b));
}

/** Rows of two columns; the first is as wide as its widest cell since the last `flush`, and a blank. */
class Table {
  text = "";
  #rows: { readonly cell: string; readonly rest: string }[] = [];

  row(cell: string, rest = ""): void {
    this.#rows.push({ cell, rest: display(rest) });
  }

  flush(): void {
    const width = this.#rows.reduce((widest, { cell }) => Math.max(widest, lengthOf(cell)), 0);
    for (const { cell, rest } of this.#rows) this.text += `${cell}${" ".repeat(width + 1 - lengthOf(cell))}${rest}\n`;
    this.#rows = [];
  }
}

/** In characters, as Go's tabwriter counts. */
function lengthOf(cell: string): number {
  return Array.from(cell).length;
}
