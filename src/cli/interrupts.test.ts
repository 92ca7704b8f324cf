import { describe, expect, test } from "vitest";
import type { Clock } from "../async/clock.ts";
import { createInterrupts } from "./interrupts.ts";

function handClock(): Clock & { fire(): void } {
  const waiting: (() => void)[] = [];
  return {
    now: () => 0,
    after(_delayMs, callback) {
      waiting.push(callback);
      return () => undefined;
    },
    fire: () => waiting.forEach((callback) => callback()),
  };
}

describe("createInterrupts", () => {
  test("interrupt aborts and does not exit when it is the first", () => {
    const exits: number[] = [];
    const interrupts = createInterrupts({ clock: handClock(), exit: (code) => exits.push(code) });

    interrupts.interrupt("SIGINT");

    expect(interrupts.signal.aborted).toBe(true);
    expect(interrupts.exitCode()).toBe(130);
    expect(exits).toEqual([]);
  });

  test("interrupt exits at once when it is the second", () => {
    const exits: number[] = [];
    const interrupts = createInterrupts({ clock: handClock(), exit: (code) => exits.push(code) });

    interrupts.interrupt("SIGTERM");
    interrupts.interrupt("SIGINT");

    expect(exits).toEqual([143]);
  });

  test("interrupt exits when the grace is over", () => {
    const exits: number[] = [];
    const clock = handClock();
    const interrupts = createInterrupts({ clock, exit: (code) => exits.push(code) });

    interrupts.interrupt("SIGINT");
    clock.fire();

    expect(exits).toEqual([130]);
  });

  test("interrupt hears of one closed terminal more than once", () => {
    const exits: number[] = [];
    const interrupts = createInterrupts({ clock: handClock(), exit: (code) => exits.push(code) });

    interrupts.interrupt("SIGHUP");
    interrupts.interrupt("SIGHUP");

    expect(interrupts.exitCode()).toBe(129);
    expect(exits).toEqual([]);
  });

  test("interrupt takes docker's socket for the Ctrl-C it accompanies", () => {
    const exits: number[] = [];
    const interrupts = createInterrupts({ clock: handClock(), exit: (code) => exits.push(code) });

    interrupts.interrupt("SIGINT");
    interrupts.interrupt("docker");

    expect(exits).toEqual([]);
  });
});
