import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Clock } from "../async/clock.ts";
import { createInterrupts, watchDocker } from "./interrupts.ts";

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

  test("interrupt takes docker's socket for the Ctrl-C it accompanies", () => {
    const exits: number[] = [];
    const interrupts = createInterrupts({ clock: handClock(), exit: (code) => exits.push(code) });

    interrupts.interrupt("SIGINT");
    interrupts.interrupt("docker");

    expect(exits).toEqual([]);
  });
});

describe("watchDocker", () => {
  async function closes(address: string, listenAt: string): Promise<void> {
    const server = createServer();
    server.listen(listenAt);
    await once(server, "listening");
    const closed = new Promise<void>((resolve) => watchDocker(address, resolve));
    const [socket] = (await once(server, "connection")) as [Socket];
    socket.end();
    await closed;
    server.close();
  }

  test("watchDocker tells when docker closes the socket of a path", async () => {
    const folder = await mkdtemp(join(tmpdir(), "waybill-"));
    const path = join(folder, "plugin.sock");

    await closes(path, path);

    await rm(folder, { recursive: true });
  });

  test.runIf(process.platform === "linux")("watchDocker tells when docker closes an abstract socket", async () => {
    const name = `waybill-test-${process.pid}`;

    await closes(`@${name}`, `\0${name}`);
  });

  test("watchDocker says nothing when there is no such socket", async () => {
    let told = false;
    const stop = watchDocker("/nonexistent/plugin.sock", () => (told = true));

    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    stop();

    expect(told).toBe(false);
  });
});
