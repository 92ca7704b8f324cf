import { describe, expect, test } from "vitest";
import { scrub } from "./scrub.ts";
import { Secret } from "./send.ts";

describe("scrub", () => {
  const without = (text: string, ...secrets: string[]) =>
    scrub(
      text,
      secrets.map((secret) => new Secret(secret)),
    );

  test("does not replace what it has written", () => {
    expect(without("a canary", "canary", "redacted", "[", "e")).toBe("a [redacted]");
  });

  test("takes the longest of secrets that begin alike", () => {
    expect(without("canary-longer canary-long", "canary", "canary-longer", "canary-long")).toBe(
      "[redacted] [redacted]",
    );
  });

  test("takes a long secret whole, also where its beginning is that of another, and a cut one as far as it is known", () => {
    const [one, other] = ["a".repeat(200) + "1", "a".repeat(200) + "2"];

    expect(without(`${one}, ${other}; ${"a".repeat(64)}…`, one, other)).toBe("[redacted], [redacted]; [redacted]…");
  });

  test("takes a secret of any length", () => {
    const secret = "a$b".repeat(50_000);

    expect(without(`not ${secret}!`, secret)).toBe("not [redacted]!");
  });

  test("leaves a text alone when there is nothing to take out", () => {
    expect(without("as it was", "")).toBe("as it was");
  });
});
