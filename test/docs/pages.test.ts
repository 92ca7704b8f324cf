import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");
const pagesIn = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(".md"))
    .map((name) => join(folder, name));
const pages = ["", "docs", "docs/decisions"].flatMap(pagesIn);
const textOf = (page: string) => readFileSync(join(root, page), "utf8");

/** The name that a heading has in an address, as GitHub makes it. */
const anchorsOf = (page: string): readonly string[] =>
  [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
      .trim()
      .replaceAll(/\s/g, "-"),
  );

/** What a page links to inside the repository. */
const linksOf = (page: string): readonly { readonly path: string; readonly anchor: string | undefined }[] =>
  [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = ""]) => {
    if (/^[a-z]+:/.test(link)) return [];
    const [path = "", anchor] = link.split("#");
    return { path: path === "" ? page : join(dirname(page), path), anchor };
  });

describe.each(pages)("%s", (page) => {
  test("links to pages and headings that are there", () => {
    const dead = linksOf(page).filter(
      ({ path, anchor }) =>
        !existsSync(join(root, path)) || (anchor !== undefined && !anchorsOf(path).includes(anchor)),
    );
    expect(dead).toEqual([]);
  });

  test("names files that are there", () => {
    const named = [...textOf(page).matchAll(/`((?:src|test|docs|schema|scripts|bench)\/[\w./-]*\w)`/g)];
    expect(named.map(([, path = ""]) => path).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

test("the package has what its pages link to, and the pages that the program names", () => {
  const { files } = JSON.parse(textOf("package.json")) as { readonly files: readonly string[] };
  const isPacked = (path: string) => ["README.md", ...files].some((one) => path === one || path.startsWith(`${one}/`));
  const linked = pages.filter(isPacked).flatMap((page) => linksOf(page).map(({ path }) => path));
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  const named = sources.flatMap((name) => textOf(join("src", name)).match(/docs\/[\w-]+\.md/g) ?? []);

  expect(named).toContain("docs/telemetry.md");
  expect([...linked, ...named].filter((path) => !isPacked(path) || !existsSync(join(root, path)))).toEqual([]);
});

test("each decision has a number of its own, the one of its heading", () => {
  const decisions = pages.filter((page) => page.startsWith("docs/decisions/")).map((page) => basename(page));
  const numbers = decisions.map((name) => Number.parseInt(name, 10));
  expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers.map((_, index) => index + 1));
  for (const name of decisions) {
    expect(textOf(`docs/decisions/${name}`)).toMatch(new RegExp(`^# ${Number.parseInt(name, 10)}\\. `));
  }
});
