import { describe, expect, test } from "vitest";
import { pulse, type Sight } from "./pulse.ts";

/** What is said at each of `seconds` looks, a second apart, without what is fine. */
function said(seconds: number, sightAt: (second: number) => Partial<Sight>): readonly string[] {
  const judge = pulse(0, 0);
  return Array.from({ length: seconds }, (_, index) => index + 1).flatMap((second) => {
    const verdict = judge(second * 1000, { heardBytes: 0, isSending: false, ...sightAt(second) });
    return verdict === "fine" ? [] : [`${verdict} at ${second}`];
  });
}

describe("pulse", () => {
  test("asks once when nothing has come for 15 s, and gives up 20 s later", () => {
    expect(said(35, () => ({}))).toEqual(["ask at 15", "lost at 35"]);
  });

  test("asks again only after 15 s more when anything has come since", () => {
    expect(said(55, (second) => ({ heardBytes: second < 20 ? 0 : 17 }))).toEqual([
      "ask at 15",
      "ask at 35",
      "lost at 55",
    ]);
  });

  test("never asks where something comes, or a body leaves", () => {
    expect(said(100, (second) => ({ heardBytes: second }))).toEqual([]);
    expect(said(100, () => ({ isSending: true }))).toEqual([]);
  });

  test("counts no time in which nobody could listen", () => {
    const judge = pulse(0, 0);
    const sight = { heardBytes: 0, isSending: false };
    expect([judge(3_600_000, sight), judge(3_601_000, sight)]).toEqual(["fine", "fine"]);
  });
});
