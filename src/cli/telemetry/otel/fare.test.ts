import { expect, test } from "vitest";
import { healthOf, placesOf, type Faring, type Sending } from "./fare.ts";

const faring = (state: Partial<Faring> = {}): Faring => ({
  lastFailed: false,
  hasTried: true,
  trouble: undefined,
  ...state,
});
const to = (place: string, state?: Partial<Faring>): Sending => ({ fare: faring(state), places: [place] });
const failed = { lastFailed: true };
const untried = { hasTried: false };

test.each<[string, readonly Sending[], boolean]>([
  ["all has failed", [to("a", failed), to("b", failed)], true],
  ["some of it arrives", [to("a", failed), to("b")], false],
  ["the rest would go where the last has failed", [to("a", failed), to("a", untried)], true],
  ["the rest would go elsewhere", [to("a", failed), to("b", untried)], false],
  ["nothing was sent yet", [to("a", untried), to("a", untried)], false],
])("healthOf gives hope up or not when %s", (_when, sendings, lastFailed) => {
  expect(healthOf({ spans: [], sendings, problems: [] }).lastFailed).toBe(lastFailed);
});

test("healthOf counts spans by the place that has fewest, and knows of trouble that is not over", () => {
  const spans = [
    { sent: 7, dropped: 0 },
    { sent: 3, dropped: 4 },
  ];
  const sendings = [to("a"), to("b", { trouble: "refused" }), to("c", { trouble: "known" })];
  const problems = [{ what: "known", count: 2 }];
  expect(healthOf({ spans, sendings, problems })).toMatchObject({
    spansSent: 3,
    spansDropped: 4,
    problems: [
      { what: "known", count: 2 },
      { what: "refused", count: 1 },
    ],
  });
});

test("placesOf names servers, whatever is asked of them", () => {
  const at = (url: string) => ({ kind: "otlp", url }) as Parameters<typeof placesOf>[0][number];
  expect(placesOf([at("http://c:4318/v1/traces"), at("http://c:4318/v1/metrics"), { kind: "console" }])).toEqual([
    "http://c:4318",
    "http://c:4318",
    "console",
  ]);
});
