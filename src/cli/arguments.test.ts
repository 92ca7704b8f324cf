import { Command } from "commander";
import { assert, array, property, string } from "fast-check";
import { describe, expect, test } from "vitest";
import { goArguments } from "./arguments.ts";
import { addList, addSwitch, addValue } from "./options.ts";

function command(): Command {
  const made = new Command("test")
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
    .argument("[sources...]");
  addList(made, "-t, --tag <reference>", "");
  addValue(made, "--progress <mode>", "");
  addSwitch(made, "--prefer-index", "", true);
  addSwitch(made, "-q, --quiet", "");
  return addSwitch(made, "-D, --debug", "");
}

function parsed(...args: string[]): object {
  const made = command();
  made.parse(goArguments(args, made), { from: "user" });
  return { ...made.opts<object>(), args: made.args };
}

describe("goArguments", () => {
  const table: readonly (readonly [readonly string[], object])[] = [
    [[], { preferIndex: true, args: [] }],
    [["--prefer-index=false"], { preferIndex: false, args: [] }],
    [["--prefer-index", "false"], { preferIndex: true, args: ["false"] }],
    [["--prefer-index=T", "x"], { preferIndex: true, args: ["x"] }],
    [["--prefer-index=0", "--prefer-index"], { preferIndex: true, args: [] }],
    [
      ["-t", "a", "x", "--tag=b", "y", "-tc", "-t=d"],
      { preferIndex: true, tag: ["a", "b", "c", "d"], args: ["x", "y"] },
    ],
    [["-qDt", "a", "x"], { preferIndex: true, quiet: true, debug: true, tag: ["a"], args: ["x"] }],
    [["-D=false", "-q=1"], { preferIndex: true, debug: false, quiet: true, args: [] }],
    [["-t", "-x", "--tag", "--", "--", "-t"], { preferIndex: true, tag: ["-x", "--"], args: ["-t"] }],
    [["--tag", "a=b"], { preferIndex: true, tag: ["a=b"], args: [] }],
    [["--tag="], { preferIndex: true, tag: [""], args: [] }],
    [["-"], { preferIndex: true, args: ["-"] }],
    [["--progress", "plain", "--progress=tty"], { preferIndex: true, progress: "tty", args: [] }],
  ];

  test.each(table)("goArguments lets %j be read as pflag reads it", (args, expected) => {
    expect(parsed(...args)).toEqual(expected);
  });

  test("goArguments refuses a switch that is neither true nor false", () => {
    expect(() => parsed("--prefer-index=maybe")).toThrow('invalid argument "maybe" for "--prefer-index" flag');
  });

  test.each([["--tag"], ["--unheard-of"], ["-x"], ["-qx"]])(
    "goArguments leaves the refusal of %s to the command",
    (arg) => {
      expect(() => parsed(arg)).toThrow(/argument missing|unknown option/);
    },
  );

  test("goArguments keeps every argument after -- when given anything", () => {
    assert(
      property(array(string()), (args) => {
        expect(goArguments(["--", ...args], command())).toEqual(["--", ...args]);
      }),
    );
  });
});
