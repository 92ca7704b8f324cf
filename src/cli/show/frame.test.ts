import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { terminalModel } from "../../../test/support/terminal-model.ts";
import { Frame, type Size } from "./frame.ts";

const modern = { reflows: true, synchronizes: false };
const size: Size = { columns: 20, rows: 8 };

describe("Frame", () => {
  test("draw writes only the lines that differ", () => {
    const frame = new Frame(modern);
    frame.draw(["one", "two", "three"], size);

    const text = frame.draw(["one", "2", "three"], size);

    expect(text).toBe("\u001b[G\u001b[2A2\u001b[K\n\u001b[1B");
  });

  test("draw writes nothing when nothing differs", () => {
    const frame = new Frame(modern);
    frame.draw(["one"], size);

    expect(frame.draw(["one"], size)).toBe("");
  });

  test("draw asks for the whole frame at once where the terminal can", () => {
    const frame = new Frame({ reflows: true, synchronizes: true });

    expect(frame.draw(["one"], size)).toBe("\u001b[?2026hone\n\u001b[?2026l");
  });

  test("draw after a terminal became narrower leaves nothing of the old picture", () => {
    const terminal = terminalModel(20, 8);
    const frame = new Frame(modern);
    terminal.write("$ waybill\n");
    terminal.write(frame.draw(["a long line of text", "another long line"], size));
    terminal.resize(10, 8);
    terminal.write(frame.draw(["short", "other"], { columns: 10, rows: 8 }));

    expect(terminal.screen).toEqual(["$ waybill", "short", "other"]);
  });

  test("draw on a terminal that does not lay lines out anew goes up by its own lines only", () => {
    const frame = new Frame({ reflows: false, synchronizes: false });
    frame.draw(["a long line of text", "another long line"], size);

    expect(frame.draw(["short"], { columns: 10, rows: 8 })).toBe(
      "\u001b[G\u001b[2A\u001b[K\u001b[B\u001b[J\u001b[Ashort\n",
    );
  });

  test("draw covers what was typed below the picture", () => {
    const terminal = terminalModel(20, 8);
    const frame = new Frame(modern);
    terminal.write(frame.draw(["one"], size));
    terminal.write("^C");
    terminal.write(frame.draw(["one", "two"], size));

    expect(terminal.screen).toEqual(["one", "two"]);
  });

  test("above puts text before the picture, for good", () => {
    const terminal = terminalModel(20, 8);
    const frame = new Frame(modern);
    terminal.write(frame.draw(["picture"], size));
    terminal.write(frame.above("note\n", size));
    terminal.write(frame.draw(["picture 2"], size));

    expect(terminal.screen).toEqual(["note", "picture 2"]);
  });

  test("a picture on the first row of the screen leaves none of itself in the scrollback", () => {
    const terminal = terminalModel(20, 8);
    const frame = new Frame(modern);
    terminal.write(frame.draw(["one", "two"], size));
    terminal.write(frame.above("note\n", size));
    terminal.resize(10, 8);
    terminal.write(frame.draw(["three", "four"], { columns: 10, rows: 8 }));
    terminal.write(frame.clear({ columns: 10, rows: 8 }));
    terminal.write("summary\n");

    expect([terminal.scrollback, terminal.screen]).toEqual([[], ["note", "summary"]]);
  });

  test("clear takes the picture away and nothing else", () => {
    const terminal = terminalModel(20, 8);
    const frame = new Frame(modern);
    terminal.write("$ waybill\n");
    terminal.write(frame.draw(["one", "two"], size));
    terminal.write(frame.clear(size));
    terminal.write("summary\n");

    expect(terminal.screen).toEqual(["$ waybill", "summary"]);
  });
});

// Few different lines, so that many of one picture are also in the next.
const word = fc.oneof(fc.constantFrom("", "one", "a long line of text"), fc.stringMatching(/^[a-z]{0,30}$/));
const sizes = fc.record({ columns: fc.integer({ min: 2, max: 30 }), rows: fc.integer({ min: 2, max: 9 }) });
const acts = fc.array(
  fc.oneof(
    fc.record({ act: fc.constant("draw" as const), lines: fc.array(word, { maxLength: 9 }) }),
    fc.record({ act: fc.constant("above" as const), text: word }),
    fc.record({ act: fc.constant("resize" as const), size: sizes }),
  ),
  { maxLength: 20 },
);

// What is above the screen cannot be reached: after a terminal became smaller, part of an old picture may stay there.
test("Frame shows the latest picture whole, with nothing below it, whatever happens to the terminal", () => {
  fc.assert(
    fc.property(acts, (steps) => {
      const now = { columns: 30, rows: 9 };
      const terminal = terminalModel(now.columns, now.rows);
      const frame = new Frame(modern);
      for (const step of steps) {
        if (step.act === "resize") {
          Object.assign(now, step.size);
          terminal.resize(now.columns, now.rows);
        } else if (step.act === "above") {
          terminal.write(frame.above(`${step.text.slice(0, now.columns - 1)}\n`, now));
        } else {
          const lines = step.lines.slice(0, now.rows - 1).map((line) => line.slice(0, now.columns - 1).trimEnd());
          terminal.write(frame.draw(lines, now));
          const seen = [...terminal.screen, ...Array<string>(now.rows).fill("")].slice(0, terminal.cursorRow);
          expect(seen.slice(seen.length - lines.length)).toEqual(lines);
          expect(terminal.screen.slice(terminal.cursorRow)).toEqual([]);
        }
      }
    }),
    { numRuns: 300 },
  );
});
