import { describe, expect, test } from "vitest";
import { route } from "./route.ts";

function short(args: readonly string[]): unknown {
  const found = route(args);
  if (found.goal !== "command") return found;
  const { command, args: own, ...rest } = found;
  return { ...rest, command: command.name, args: own };
}

describe("route", () => {
  const table: readonly (readonly [readonly string[], object])[] = [
    [[], { goal: "help", group: "" }],
    [["--help"], { goal: "help", group: "" }],
    [["help"], { goal: "help", group: "" }],
    [["imagetools"], { goal: "help", group: "imagetools" }],
    [["imagetools", "--help"], { goal: "help", group: "imagetools" }],
    [["help", "imagetools"], { goal: "help", group: "imagetools" }],
    [["frobnicate"], { goal: "unknown", group: "", name: "frobnicate" }],
    [["imagetools", "x"], { goal: "unknown", group: "imagetools", name: "x" }],
    [["imagetools", "login"], { goal: "unknown", group: "imagetools", name: "login" }],
    [["__proto__"], { goal: "unknown", group: "", name: "__proto__" }],
    [[""], { goal: "unknown", group: "", name: "" }],
    [["create", "-t", "a", "b"], { goal: "command", group: "", command: "create", args: ["-t", "a", "b"] }],
    [
      ["imagetools", "create", "-t", "a"],
      { goal: "command", group: "imagetools", command: "create", args: ["-t", "a"] },
    ],
    [
      ["--builder", "b", "imagetools", "--builder=c", "inspect", "x"],
      { goal: "command", group: "imagetools", command: "inspect", args: ["--builder=b", "--builder=c", "x"] },
    ],
    [
      ["-D", "--log-level", "trace", "imagetools", "--log-format=json", "create"],
      {
        goal: "command",
        group: "imagetools",
        command: "create",
        args: ["-D", "--log-level=trace", "--log-format=json"],
      },
    ],
    [["help", "create"], { goal: "command", group: "", command: "create", args: ["--help"] }],
    [["--help", "registry", "serve"], { goal: "command", group: "registry", command: "serve", args: ["--help"] }],
    [
      ["--config", "/c", "create", "x"],
      { goal: "command", group: "", command: "create", args: ["x"], dockerConfig: "/c" },
    ],
    [["--config=/c", "--version"], { goal: "command", group: "", command: "version", args: [] }],
    [["create", "--", "-D"], { goal: "command", group: "", command: "create", args: ["--", "-D"] }],
  ];

  test.each(table)("route of %j leads to %j", (args, expected) => {
    expect(short(args)).toEqual(expected);
  });

  test.each([
    [["-t", "a", "create"], "unknown flag: -t"],
    [["--builder"], "flag needs an argument: --builder"],
  ])("route of %j throws", (args, message) => {
    expect(() => route(args)).toThrow(message);
  });
});
