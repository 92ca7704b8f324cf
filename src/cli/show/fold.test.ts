import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { foldTo, type Entry, type Group } from "./fold.ts";

const more = (count: number, shown: number) => `${shown > 0 ? "+" : ""}${count}`;

function leaf(name: string): Entry {
  return { line: () => name };
}

function group(rank: number, entries: readonly Entry[], extra = 0): Group {
  return { rank, entries, extra, more };
}

describe("foldTo", () => {
  const tree = group(0, [
    { ...leaf("A"), below: group(2, ["a1", "a2", "a3", "a4"].map(leaf)) },
    { ...leaf("B"), below: group(2, ["b1"].map(leaf), 2) },
  ]);

  test.each([
    [9, ["A", "a1", "a2", "a3", "a4", "B", "b1", "+2"]],
    [6, ["A", "a1", "+3", "B", "b1", "+2"]],
    [5, ["A", "a1", "+3", "B", "3"]],
    [3, ["A", "4", "B"]],
    [2, ["A", "B"]],
    [1, ["2"]],
    [0, []],
  ])("foldTo %i lines", (budget, expected) => {
    expect(foldTo(budget, tree)).toEqual(expected);
  });

  test("foldTo lets what is over give way first", () => {
    const entries = [{ ...leaf("done"), isOver: true }, leaf("one"), leaf("two")];

    expect(foldTo(2, group(0, entries))).toEqual(["one", "+2"]);
  });
});

test("foldTo takes no more lines than it may, and loses no entry without counting it while there is room to count", () => {
  const groups = fc.array(fc.nat(12), { maxLength: 8 });
  fc.assert(
    fc.property(groups, fc.nat(60), (sizes, budget) => {
      const entries = sizes.map((size, at) => ({
        ...leaf(`head ${at}`),
        below: group(
          1,
          Array.from({ length: size }, (_, index) => leaf(`entry ${index}`)),
        ),
      }));
      const lines = foldTo(budget, group(0, entries));
      expect(lines.length).toBeLessThanOrEqual(budget);
      const counted = lines.reduce(
        (sum, line) => sum + (line.startsWith("entry") ? 1 : /^\+?\d/.test(line) ? Number(line) : 0),
        0,
      );
      const isRoomy = budget >= 2 * sizes.length;
      if (isRoomy) expect(counted).toBe(sizes.reduce((sum, size) => sum + size, 0));
    }),
  );
});
