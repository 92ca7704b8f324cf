import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { exitCodeOf } from "../../src/cli/exit-code.ts";
import { isRetryable, WaybillError, type ErrorCode } from "../../src/errors.ts";

const root = join(import.meta.dirname, "../..");
const textOf = (path: string) => readFileSync(join(root, path), "utf8");

test("docs/errors.md lists every error code with its exit code, and whether it is worth another try", () => {
  const [, union = ""] = /export type ErrorCode =([^;]*);/.exec(textOf("src/errors.ts")) ?? [];
  const errors = [...union.matchAll(/"(\w+)"/g)].map(([, code]) => new WaybillError(code as ErrorCode, ""));

  const rows = [...textOf("docs/errors.md").matchAll(/^\| `(\w+)`( ↻)? \| .+ \| (\d+) \|$/gm)];

  expect(errors.length).toBeGreaterThan(0);
  expect(rows.map(([, code, sign, exit]) => [code, sign !== undefined, Number(exit)])).toEqual(
    errors.map((error) => [error.code, isRetryable(error), exitCodeOf(error)]),
  );
});
