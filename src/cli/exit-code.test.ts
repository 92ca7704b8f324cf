import { describe, expect, test } from "vitest";
import { WaybillError, type ErrorCode } from "../errors.ts";
import { meanings } from "../verbs/explain/exit-code.ts";
import { exitCodeOf, exitCodes } from "./exit-code.ts";
import { rootHelp } from "./help.ts";

describe("exitCodeOf", () => {
  const table: readonly (readonly [ErrorCode, number])[] = [
    ["invalid_argument", 2],
    ["invalid_reference", 2],
    ["invalid_template", 2],
    ["invalid_config", 1],
    ["partial", 3],
    ["auth_required", 4],
    ["auth_denied", 4],
    ["credential_helper_failed", 4],
    ["rate_limited", 5],
    ["quota_exceeded", 5],
    ["not_found", 6],
    ["precondition_failed", 7],
    ["tag_immutable", 7],
    ["unavailable", 8],
    ["connection_failed", 8],
    ["timeout", 8],
    ["tls_failed", 1],
    ["digest_mismatch", 1],
    ["not_a_registry", 1],
    ["io_failed", 1],
    ["disk_full", 1],
    ["internal", 70],
    ["cancelled", 130],
  ];

  test.each(table)("exitCodeOf %s is %i", (code, expected) => {
    expect(exitCodeOf(new WaybillError(code, "Cannot do it: seen"))).toBe(expected);
  });

  test.each([new TypeError("x is not a function"), "text", undefined])("exitCodeOf %s is 70: a bug in us", (thrown) => {
    expect(exitCodeOf(thrown)).toBe(70);
  });
});

test("every exit code is told of by the help and by explain, and no other", () => {
  const codes = Object.values<number>(exitCodes);
  const [, listed = ""] = /^Exit codes:\n([^]*?)\n\n/m.exec(rootHelp({ isPlugin: false })) ?? [];
  const told = [...listed.matchAll(/(?<![\w-])\d+(?= {2}| and | *:)/g)].map(([code]) => Number(code));

  expect(told.toSorted((a, b) => a - b)).toEqual(codes);
  expect([exitCodes.done, ...Object.keys(meanings).map(Number)]).toEqual(codes);
});
