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

describe.each(pages)("%s", (page) => {
  test("links to pages and headings that are there", () => {
    const links = [...textOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    const dead = links.filter((link) => {
      if (/^[a-z]+:/.test(link)) return false;
      const [path = "", anchor] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      return !existsSync(join(root, target)) || (anchor !== undefined && !anchorsOf(target).includes(anchor));
    });
    expect(dead).toEqual([]);
  });

  test("names files that are there", () => {
    const named = [...textOf(page).matchAll(/`((?:src|test|docs|schema|scripts|bench)\/[\w./-]*\w)`/g)];
    expect(named.map(([, path = ""]) => path).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

test("each decision has a number of its own, the one of its heading", () => {
  const decisions = pages.filter((page) => page.startsWith("docs/decisions/")).map((page) => basename(page));
  const numbers = decisions.map((name) => Number.parseInt(name, 10));
  expect(numbers.toSorted((a, b) => a - b)).toEqual(numbers.map((_, index) => index + 1));
  for (const name of decisions) {
    expect(textOf(`docs/decisions/${name}`)).toMatch(new RegExp(`^# ${Number.parseInt(name, 10)}\\. `));
  }
});
