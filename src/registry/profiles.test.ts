import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { parseReference } from "../spec/reference.ts";
import { knownHosts, profileOf } from "./profiles.ts";

const page = readFileSync(new URL("../../docs/registries.md", import.meta.url), "utf8");
const [, section = ""] = page.split("## What is known beforehand\n");
const rows = (section.split("\n## ")[0] ?? "")
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) => line.split("|").map((cell) => cell.trim().replaceAll("`", "")));

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
    expect(profileOf("registry.example:5000")).toEqual({ maxManifestBytes: 4 * 1024 * 1024 });
    expect(profileOf("ghcr.io.evil.example")).toEqual({ maxManifestBytes: 4 * 1024 * 1024 });
    expect(profileOf("index.docker.io").makesRepositories).toBe("on-push");
  });
});
