import { expect, test } from "vitest";
import { noteOf } from "./notes.ts";

test.each([
  [{ remaining: 76, limit: 100, windowSeconds: 21_600 }, "docker.io: 76 of 100 pulls left per 6 h"],
  [{ remaining: 0, windowSeconds: 90 }, "docker.io: 0 pulls left per 90 s"],
  [{ remaining: 5, limit: 7 }, "docker.io: 5 of 7 pulls left"],
])("noteOf tells a quota in one line, whether or not we debug", (quota, line) => {
  const event = { type: "pull-quota", registry: "docker.io", ...quota, at: 0 } as const;
  expect(noteOf(event, false)).toBe(line);
  expect(noteOf(event, true)).toBe(line);
});
