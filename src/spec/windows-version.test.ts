import { expect, test } from "vitest";
import { runsWindowsImage } from "./windows-version.ts";

const images = [
  "10.0.17763.1",
  "10.0.20348.5",
  "10.0.22621",
  "10.0.25398.1",
  "10.0.26100.7",
  "10.0.26200",
  "10.1.20348",
];

test.each([
  ["10.0.17763", ["10.0.17763.1"]],
  ["10.0.17763.9", ["10.0.17763.1"]],
  ["10.0.17764", []],
  ["10.0.20348.9", ["10.0.20348.5"]],
  ["10.0.22621", ["10.0.20348.5", "10.0.22621"]],
  ["10.0.26100", ["10.0.20348.5", "10.0.22621", "10.0.25398.1", "10.0.26100.7"]],
  ["10.0.26200", ["10.0.26100.7", "10.0.26200"]],
  ["10.1.20348", ["10.1.20348"]],
])("a host of version %s runs images of %j", (host, expected) => {
  expect(images.filter((image) => runsWindowsImage(host, image))).toEqual(expected);
});

test.each(["", "10.0", "10.0.x", "256.0.1", "10.0.70000", "10.0.1x"])(
  "a host of no version, %j, runs every image",
  (host) => {
    expect(images.filter((image) => runsWindowsImage(host, image))).toEqual(images);
  },
);

test("an image of no version runs nowhere, one that says nothing everywhere", () => {
  expect(["x", "10.0", ""].map((image) => runsWindowsImage("10.0.20348", image))).toEqual([false, false, true]);
});
