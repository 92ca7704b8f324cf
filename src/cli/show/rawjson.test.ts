import { expect, test } from "vitest";
import { systemClock } from "../../async/clock.ts";
import { rawJsonRenderer } from "./rawjson.ts";
import { script } from "../../../test/support/progress-script.ts";

test("rawJsonRenderer writes one SolveStatus a line", () => {
  const lines: string[] = [];
  const output = { write: (chunk: string | Uint8Array) => lines.push(String(chunk)) };
  const renderer = rawJsonRenderer({ output, clock: systemClock(), env: {}, debug: false });

  for (const event of script) renderer.event(event);

  expect(lines.every((line) => line.indexOf("\n") === line.length - 1)).toBe(true);
  const statuses = lines.map((line) => JSON.parse(line) as Record<string, Record<string, unknown>[]>);
  const digest = statuses[0]?.["vertexes"]?.[0]?.["digest"];
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(statuses[0]).toEqual({
    vertexes: [{ digest, name: "[internal] pushing one.example/app", started: "1970-01-01T00:00:01.000Z" }],
  });
  const text = `copying sha256:${"a".repeat(64)} from one.example/app to one.example/app\n`;
  expect(statuses[1]).toEqual({
    logs: [
      { vertex: digest, stream: 1, data: Buffer.from(text).toString("base64"), timestamp: "1970-01-01T00:00:01.000Z" },
    ],
  });
  expect(statuses.at(-1)?.["vertexes"]?.[0]).toMatchObject({
    completed: "1970-01-01T00:00:12.000Z",
    error: "Cannot push manifest: denied",
  });
  expect(statuses.filter((status) => "statuses" in status)).toHaveLength(4);
});
