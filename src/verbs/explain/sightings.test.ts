import { describe, expect, test } from "vitest";
import type { Failure } from "./failure.ts";
import { knownFailures } from "./failures.ts";
import { watchFor } from "./sightings.ts";

const base = { kind: "network", about: "", cause: "", instead: "" } as const;
const failure = (id: string, rest: Partial<Failure> & Pick<Failure, "signs">): Failure => ({ ...base, id, ...rest });

function seen(failures: readonly Failure[], ...lines: readonly string[]) {
  const watch = watchFor(failures);
  lines.forEach((text, at) => watch.see({ number: at + 1, text }));
  return watch.sightings().map(({ failure, place, frame, count }) => [failure.id, place.line, frame?.line, count]);
}

describe("watchFor", () => {
  test("finds parts in order on one line, whatever their case, and counts", () => {
    const failures = [failure("a", { signs: ["tag … immutable"] })];

    expect(seen(failures, "immutable tag", "the TAG x is Immutable", "tag", "immutable", "tag immutable")).toEqual([
      ["a", 2, undefined, 2],
    ]);
  });

  test("says where the sign is", () => {
    const watch = watchFor([failure("a", { signs: ["b … d"] })]);
    watch.see({ number: 1, text: "a B c D e" });

    expect(watch.sightings()[0]?.place).toEqual({ line: 1, text: "a B c D e", at: 2, length: 5 });
  });

  test("passes over what a more special failure covers on the same line only", () => {
    const failures = [
      failure("special", { signs: ["x509: authority"], covers: ["general"] }),
      failure("general", { signs: ["x509: "] }),
    ];

    expect(seen(failures, "x509: authority", "x509: other")).toEqual([
      ["special", 1, undefined, 1],
      ["general", 2, undefined, 1],
    ]);
  });

  describe("gives a crash's trace", () => {
    const failures = [
      failure("inner", { signs: ["panic: nil"], frames: ["pkg.inner"] }),
      failure("outer", { signs: ["panic: nil"], frames: ["pkg.outer"] }),
      failure("other", { signs: ["panic: "], frames: ["goroutine "] }),
    ];

    test("to the first failure of the table, in whatever order its frames come", () => {
      expect(seen(failures, "panic: nil", "goroutine 1", "pkg.outer", "pkg.inner")).toEqual([["inner", 1, 4, 1]]);
    });

    test("to the general one where no frame is known, and to none without a stack", () => {
      expect(seen(failures, "panic: nil", "goroutine 1", "pkg.unknown")).toEqual([["other", 1, 2, 1]]);
      expect(seen(failures, "panic: nil", "pkg.unknown")).toEqual([]);
    });

    test("once for several first lines of one crash, and anew for the next crash", () => {
      const trace = ["panic: nil", "panic: nil", "goroutine 1", "pkg.inner"];
      expect(seen(failures, ...trace, ...trace, "pkg.outer")).toEqual([["inner", 1, 4, 2]]);
    });

    test("only to failures whose sign began it", () => {
      expect(seen(failures, "panic: else", "goroutine 1", "pkg.inner")).toEqual([["other", 1, 2, 1]]);
    });
  });
});

describe("the table", () => {
  test("has each id once, and covers only ids that it has", () => {
    const ids = knownFailures.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    expect(knownFailures.flatMap(({ covers = [] }) => covers).filter((id) => !ids.includes(id))).toEqual([]);
  });

  const examples = knownFailures.flatMap(({ id, signs, frames = [""] }) =>
    signs.flatMap((sign) => frames.map((frame) => [id, sign.replaceAll(" … ", " (x) "), frame] as const)),
  );

  test.each(examples)("finds %s by %j %j", (id, sign, frame) => {
    const ids = seen(knownFailures, `12:00:01 ${sign.toUpperCase()} and so on`, "goroutine 1 [running]:", frame).map(
      ([found]) => found,
    );

    expect(ids).toContain(id);
  });

  test("says of each crash of buildx which versions have it", () => {
    const crashes = knownFailures.filter(({ kind, issues }) => kind === "crash" && issues);
    expect(crashes.filter(({ versions }) => versions === undefined)).toEqual([]);
  });
});
