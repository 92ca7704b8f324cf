import { describe, expect, test } from "vitest";
import { invocationOf, pluginMetadata } from "./plugin.ts";

const asPlugin = (name: string, ...args: string[]) =>
  invocationOf(["node", `/home/me/.docker/cli-plugins/${name}`, ...args]);

describe("invocationOf", () => {
  test("invocationOf leaves arguments alone when waybill runs on its own", () => {
    const seen = invocationOf(["node", "/usr/bin/waybill", "create", "-t", "a"]);

    expect(seen).toEqual({ wants: "command", args: ["create", "-t", "a"], isPlugin: false });
  });

  test.each([["--version"], ["-v"], ["version"]])("invocationOf wants the version when asked %s", (arg) => {
    expect(invocationOf(["node", "/usr/bin/waybill", arg]).wants).toBe("version");
    expect(asPlugin("docker-waybill", "waybill", arg).wants).toBe("version");
  });

  test("invocationOf wants metadata under any name", () => {
    expect(asPlugin("docker-imagetools", "docker-cli-plugin-metadata").wants).toBe("metadata");
    expect(invocationOf(["node", "dist/cli/main.js", "docker-cli-plugin-metadata"]).wants).toBe("metadata");
  });

  const table: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["docker-waybill", ["waybill", "create", "x"], ["create", "x"]],
    ["docker-waybill", ["waybill"], []],
    ["docker-waybill.exe", ["waybill", "create"], ["create"]],
    ["docker-waybill", ["--config", "/c", "waybill", "create"], ["--config=/c", "create"]],
    ["docker-waybill", ["--config=/c", "-D", "waybill", "create"], ["--config=/c", "-D", "create"]],
    [
      "docker-waybill",
      ["-l", "debug", "-Htcp://x", "--tls", "-cdefault", "waybill", "create"],
      ["--log-level=debug", "create"],
    ],
    ["docker-waybill", ["-lwarn", "waybill", "create"], ["--log-level=warn", "create"]],
    ["docker-waybill", ["--log-level=fatal", "waybill", "create"], ["--log-level=fatal", "create"]],
    [
      "docker-imagetools",
      ["--log-level", "error", "imagetools", "create"],
      ["--log-level=error", "imagetools", "create"],
    ],
    ["docker-waybill", ["--host", "tcp://x", "--tlsverify=false", "--tlskey", "k", "waybill", "create"], ["create"]],
    ["docker-waybill", ["help", "waybill", "create"], ["help", "create"]],
    ["docker-waybill", ["waybill", "create", "-c", "waybill"], ["create", "-c", "waybill"]],
    ["docker-waybill", ["--unheard-of", "waybill", "create"], ["--unheard-of", "waybill", "create"]],
    ["docker-imagetools", ["imagetools", "inspect", "x"], ["imagetools", "inspect", "x"]],
    ["docker-imagetools", ["--debug", "imagetools", "create"], ["--debug", "imagetools", "create"]],
    ["docker-imagetools", ["help", "imagetools"], ["help", "imagetools"]],
  ];

  test.each(table)("invocationOf takes docker's part away when %s is given %j", (name, args, expected) => {
    const seen = asPlugin(name, ...args);

    expect(seen.args).toEqual(expected);
    expect(seen.isPlugin).toBe(true);
  });
});

test("pluginMetadata has the members that docker reads, and no address where there is none", () => {
  expect(JSON.parse(pluginMetadata("1.2.3"))).toEqual({
    SchemaVersion: "0.1.0",
    Vendor: expect.any(String),
    Version: "1.2.3",
    ShortDescription: expect.any(String),
  });
});
