import { describe, expect, test } from "vitest";
import { fakeEnvironment } from "../../../test/support/credential-environment.ts";
import { configuredRegistries, parseWanted } from "./subjects.ts";

const hostsOf = (...references: string[]) => parseWanted({ references, probes: [] }).registries;

describe("parseWanted", () => {
  test.each([
    ["ghcr.io", "ghcr.io"],
    ["GHCR.io:443", "ghcr.io:443"],
    ["localhost", "localhost"],
    ["localhost:5000", "localhost:5000"],
    ["127.0.0.1:5000", "127.0.0.1:5000"],
    ["[::1]:5000", "[::1]:5000"],
    ["registry-1.docker.io", "docker.io"],
  ])("takes %s for a registry", (text, host) => {
    expect(hostsOf(text)).toEqual([{ host, references: [], probes: [] }]);
  });

  test.each([
    ["alpine", "docker.io", "library/alpine"],
    ["registry:2", "docker.io", "library/registry"],
    ["acme/app:1", "docker.io", "acme/app"],
    ["ghcr.io/acme/app", "ghcr.io", "acme/app"],
  ])("takes %s for an image", (text, host, repository) => {
    expect(hostsOf(text)).toMatchObject([{ host, references: [{ location: { repository } }] }]);
  });

  test("gathers what is wanted of one registry, in the order in which registries are named", () => {
    const { registries, layouts } = parseWanted({
      references: ["b.example/x:1", "a.example", "b.example/y:1", "oci-layout:///tmp/x:1"],
      probes: ["a.example/z", "b.example/x"],
    });

    expect(registries.map(({ host, references, probes }) => [host, references.length, probes])).toEqual([
      ["b.example", 2, ["x"]],
      ["a.example", 0, ["z"]],
    ]);
    expect(layouts).toMatchObject([{ location: { kind: "layout", path: "/tmp/x" } }]);
  });

  test.each(["a.example/x:1", `a.example/x@sha256:${"0".repeat(64)}`, "a.example/x:latest", "oci-layout://x"])(
    "refuses to probe %s",
    (probe) => {
      expect(() => parseWanted({ references: [], probes: [probe] })).toThrow(/is not a repository/);
    },
  );

  test.each(["256.1.1.1", "1.2.3.4.5:5000", "localhost:99999", "[:::]", "localhost:99999/app"])(
    "takes no image of Docker Hub for %s",
    (text) => {
      expect(() => hostsOf(text)).toThrow(expect.objectContaining({ code: "invalid_reference" }));
    },
  );

  test("refuses what is no reference", () => {
    expect(() => hostsOf("A//b")).toThrow(expect.objectContaining({ code: "invalid_reference" }));
  });
});

describe("configuredRegistries", () => {
  const registriesIn = async (config: unknown) => {
    const environment = fakeEnvironment({ files: { "/home/u/.docker/config.json": config } });
    return (await configuredRegistries(environment)).map(({ host }) => host);
  };

  test("names each host of docker's config once, in its order", async () => {
    const auths = { "https://index.docker.io/v1/": {}, "ghcr.io": {}, "ghcr.io/acme": {} };
    expect(await registriesIn({ auths, credHelpers: { "ghcr.io": "x", "1.dkr.ecr.example": "ecr-login" } })).toEqual([
      "docker.io",
      "ghcr.io",
      "1.dkr.ecr.example",
    ]);
  });

  test("names none where there is no config, or one that cannot be read", async () => {
    expect(await configuredRegistries(fakeEnvironment())).toEqual([]);
    expect(await registriesIn("{")).toEqual([]);
  });
});
