import { describe, expect, test } from "vitest";
import { progressMode } from "./mode.ts";

describe("progressMode", () => {
  test.each([
    ["auto", {}, true, "tty"],
    ["auto", {}, false, "plain"],
    ["auto", { TERM: "dumb" }, true, "plain"],
    ["auto", { BUILDKIT_PROGRESS: "rawjson" }, true, "rawjson"],
    ["auto", { BUILDKIT_PROGRESS: "" }, false, "plain"],
    ["", { BUILDKIT_PROGRESS: "fancy" }, true, "tty"],
    ["", {}, false, "plain"],
    ["plain", { BUILDKIT_PROGRESS: "rawjson" }, true, "plain"],
    ["auto", { BUILDKIT_PROGRESS: "jsonl" }, true, "jsonl"],
    ["none", {}, true, "quiet"],
    ["quiet", {}, false, "quiet"],
    ["tty", {}, true, "tty"],
  ])("progressMode of %s with %j, terminal %s, is %s", (asked, env, isTerminal, expected) => {
    expect(progressMode(asked, { env, isTerminal })).toBe(expected);
  });

  test.each([
    ["fancy", {}, "invalid progress mode fancy"],
    ["auto", { BUILDKIT_PROGRESS: "fancy" }, "invalid progress mode fancy"],
    ["tty", {}, "failed to get console: "],
  ])("progressMode of %s with %j throws", (asked, env, message) => {
    expect(() => progressMode(asked, { env, isTerminal: false })).toThrow(message);
  });
});
