import { resolve } from "node:path";
import { expect, test } from "vitest";
import { requireDistinct } from "./distinct-files.ts";

test("requireDistinct refuses a path that two flags name, however it is written", () => {
  const written = { "--report": "out.json", "--timeline": undefined, "--metadata-file": resolve("./out.json") };
  expect(() => requireDistinct(written)).toThrow("for both --report and --metadata-file");
  expect(() => requireDistinct({ "--report": "sources/../s" }, [["--file", "s"]])).toThrow(
    "for both --file and --report",
  );
});

test("requireDistinct takes files of their own, and empty paths for none", () => {
  const written = { "--report": "a", "--timeline": "b", "--metadata-file": "" };
  expect(() => requireDistinct({ ...written, "--log": "" }, [["--file", "c"]])).not.toThrow();
});
