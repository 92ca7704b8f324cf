import { describe, expect, test } from "vitest";
import { bytesOf } from "../../test/support/images.ts";
import { digestOf } from "../spec/digest.ts";
import { pastOfBoth, pastSeen, tagPast, type TagPast } from "./tag-past.ts";

const [root, old, other] = ["root", "old", "other"].map((text) => digestOf(bytesOf(text))) as [never, never, never];
const names = [undefined, "absent", old, other, root] as const;
const pasts = names.flatMap((before) =>
  ([undefined, "begun", "acknowledged"] as const).map((write) => tagPast(before, write, root)),
);
const pairs = pasts.flatMap((one) => pasts.map((two) => [one, two] as const));
const rank = ({ write }: TagPast) => [undefined, "begun", "acknowledged"].indexOf(write);

test("tagPast takes no tag for ours that named the root before all runs", () => {
  expect(tagPast(root, "acknowledged", root)).toEqual({ before: root });
});

describe("pastOfBoth", () => {
  test("pastOfBoth knows each write that either knows, whichever comes first", () => {
    for (const [one, two] of pairs) {
      expect(rank(pastOfBoth(one, two))).toBe(Math.max(rank(one), rank(two)));
      expect(rank(pastOfBoth(two, one))).toBe(rank(pastOfBoth(one, two)));
    }
  });

  test("pastOfBoth believes whoever has written the tag in what it named before, and forgets nothing that only one knows", () => {
    for (const [one, two] of pairs) {
      const [first, second] = rank(one) === 0 && rank(two) > 0 ? [two, one] : [one, two];
      const isAlone = rank(first) > 0 && rank(second) === 0;
      expect(pastOfBoth(one, two).before).toBe(isAlone ? first.before : (first.before ?? second.before));
    }
  });

  test("pastOfBoth gives the same for what it has given, and in any grouping", () => {
    for (const [one, two] of pairs) {
      const both = pastOfBoth(one, two);
      expect([pastOfBoth(both, both), pastOfBoth(both, one), pastOfBoth(both, two)]).toEqual([both, both, both]);
      for (const three of pasts) expect(pastOfBoth(both, three)).toEqual(pastOfBoth(one, pastOfBoth(two, three)));
    }
  });
});

describe("pastSeen", () => {
  const seen = pasts.flatMap((past) => names.map((now) => [past, now] as const));

  test("pastSeen forgets a write only where the tag names what nobody has written, and nothing of what it named before", () => {
    for (const [past, now] of seen.filter(([{ write }]) => write !== undefined)) {
      const isTheirs = now !== undefined && now !== "absent" && now !== root && now !== past.before;
      expect(pastSeen(past, now, root)).toMatchObject(
        isTheirs ? { before: now } : { ...past, write: expect.anything() },
      );
      expect(pastSeen(past, now, root).write === undefined).toBe(isTheirs);
    }
  });

  test("pastSeen is sure of a tag that names the root, and not of one that names what it did", () => {
    expect(pastSeen({ before: old, write: "begun" }, root, root)).toEqual({ before: old, write: "acknowledged" });
    expect(pastSeen({ before: old, write: "acknowledged" }, old, root)).toEqual({ before: old, write: "begun" });
    expect(pastSeen({ write: "acknowledged" }, root, root)).toEqual({ write: "acknowledged" });
  });

  test("pastSeen does not forget what a tag named that is not found for a moment", () => {
    expect(pastSeen({ before: old, write: "acknowledged" }, "absent", root)).toEqual({ before: old, write: "begun" });
  });

  test("pastSeen believes in what a tag names now where no run has written it, also where nobody says so", () => {
    for (const [past, now] of seen.filter(([{ write }]) => write === undefined))
      expect(pastSeen(past, now, root)).toEqual(now === undefined ? {} : { before: now });
  });

  test("pastSeen gives the same when the same is seen again", () => {
    for (const [past, now] of seen) {
      const once = pastSeen(past, now, root);
      expect(pastSeen(once, now, root)).toEqual(once);
    }
  });
});
