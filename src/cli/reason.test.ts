import { describe, expect, test } from "vitest";
import { runInProcess } from "../../test/support/in-process.ts";
import { reasonOf } from "./reason.ts";

const failed = (code: string) => Object.assign(new Error(`${code}: the system's own words`), { code });

describe("reasonOf", () => {
  test.each([
    ["ENOENT", "there is no such file"],
    ["EISDIR", "it is a folder"],
    ["EACCES", "permission denied"],
    ["EROFS", "the file system is read-only"],
    ["EMFILE", "too many files are open"],
    ["ENAMETOOLONG", "its name is too long"],
    ["EIO", "EIO"],
  ])("says %s as %j", (code, words) => {
    expect(reasonOf(failed(code))).toBe(words);
  });

  test("names what is missing as the caller knows it", () => {
    expect(reasonOf(failed("ENOENT"), { missing: "folder" })).toBe("there is no such folder");
  });

  test("does not pretend to know", () => {
    expect(reasonOf(new Error("x"))).toBe("unknown reason");
    expect(reasonOf("x")).toBe("unknown reason");
  });
});

test("registry serve says in words why it cannot read its users", async () => {
  const { code, stderr } = await runInProcess(["registry", "serve", "--htpasswd", "/nonexistent/users"]);
  expect([code, stderr]).toEqual([1, 'ERROR: Cannot read "/nonexistent/users": there is no such file\n']);
});
