import { describe, expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { degradation, healthy } from "../../telemetry/health.ts";
import { ExporterLink, type ThreadEvents } from "./exporter-link.ts";
import type { ToExporter } from "./protocol.ts";

const event = (at: number): WaybillEvent => ({ type: "task-done", id: `${at}`, at });

interface LinkCase {
  readonly capacity?: number;
  readonly hasSpans?: boolean;
  readonly onPost?: (message: ToExporter, thread: ThreadEvents) => void;
}

function link(options: LinkCase = {}) {
  const clock = fakeClock(0);
  const posted: ToExporter[] = [];
  const state = { starts: 0, stops: 0, thread: undefined as ThreadEvents | undefined };
  const made = new ExporterLink({
    clock,
    onLine: () => undefined,
    onDetail: () => undefined,
    delayMs: 5000,
    capacity: options.capacity ?? 1000,
    hasSpans: options.hasSpans ?? true,
    start: (thread) => {
      state.starts += 1;
      state.thread = thread;
      return {
        post: (message) => {
          posted.push(message);
          options.onPost?.(message, thread);
        },
        stop: () => void (state.stops += 1),
      };
    },
  });
  const news = () => posted.flatMap((message) => (message.type === "news" ? message.events : []));
  return { link: made, clock, posted, news, state };
}

const willing = (message: ToExporter, thread: ThreadEvents) => {
  if (message.type === "news") thread.onMessage({ type: "taken" });
  else if (message.type === "finish") thread.onMessage({ type: "done", health: healthy });
};

describe("ExporterLink", () => {
  test("starts no thread before there is much news, or it has waited long", () => {
    const few = link({ onPost: willing });
    for (let at = 0; at < 499; at += 1) few.link.add(event(at));
    expect(few.state.starts).toBe(0);
    few.link.add(event(499));
    expect([few.state.starts, few.news().length]).toEqual([1, 500]);

    const long = link({ onPost: willing });
    long.link.add(event(0));
    long.clock.advance(4999);
    expect(long.state.starts).toBe(0);
    long.clock.advance(1);
    expect(long.news()).toHaveLength(1);
  });

  test("holds no more than it may when its thread takes nothing, and lets the oldest go", async () => {
    const { link: full, news, state } = link({ capacity: 1000 });
    for (let at = 0; at < 5000; at += 1) full.add(event(at));
    expect(news()).toHaveLength(500);
    expect(full.health.spansDropped).toBe(5000 - 500 - 1000);
    expect(state.starts).toBe(1);
  });

  test("sends what is left at the end and waits for the answer", async () => {
    const { link: one, news, state } = link({ onPost: willing });
    one.add(event(1));
    expect(degradation(await one.finish(2000))).toBeUndefined();
    expect([news().length, state.stops]).toEqual([1, 1]);
  });

  test("lets its thread wait for room until half of the time at the end has gone, and finishes when all is taken", async () => {
    const { link: one, clock, posted, state } = link({ capacity: 2000 });
    for (let at = 0; at < 600; at += 1) one.add(event(at));
    const ended = one.finish(2000);
    expect(posted.slice(8)).toEqual([{ type: "hurry", until: clock.now() + 1000 }]);
    for (let taken = 0; taken < 2; taken += 1) state.thread?.onMessage({ type: "taken" });
    expect(posted.slice(9).map(({ type }) => type)).toEqual(["news", "news", "finish"]);
    state.thread?.onMessage({ type: "done", health: healthy });
    expect((await ended).spansDropped).toBe(0);
  });

  test("waits for the time given and no longer when nobody answers", async () => {
    const { link: one, clock } = link();
    one.add(event(1));
    const ended = one.finish(2000);
    clock.advance(2000);
    expect(degradation(await ended)).toBe(
      "telemetry degraded: not all could be sent within 2 s, 1 span dropped; the run was not affected",
    );
    expect(clock.pending).toBe(0);
  });

  test("waits for no time at all when the last thing that was sent did not arrive", async () => {
    const health = { spansSent: 0, spansDropped: 256, problems: [{ what: "refused", count: 2 }], lastFailed: true };
    const { link: one, posted } = link({
      onPost: (message, thread) => message.type === "news" && thread.onMessage({ type: "health", health }),
    });
    for (let at = 0; at < 500; at += 1) one.add(event(at));
    one.add(event(500));
    expect(degradation(await one.finish(2000))).toBe(
      "telemetry degraded: refused (2 times), 501 spans dropped; the run was not affected",
    );
    expect(posted.map(({ type }) => type)).not.toContain("finish");
  });

  test("misses no spans where nobody wants any", async () => {
    const { link: one, clock } = link({ hasSpans: false });
    one.add(event(1));
    const ended = one.finish(2000);
    clock.advance(2000);
    expect((await ended).spansDropped).toBe(0);
  });

  test("goes on without its thread when that fails, cannot start, or speaks after its end", async () => {
    const dying = link({ onPost: (_message, thread) => thread.onFailure("its thread has failed: out of memory") });
    dying.link.add(event(1));
    expect(degradation(await dying.link.finish(2000))).toContain("its thread has failed: out of memory");
    dying.state.thread?.onMessage({ type: "done", health: healthy });
    dying.link.add(event(2));

    const never = new ExporterLink({
      clock: fakeClock(0),
      onLine: () => undefined,
      onDetail: () => undefined,
      delayMs: 1,
      start: () => {
        throw new Error("no more threads");
      },
    });
    never.add(event(1));
    expect(degradation(await never.finish(2000))).toContain("its thread cannot be started: Error: no more threads");
  });
});
