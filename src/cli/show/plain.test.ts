import * as fc from "fast-check";
import { expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import { logFor } from "../../../test/support/log.ts";
import { anyEvents, script } from "../../../test/support/progress-script.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { guarded } from "./show.ts";
import { plainRenderer } from "./plain.ts";

/** A renderer, what it has written, and its clock. */
function opened() {
  const clock = fakeClock(0);
  let text = "";
  const output = { write: (chunk: string | Uint8Array) => (text += String(chunk)) };
  const log = logFor();
  const renderer = plainRenderer({ output, clock, env: {}, log });
  const show = guarded(renderer, { output, log });
  const play = (events: readonly WaybillEvent[]) => {
    for (const event of events) {
      clock.advance(Math.max(0, ("at" in event ? event.at : event.startedAt) - clock.now()));
      show.report(event);
    }
  };
  return { renderer, clock, play, text: () => text };
}

function plain(events = script): string {
  const { renderer, play, text } = opened();
  play(events);
  renderer.close();
  return text();
}

test("plainRenderer writes buildkit's form when two targets run side by side and one fails", () => {
  const small = `sha256:${"a".repeat(64)}`;
  const large = `sha256:${"b".repeat(64)}`;

  expect(plain()).toBe(`#1 [internal] pushing one.example/app
#1 0.000 copying ${small} from one.example/app to one.example/app
#1 0.300 waiting for 1 other
#1 ...

#2 [internal] pushing two.example/app
#2 0.400 retry 2 in 1.2s: PATCH https://two.example/v2/app/blobs/uploads/1: 503
#2 1.600 sending sha256:bbbb…bbbb on from 800 kB
#2 ${large} 4.00MB / 4.00MB done
WARNING: this repository is \\x1b[31mold (two.example)
#2 10.90 1 sent (4.00MB)
#2 ERROR: Cannot push manifest: denied

#1 [internal] pushing one.example/app
#1 6.150 tagging
#1 6.200 tag 1.0 created
#1 6.200 1 mounted
#1 DONE 6.2s
------
 > [internal] pushing two.example/app:
0.400 retry 2 in 1.2s: PATCH https://two.example/v2/app/blobs/uploads/1: 503
1.600 sending sha256:bbbb…bbbb on from 800 kB
${large} 4.00MB / 4.00MB done
10.90 1 sent (4.00MB)
------
`);
});

test("plainRenderer says every 10 seconds how far a long upload is, also when nothing of it is heard", () => {
  const { renderer, clock, play, text } = opened();
  const facts = { id: "1", digest: "sha256:1", mediaType: "x/y", target: "a" };
  play([
    { type: "work-started", id: "a", name: "pushing a", target: "a", planned: { blobs: 9, bytes: 90_000_000 }, at: 0 },
    { ...facts, type: "content-started", sizeBytes: 80_000_000, at: 0 },
    { ...facts, id: "2", type: "content-done", outcome: "existed", sizeBytes: 10_000_000, at: 0 },
  ]);
  for (let at = 500; at <= 12_000; at += 500) play([{ type: "content-progress", id: "1", bytes: 1_000_000, at }]);
  clock.advance(20_000);
  renderer.close();

  expect(text()).toBe(`#1 [internal] pushing a
#1 10.00 19.00MB / 80.00MB, 2.00MB/s, 31s left, 1 in flight, 1 there already
#1 20.00 24.00MB / 80.00MB, 1 in flight, 1 there already
#1 30.00 24.00MB / 80.00MB, 1 in flight, 1 there already
`);
  expect(clock.pending).toBe(0);
});

test("plainRenderer leaves no target silent for long while another one talks", () => {
  const { renderer, play, text } = opened();
  play([
    { type: "work-started", id: "a", name: "pushing a", target: "a", at: 0 },
    { type: "work-started", id: "b", name: "pushing b", target: "b", at: 0 },
    { type: "phase", target: "b", phase: "barrier", waitingFor: 1, at: 100 },
  ]);
  for (let at = 1000; at <= 12_000; at += 1000) play([{ type: "work-log", id: "a", message: "talk", at }]);
  const before = text();
  renderer.close();

  expect(before).toContain("#2 [internal] pushing b\n#2 0.100 waiting for 1 other\n");
});

test("plainRenderer writes no line for each of hundreds of blobs that are there or mounted", () => {
  const facts = { type: "content-done" as const, target: "a", sizeBytes: 10, at: 10 };
  const text = plain([
    { type: "work-started", id: "a", name: "pushing a", target: "a", at: 0 },
    ...Array.from({ length: 250 }, (_, at) => {
      const outcome = at % 2 === 0 ? ("mounted" as const) : ("existed" as const);
      return { ...facts, id: String(at), digest: `sha256:${at}`, outcome };
    }),
    { type: "work-done", id: "a", at: 900 },
  ]);

  expect(text).toBe(`#1 [internal] pushing a
#1 0.900 125 mounted, 125 there already
#1 DONE 0.9s
`);
});

test("plainRenderer writes why a blob failed, and nothing of those that were cancelled with it", () => {
  const facts = { type: "content-done" as const, target: "a", sizeBytes: 10, outcome: "failed" as const, at: 10 };
  const text = plain([
    { type: "work-started", id: "a", name: "pushing a", target: "a", at: 0 },
    {
      ...facts,
      id: "1",
      digest: "sha256:1",
      error: { code: "too_large", message: "Cannot push blob: it is too large" },
    },
    {
      ...facts,
      id: "2",
      digest: "sha256:2",
      error: { code: "cancelled", message: "Cancelled because another part of the run failed" },
    },
    { type: "work-done", id: "a", at: 900 },
  ]);

  expect(text).toContain("#1 0.010 sha256:1 failed: Cannot push blob: it is too large\n");
  expect(text).not.toContain("sha256:2");
});

const interrupted = { code: "cancelled", message: "copy sha256:2 to a: Cancelled: got SIGINT" };

test("plainRenderer says CANCELED and shows no failure when the run was cancelled, whatever it was at", () => {
  const text = plain([
    { type: "work-started", id: "a", name: "pushing x", at: 0 },
    { type: "work-done", id: "a", error: interrupted, at: 900 },
  ]);

  expect(text).toBe("#1 [internal] pushing x\n#1 CANCELED\n");
});

test("plainRenderer says at the end what it has kept back of every target that never ended", () => {
  const text = plain([
    { type: "work-started", id: "a", name: "pushing a", at: 0 },
    { type: "work-started", id: "b", name: "pushing b", at: 0 },
    { type: "work-started", id: "c", name: "pushing c", at: 0 },
    { type: "work-log", id: "b", message: "kept back", at: 10 },
  ]);

  expect(text).toContain("#2 [internal] pushing b\n#2 0.010 kept back\n");
  expect(text).toContain("#3 [internal] pushing c\n");
});

test("plainRenderer writes no raw control and no line of somebody else's making, whatever is reported", () => {
  fc.assert(
    fc.property(anyEvents, (events) => {
      for (const line of plain(events).split("\n")) {
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        expect(line).toMatch(/^(?:#\d+ .*|WARNING: .*|retry .*|------| > .*|\d.*|.* done|)$/);
      }
    }),
  );
});
