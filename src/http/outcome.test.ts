import { expect, test } from "vitest";
import { transportError } from "./outcome.ts";

test("transportError says in plain words that no more connections can be opened", () => {
  const words = "connect EMFILE 127.0.0.1:1 - Local (undefined:undefined)";
  const error = Object.assign(new Error(words), { code: "EMFILE" });

  const told = transportError({ method: "GET", url: "https://a.example/v2/" }, error, "nothing");

  expect(told.message).toBe('Cannot reach "a.example": too many files and connections are open here');
});
