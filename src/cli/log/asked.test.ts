import { expect, test } from "vitest";
import { logAsked } from "./asked.ts";

test.each<[readonly string[], ReturnType<typeof logAsked>]>([
  [[], { format: "text" }],
  [["-D", "create"], { level: "debug", format: "text" }],
  [["imagetools", "-D=true", "create"], { level: "debug", format: "text" }],
  [["create", "-qD", "x"], { level: "debug", format: "text" }],
  [["create", "-qDt", "x"], { format: "text" }],
  [["-D", "create", "--debug=false"], { format: "text" }],
  [["create", "--", "-D", "--log-format=json"], { format: "text" }],
  [["create", "--log-level", "info", "x"], { level: "info", format: "text" }],
  [["create", "--log-level=info", "--log-level=error"], { level: "error", format: "text" }],
  [["create", "--log-level=WARNING", "--log-format", "json"], { level: "warn", format: "json" }],
  [["create", "--log-level=trace", "-D"], { level: "trace", format: "text" }],
  [["create", "--log-level=error", "-D"], { level: "debug", format: "text" }],
  [["create", "--log-level", "loud", "--log-format=xml"], { format: "text" }],
  [["create", "--log-level"], { format: "text" }],
])("logAsked of %j is %j", (args, asked) => {
  expect(logAsked(args)).toEqual(asked);
});
