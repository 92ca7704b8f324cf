import { expect, test } from "vitest";
import { countedLookup, farewellSignal } from "./end-process.ts";

test("countedLookup asks from the question to the answer, whatever that is", async () => {
  let answer: (addresses: []) => void = () => undefined;
  const { lookup, isAsking } = countedLookup((name) =>
    name === "nowhere" ? Promise.reject(new Error("no")) : new Promise((resolve) => (answer = resolve)),
  );
  expect(isAsking()).toBe(false);
  const asked = lookup("somewhere");
  await expect(lookup("nowhere")).rejects.toThrow("no");
  expect(isAsking()).toBe(true);
  answer([]);
  await asked;
  expect(isAsking()).toBe(false);
});

test.each([
  [130, { mayWait: true, isPlugin: false }, "SIGINT"],
  [129, { mayWait: false, isPlugin: true }, "SIGHUP"],
  [143, { mayWait: true, isPlugin: false }, "SIGTERM"],
  [130, { mayWait: false, isPlugin: false }, undefined],
  [130, { mayWait: true, isPlugin: true }, undefined],
  [8, { mayWait: true, isPlugin: false }, undefined],
])("an end with %i goes, with %j, by %s", (code, ending, signal) => {
  expect(farewellSignal(code, ending)).toBe(signal);
});
