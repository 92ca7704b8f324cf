import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseReference } from "../spec/reference.ts";
import { knownHosts, profileOf } from "./profiles.ts";

const page = readFileSync(new URL("../../docs/registries.md", import.meta.url), "utf8");

/** The cells of a section's table. */
function rowsOf(heading: string): readonly (readonly string[])[] {
  const [, section = ""] = page.split(`## ${heading}\n`);
  const lines = (section.split("\n## ")[0] ?? "").split("\n").filter((line) => line.startsWith("| `"));
  return lines.map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")));
}

const rows = rowsOf("What is known beforehand");

/** The cells of the page's table that speak of a repository. */
function cellsFor(name: string): readonly string[] {
  const { location } = parseReference(name);
  if (location.kind !== "registry") throw new TypeError(`${name} is in no registry`);
  const { maxBlobBytes, maxManifestBytes, makesRepositories } = profileOf(location.host);
  const missing = typeof makesRepositories === "function" ? makesRepositories(location.repository) : makesRepositories;
  return [
    `${maxBlobBytes ?? "unknown"}`,
    `${maxManifestBytes}`,
    missing === "on-push" ? "on push" : (missing ?? "unknown"),
  ];
}

describe("profileOf", () => {
  test.each(rows)("says of %s%s what docs/registries.md says", (_edge, name = "", ...cells) => {
    expect(cells.slice(0, 3)).toEqual(cellsFor(name));
  });

  test("knows no host that docs/registries.md does not name", () => {
    const hosts = rows
      .map(([, name = ""]) => parseReference(name).location)
      .flatMap((at) => (at.kind === "registry" ? [at.host] : []));
    expect(hosts).toHaveLength(knownHosts.length);
    for (const { pattern } of knownHosts) expect(hosts.filter((host) => pattern.test(host))).toHaveLength(1);
  });

  test("knows of any other registry only that manifests may have 4 MiB", () => {
    const nothing = { maxManifestBytes: 4 * 1024 * 1024, habits: {} };
    expect(profileOf("registry.example:5000")).toEqual(nothing);
    expect(profileOf("ghcr.io.evil.example")).toEqual(nothing);
    expect(profileOf("index.docker.io").makesRepositories).toBe("on-push");
  });

  const habits = rowsOf("What only a write would show");

  test.each(habits)("says of what a write to %s%s shows what docs/registries.md says", (_edge, name = "", ...cells) => {
    const { location } = parseReference(name);
    const { mounts, deletesTags, immutableTags } = profileOf(location.kind === "registry" ? location.host : "").habits;
    expect(cells.slice(0, 3)).toEqual([mounts, deletesTags, immutableTags].map((habit) => habit ?? "unknown"));
  });

  test("knows the habits of no host that docs/registries.md does not name", () => {
    expect(habits).toHaveLength(knownHosts.filter((host) => host.habits !== undefined).length);
  });
});
