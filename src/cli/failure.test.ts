import { describe, expect, test } from "vitest";
import { inContext, WaybillError } from "../errors.ts";
import { errorFacts, failureText } from "./failure.ts";
import { outcomeJson } from "./show/outcome-json.ts";

describe("failureText", () => {
  test("failureText is the sentence alone when there is no advice", () => {
    expect(failureText(new WaybillError("not_found", 'Cannot find "a/b:1": 404'))).toBe(
      'ERROR: Cannot find "a/b:1": 404\n',
    );
  });

  test("failureText adds the error's own advice in one line", () => {
    const error = new WaybillError("auth_required", "Cannot read", { advice: "log in first" });

    expect(failureText(error)).toBe("ERROR: Cannot read\n  hint: log in first\n");
  });

  test("failureText tells how to open more files, whatever wanted to open one", () => {
    const cause = Object.assign(new Error("connect EMFILE 127.0.0.1:1"), { code: "EMFILE" });
    const inner = new WaybillError("connection_failed", "Cannot reach", {}, { cause });

    expect(failureText(inContext(inner, {}, "copy: "))).toBe(
      "ERROR: copy: Cannot reach\n  hint: raise the limit, as with `ulimit -n 4096`, then run the same command again\n",
    );
  });

  test("failureText shows escapes and newlines of others instead of sending them to the terminal", () => {
    const error = new WaybillError("rejected", "Cannot push: \u001b]52;c;aGk=\u0007\r\nERROR: fake", {
      advice: "a\nb",
    });

    expect(failureText(error)).toBe("ERROR: Cannot push: \\x1b]52;c;aGk=\\x07\\r\\nERROR: fake\n  hint: a\\nb\n");
  });

  test("failureText tells stack and where to report when the error is ours", () => {
    const text = failureText(new TypeError("x is not a function"));

    expect(text).toMatch(/^ERROR: TypeError: x is not a function\n {2}at /);
    expect(text).toContain("  hint: this is a bug in waybill");
  });

  test("failureText follows the causes when debugging", () => {
    const cause = new Error("ECONNRESET");
    const error = new WaybillError(
      "connection_failed",
      "Cannot reach it",
      { registry: "a.example", advice: "try" },
      { cause },
    );

    const text = failureText(error, { debug: true });

    expect(text).toContain("\n  code: connection_failed, registry: a.example\n");
    expect(text).toContain("\ncaused by: Error: ECONNRESET\n  at ");
  });

  test("failureText ends when causes go in a circle", () => {
    const error = new Error("round");
    error.cause = error;

    expect(failureText(error, { debug: true }).length).toBeLessThan(100_000);
  });
});

test.each([
  [new TypeError("x is not a function"), "TypeError: x is not a function"],
  ["a text", "something was thrown: a text"],
])("our own mistake, such as %s, is told in the same words in every form", (error, message) => {
  expect(failureText(error)).toContain(`ERROR: ${message}\n`);
  expect(errorFacts(error)).toMatchObject({ error: "internal", message });
  expect(outcomeJson({ error })).toMatchObject({ error: { code: "internal", message } });
});
