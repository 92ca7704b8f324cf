import { expect, test } from "vitest";
import { widthOf } from "../../spec/display.ts";
import { Board } from "./board.ts";
import { paint } from "./paint.ts";
import { script } from "../../../test/support/progress-script.ts";
import { ttyRenderer } from "./tty.ts";

const none = (text: string) => text;
const plainStyles = { green: none, red: none, yellow: none, cyan: none, dim: none };

function paintedAfter(count: number, columns: number): string[] {
  const board = new Board();
  for (const event of script.slice(0, count)) board.apply(event);
  return paint(board.rows, { columns, now: 2000, styles: plainStyles, rate: () => 1_500_000 });
}

test("paint shows bytes, rate and the latest retry while a target runs", () => {
  const [first, , second, note] = paintedAfter(8, 120);

  expect(first).toBe("⠋ one.example/app    1.0s");
  expect(second).toBe(
    `⠋ two.example/app  ${"━".repeat(5)}${"╌".repeat(15)}  1.00 MB / 4.00 MB  1.50 MB/s  0/1 items  0.9s`,
  );
  expect(note).toBe("  retry 2 in 1.2s: PATCH https://two.example/v2/app/blobs/uploads/1: 503");
});

test("paint shows what became of each target at the end", () => {
  expect(paintedAfter(script.length, 120)).toEqual([
    "✓ one.example/app  0 B sent, 1 mounted  1.0  6.2s",
    "✗ two.example/app  Cannot push manifest: denied",
  ]);
});

test.each([10, 20, 40, 79])("paint keeps every line within %i columns", (columns) => {
  for (let count = 1; count <= script.length; count++) {
    for (const line of paintedAfter(count, columns)) expect(widthOf(line)).toBeLessThan(columns);
  }
});

test("ttyRenderer draws on its clock's beat and keeps escapes of others out", () => {
  const frames: (() => void)[] = [];
  let now = 1000;
  const clock = { now: () => now, after: (_ms: number, frame: () => void) => (frames.push(frame), () => undefined) };
  let text = "";
  const output = { write: (chunk: string | Uint8Array) => (text += String(chunk)), isTTY: true, columns: 100 };
  const renderer = ttyRenderer({ output, clock, env: { NO_COLOR: "1" }, debug: false });

  for (const event of script) renderer.event(event);
  expect(frames).toHaveLength(1);
  now = 13_000;
  frames.shift()?.();
  renderer.close();

  expect(text).toContain("✓ one.example/app");
  expect(text).toContain("✗ two.example/app  Cannot push manifest: denied");
  expect(text).toContain("WARNING: this repository is \\x1b[31mold");
  expect(text).not.toContain("\u001b[31m");
});
