import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fakeEnvironment, type FakeEnvironmentOptions } from "../../test/support/credential-environment.ts";
import { WaybillError } from "../errors.ts";
import { builderSettings } from "./buildkit.ts";

const buildx = "/home/u/.docker/buildx";
const config = "/home/u/.docker/config.json";
const base64 = (text: string) => Buffer.from(text).toString("base64");
const instance = (toml: string, files: Record<string, string> = {}) => ({
  Name: "b",
  Nodes: [{ Name: "b0", Files: { "buildkitd.toml": base64(toml), ...files } }, { Name: "b1" }],
});
const plain = (host: string) => instance(`[registry."${host}"]\nhttp = true\n`);
const hosts = async (options: FakeEnvironmentOptions, builder?: string) => [
  ...(await builderSettings(fakeEnvironment(options), builder)).keys(),
];

describe("builderSettings", () => {
  test("reads what buildx stores, certificates from the files beside", async () => {
    const toml = `debug = true
[registry]
[registry.'docker.io']
mirrors = ['mirror.test/path']
[registry.'My.Registry:5000']
http = false
insecure = true
ca = ['/etc/buildkit/certs/my/ca.pem', '/elsewhere.pem']
[[registry.'My.Registry:5000'.keypair]]
cert = '/etc/buildkit/certs/my/cert.pem'
key = '/etc/buildkit/certs/my/key.pem'
`;
    const files = {
      "certs/my/ca.pem": base64("CA"),
      "certs/my/cert.pem": base64("CERT"),
      "certs/my/key.pem": base64("KEY"),
    };
    const settings = await builderSettings(
      fakeEnvironment({ files: { [`${buildx}/instances/mine`]: instance(toml, files) } }),
      "Mine",
    );

    expect(settings.get("docker.io")).toEqual({ ca: [], keypairs: [], mirrors: ["mirror.test/path"] });
    const own = settings.get("my.registry:5000");
    expect(own).toMatchObject({
      http: false,
      insecure: true,
      ca: ["CA"],
      missing: ["/elsewhere.pem"],
      mirrors: [],
      keypairs: [{ certificate: "CERT" }],
    });
    expect(own?.keypairs[0]?.key.reveal()).toBe("KEY");
  });

  test("takes the builder that is named, then the environment's, then the current one", async () => {
    const files = {
      [`${buildx}/instances/named`]: plain("named"),
      [`${buildx}/instances/env`]: plain("env"),
      [`${buildx}/instances/current`]: plain("current"),
      [`${buildx}/current`]: { Key: "unix:///var/run/docker.sock", Name: "current", Global: false },
    };

    expect(await hosts({ files, env: { BUILDX_BUILDER: "env" } }, "named")).toEqual(["named"]);
    expect(await hosts({ files, env: { BUILDX_BUILDER: "env" } })).toEqual(["env"]);
    expect(await hosts({ files })).toEqual(["current"]);
    expect(await hosts({ files, env: { DOCKER_CONTEXT: "other" } })).toEqual([]);
  });

  test("finds the usual builder of a docker endpoint under its digest", async () => {
    const key = "tcp://host:2375";
    const hash = createHash("sha256").update(key).digest("hex").slice(0, 20);
    const files = {
      "/bx/instances/usual": plain("usual"),
      [`/bx/defaults/${hash}`]: "usual",
      "/bx/current": { Key: "x", Name: "usual", Global: false },
    };

    expect(await hosts({ files, env: { BUILDX_CONFIG: "/bx", DOCKER_HOST: key } })).toEqual(["usual"]);
  });

  test("is empty for docker's own builder, a context, and a builder without settings", async () => {
    const meta = createHash("sha256").update("remote").digest("hex");
    const files = {
      [`/home/u/.docker/contexts/meta/${meta}/meta.json`]: {},
      [`${buildx}/instances/bare`]: { Nodes: null },
    };

    for (const name of ["default", "remote", "bare", undefined]) expect(await hosts({ files }, name)).toEqual([]);
  });

  test.each(["{", '{"currentContext":5}'])(
    "warns once of docker's config %j and takes the usual builder",
    async (text) => {
      const files = { [config]: text, [`${buildx}/instances/default`]: plain("usual") };
      const warnings: string[] = [];

      const settings = await builderSettings(fakeEnvironment({ files }), undefined, (it) => void warnings.push(it));

      expect([...settings.keys()]).toEqual(["usual"]);
      expect(warnings).toEqual([expect.stringContaining(`Cannot read "${config}"`)]);
    },
  );

  test.each(["absent", "../../etc/passwd", "a/b", "-x"])("refuses the builder %j that does not exist", async (name) => {
    await expect(hosts({ files: { "/etc/passwd": "x" } }, name)).rejects.toMatchObject({
      code: "invalid_argument",
      message: `Cannot use builder "${name}": no such builder found`,
    });
  });

  test.each([
    "{",
    '{"Nodes":3}',
    JSON.stringify(instance("[registry")),
    JSON.stringify(instance("registry = 3")),
    JSON.stringify(instance("[registry.x]\nhttp = 'yes'")),
  ])("refuses the malformed instance %s", async (text) => {
    await expect(hosts({ files: { [`${buildx}/instances/b`]: text } }, "b")).rejects.toMatchObject({
      code: "invalid_config",
    });
  });

  test("throws nothing but typed errors when the toml is arbitrary", async () => {
    const piece = fc.constantFrom(
      "[registry",
      ".'x']\n",
      "http=",
      "true\n",
      "ca=[",
      "'a'",
      "]\n",
      "__proto__",
      '"',
      "=",
      "1",
      "[[",
      "\n",
    );
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(piece, fc.string())), async (pieces) => {
        await hosts({ files: { [`${buildx}/instances/b`]: instance(pieces.join("")) } }, "b").catch((error: unknown) =>
          expect(error).toBeInstanceOf(WaybillError),
        );
      }),
    );
  });
});
