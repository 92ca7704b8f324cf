import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import {
  createSourceFile,
  forEachChild,
  isFunctionLike,
  isIterationStatement,
  isVariableDeclarationList,
  NodeFlags,
  ScriptTarget,
  type Node,
} from "typescript";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../src");

/** From the top: each layer may import itself (by folder) and everything in the rows below its own. */
const rows: readonly (readonly string[])[] = [
  ["cli"],
  ["testing.ts", "index.ts"],
  ["verbs"],
  ["stores.ts", "image", "transfer"],
  ["registry", "layout", "server"],
  ["http", "disk"],
  ["content", "template"],
  ["spec"],
  ["errors.ts", "async", "telemetry"],
];

/** The bottom row's parts know nothing of ours but the error type. */
const allowedAtTheBottom = new Set(["async errors.ts", "telemetry errors.ts"]);

/** The neighbours that one row's part may see. `stores.ts` knows every store; nobody in the middle knows it. */
const allowedNeighbours = new Set(["testing.ts index.ts"]);

const sources = readdirSync(root, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts"))
  .toSorted();

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  const found = [...text.matchAll(/(?:from|import)\s*\(?\s*"([^"]+)"/g)].map((match) => match[1]!);
  return found.filter((name) => name.startsWith("."));
}

function externalsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"([^".][^"]*)"/g)].map((match) => match[1]!);
}

function partOf(file: string): string {
  return file.split("/")[0]!;
}

function rowOf(part: string): number {
  return rows.findIndex((row) => row.includes(part));
}

describe("layers", () => {
  test("every source file belongs to a layer", () => {
    expect(sources.filter((file) => rowOf(partOf(file)) < 0)).toEqual([]);
  });

  test("every import points downwards", () => {
    const wrong = sources.flatMap((file) =>
      importsOf(file).flatMap((name) => {
        const target = relative(root, join(root, dirname(file), name));
        return mayImport(partOf(file), partOf(target)) ? [] : [`${file} imports ${target}`];
      }),
    );
    expect(wrong).toEqual([]);
  });

  test("only the network files open client sockets, and only node.ts listens", () => {
    const isNetwork = /^(?:http\/(?:dial|attempt|resolve|pool|linger|session2)[\w-]*\.ts|server\/node\.ts|cli\/)/;
    const wrong = sources.filter(
      (file) => !isNetwork.test(file) && hasValueImport(file, /^node:(?:https?|http2|net|tls|dgram)$/),
    );
    // These two connect to nothing: one asks for the authorities, the other has a FIFO read.
    const harmless = ["registry/authorities.ts", "registry/credentials/read-pipe.ts"];
    expect(wrong.filter((file) => !harmless.includes(file))).toEqual([]);
  });

  test("only the disk, the stores on it, the credential files and the command line touch files", () => {
    const mayTouch =
      /^(?:layout\/|registry\/credentials\/|registry\/(?:tls|buildkit|files)[\w-]*\.ts|disk\/|server\/|cli\/)/;
    expect(sources.filter((file) => !mayTouch.test(file) && hasValueImport(file, /^node:fs/))).toEqual([]);
  });

  test("the clock, chance and the environment are handed in", () => {
    const trap =
      /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bsetTimeout\(|\bsetInterval\(|\bprocess\.(?:env|argv|exit)\b/;
    const wrong = sources.filter(
      (file) => !file.startsWith("cli/") && file !== "async/clock.ts" && trap.test(codeOf(file)),
    );
    expect(wrong).toEqual([]);
  });
});

// esbuild, with which others bundle the library, compiles `using` down to a list of things to dispose of that it makes once
// for all rounds of a loop: an error that one round caught is thrown again by the next. A function around the loop's body
// has a list of its own.
test("no loop holds a resource by `using` in its own body", () => {
  expect(sources.flatMap(resourcesInLoops)).toEqual([]);
});

test("resourcesInLoops finds what it looks for", () => {
  const text = "for (;;) { { await using a = f(); } }\nwhile (x) { const g = () => { using b = f(); }; }";
  expect(resourcesIn("a.ts", text)).toEqual(["a.ts:1"]);
});

function resourcesInLoops(file: string): string[] {
  return resourcesIn(file, readFileSync(join(root, file), "utf8"));
}

function resourcesIn(file: string, text: string): string[] {
  const source = createSourceFile(file, text, ScriptTarget.Latest);
  const found: string[] = [];
  const visit = (node: Node, isInLoop: boolean) => {
    const isResource = isVariableDeclarationList(node) && (node.flags & NodeFlags.Using) !== 0;
    if (isInLoop && isResource)
      found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart(source)).line + 1}`);
    const isInside = isIterationStatement(node, false) || (isInLoop && !isFunctionLike(node));
    forEachChild(node, (child) => visit(child, isInside));
  };
  visit(source, false);
  return found;
}

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  if (rowOf(from) === rows.length - 1) return allowedAtTheBottom.has(`${from} ${to}`);
  return rowOf(from) < rowOf(to) || allowedNeighbours.has(`${from} ${to}`);
}

function hasValueImport(file: string, names: RegExp): boolean {
  const text = readFileSync(join(root, file), "utf8").replaceAll(/import type [^;]*;/g, "");
  return externalsOf(file).some((name) => names.test(name) && text.includes(`"${name}"`));
}

/** The file without comments, so that a word in a sentence is not taken for a call. */
function codeOf(file: string): string {
  return readFileSync(join(root, file), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}
