import { describe, expect, test } from "vitest";
import { askYes, canAsk, openQuestions } from "./ask.ts";

/** A terminal where somebody types `keys`, and what it was told, in order. */
function terminal(...keys: readonly (string | Uint8Array)[]) {
  const told: string[] = [];
  const typed = (async function* () {
    for (const piece of keys) {
      told.push("read");
      yield piece;
    }
  })();
  return {
    told,
    stdin: Object.assign(typed, { isTTY: true, setRawMode: (isRaw: boolean) => void told.push(`raw ${isRaw}`) }),
    stderr: { isTTY: true, write: (text: string | Uint8Array) => void told.push(String(text)) },
    signal: new AbortController().signal,
  };
}

// oxlint-disable-next-line require-yield -- input that fails before anything is typed
async function* interrupted(): AsyncGenerator<string> {
  throw new Error("stop");
}

describe("askYes", () => {
  test.each([
    ["y\n", true],
    [" Yes \r\n", true],
    ["n\n", false],
    ["\n", false],
    ["", false],
    ["yn\n", false],
    ["y", true],
  ])("takes %j as %j", async (typed, expected) => {
    expect(await askYes("Sure?", terminal(typed))).toBe(expected);
  });

  test.each([
    ["y\n", []],
    ["", ["\n"]],
    ["y", ["\n"]],
  ])("leaves what is told next a line of its own after %j", async (typed, more) => {
    const at = terminal(typed);
    await askYes("Sure?", at);
    expect(at.told).toEqual(["Sure? [y/N] ", "read", ...more]);
  });

  test("leaves what is told next a line of its own when it is interrupted", async () => {
    const { told, stderr, signal } = terminal();
    const stdin = Object.assign(interrupted(), { isTTY: true });
    await expect(askYes("Sure?", { stdin, stderr, signal })).rejects.toThrow("stop");
    expect(told).toEqual(["Sure? [y/N] ", "\n"]);
  });

  test("asks nobody once the run is cancelled", async () => {
    const { stdin, stderr } = terminal("y\n");
    await expect(askYes("Sure?", { stdin, stderr, signal: AbortSignal.abort(new Error("stop")) })).rejects.toThrow(
      "stop",
    );
  });
});

describe("openQuestions", () => {
  test("asks one question after the other, whatever pieces the answers come in", async () => {
    const at = terminal("a", "nn\nsecr", Buffer.from("é").subarray(0, 1), Buffer.from("é").subarray(1), "t\nmore");
    await using questions = openQuestions(at);

    expect([await questions.ask("Name: "), await questions.ask("Word: "), await questions.ask("Last: ")]).toEqual([
      "ann",
      "secrét",
      "more",
    ]);
  });

  test("shows nothing of a hidden answer, and shows what is typed again afterwards", async () => {
    const at = terminal("p", "w\r");
    await using questions = openQuestions(at);

    expect(await questions.askHidden("Password: ")).toBe("pw");
    expect(at.told).toEqual(["raw true", "Password: ", "read", "read", "raw false", "\n"]);
  });

  test.each([
    ["px\u007Fw\r", "pw"],
    ["\b\u007Fpw\r", "pw"],
    ["a😀\u007Fb\n", "ab"],
    ["wrong\u0015pw\r", "pw"],
    ["wrong\u0017pw\r", "pw"],
    ["pw\u0004", "pw"],
    ["pw", "pw"],
    [" p w \r\n", " p w "],
  ])("edits the hidden %j as a terminal would", async (typed, expected) => {
    await using questions = openQuestions(terminal(typed));
    expect(await questions.askHidden("Password: ")).toBe(expected);
  });

  test("is cancelled by Ctrl-C in a hidden answer, and shows what is typed again", async () => {
    const at = terminal("pw\u0003");
    await using questions = openQuestions(at);

    await expect(questions.askHidden("Password: ")).rejects.toMatchObject({ code: "cancelled" });
    expect(at.told.slice(-2)).toEqual(["raw false", "\n"]);
  });
});

test("canAsk wants a terminal to read from and one to write to", () => {
  const { stdin, stderr } = terminal();
  expect(canAsk({ stdin, stderr })).toBe(true);
  expect(canAsk({ stdin: Object.assign(stdin, { isTTY: false }), stderr })).toBe(false);
  expect(canAsk({ stdin, stderr: { ...stderr, isTTY: false } })).toBe(false);
});
