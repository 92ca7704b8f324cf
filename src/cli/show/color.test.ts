import { describe, expect, test } from "vitest";
import { wantsColor, type ColorMode } from "./color.ts";
import { terminalTraits } from "./terminal.ts";

describe("wantsColor", () => {
  test.each<[ColorMode, Record<string, string>, boolean, boolean]>([
    ["auto", {}, true, true],
    ["auto", {}, false, false],
    ["auto", { NO_COLOR: "1" }, true, false],
    ["auto", { NO_COLOR: "" }, true, true],
    ["auto", { FORCE_COLOR: "1" }, false, true],
    ["auto", { FORCE_COLOR: "0" }, true, false],
    ["auto", { NO_COLOR: "1", FORCE_COLOR: "1" }, true, false],
    ["auto", { TERM: "dumb" }, true, false],
    ["always", { NO_COLOR: "1", TERM: "dumb" }, false, true],
    ["never", { FORCE_COLOR: "1" }, true, false],
  ])("wantsColor of %s with %j, terminal %s, is %s", (asked, env, isTerminal, expected) => {
    expect(wantsColor(asked, { env, isTerminal })).toBe(expected);
  });
});

describe("terminalTraits", () => {
  test.each([
    [{ TERM: "xterm-256color" }, true, true],
    [{ TERM: "xterm-256color", XTERM_VERSION: "XTerm(379)" }, false, true],
    [{ TERM: "tmux-256color", TMUX: "/tmp/x", XTERM_VERSION: "XTerm(379)" }, true, true],
    [{ TERM: "screen", STY: "1.pts" }, false, true],
    [{ TERM: "linux" }, false, false],
    [{ TERM: "vt220" }, false, false],
    [{}, false, false],
  ])("terminalTraits of %j: reflows %s, synchronizes %s", (env, reflows, synchronizes) => {
    expect(terminalTraits(env)).toEqual({ reflows, synchronizes });
  });
});
