import { describe, expect, test } from "vitest";
import { defaultDeadlines } from "./deadlines.ts";
import { Outgoing } from "./outgoing.ts";
import { RequestJudge } from "./request-judge.ts";
import type { HttpRequest, Origin } from "./send.ts";
import { originOf } from "./url.ts";

const mebibyte = 1024 * 1024;
const request: HttpRequest = { method: "PUT", url: "https://r.example/v2/upload", operation: "upload-body" };
const origin = originOf(request.url);

/** A body of one block, of which the stream holds `heldBytes` until a test takes some, and what judges it. */
function judged(sizeBytes: number, unacked: () => number | undefined = () => undefined) {
  const stream = {
    writableLength: sizeBytes,
    write: () => false,
    cork: () => undefined,
    uncork: () => undefined,
    end: () => undefined,
  };
  const outgoing = new Outgoing({ stream, sizeBytes });
  outgoing.sendWhole([new Uint8Array(sizeBytes)]);
  const bodiesMoved = new Map<Origin, number>();
  const judge = new RequestJudge(request, {
    sizeBytes,
    beganAt: 0,
    deadlines: defaultDeadlines,
    bodiesMoved,
    unacked: async () => unacked(),
  });
  let now = 0;
  /** Looks once a second; gives the second in which it is given up, and why. */
  async function look(seconds: number, each: (second: number) => void = () => undefined) {
    for (const end = now + seconds * 1000; now < end;) {
      now += 1000;
      each(now / 1000);
      const expired = judge.judge(now, outgoing);
      if (expired) return `${expired.which} at ${now / 1000}`;
      await new Promise((resolve) => setImmediate(resolve));
    }
    return undefined;
  }
  return { stream, bodiesMoved, look };
}

describe("RequestJudge on a body that no block of is seen to leave", () => {
  test("gives it up after 30 s where nothing is known", async () => {
    expect(await judged(mebibyte).look(600)).toBe("idle at 31");
  });

  test("waits while bytes of it are acknowledged, and gives it up 30 s after the last", async () => {
    let heldBytes = 4 * mebibyte;
    const { look } = judged(mebibyte, () => heldBytes);
    expect(await look(600, () => (heldBytes -= 2000))).toBeUndefined();
    expect(await look(600)).toMatch(/^idle at 6[34]\d$/);
  });

  test("gives up what moves too slowly", async () => {
    let heldBytes = 4 * mebibyte;
    const { look } = judged(mebibyte, () => heldBytes);
    expect(await look(600, () => (heldBytes -= 500))).toMatch(/^rate at /);
  });

  test("waits where nothing is known while others to the same origin move, two minutes at most", async () => {
    const { look, bodiesMoved } = judged(mebibyte);
    expect(await look(600, (second) => bodiesMoved.set(origin, second * 1000))).toBe("idle at 121");
  });

  test("gives it up after 30 s where others move and its own bytes are known to stand still", async () => {
    const { look, bodiesMoved } = judged(mebibyte, () => 1000);
    expect(await look(600, (second) => bodiesMoved.set(origin, second * 1000))).toBe("idle at 31");
  });
});

describe("RequestJudge on a body that the kernel has taken", () => {
  test("counts the time for the answer from when the last byte is acknowledged", async () => {
    let heldBytes = mebibyte;
    const { stream, look } = judged(mebibyte, () => heldBytes);
    stream.writableLength = 0;
    expect(await look(200, () => (heldBytes -= 5000))).toBeUndefined();
    heldBytes = 0;
    expect(await look(20)).toBeUndefined();
    // Once as long as it took to leave, for what may lie in between, but three times the deadline at most.
    expect(await look(600)).toMatch(/^headers at 4[67]\d$/);
  });

  test("gives up at the deadline what is not acknowledged", async () => {
    const { stream, look } = judged(mebibyte, () => 1000);
    stream.writableLength = 0;
    expect(await look(600)).toMatch(/^headers at 6[12]$/);
  });

  test("grants what forwards it the time that 8 MiB took", async () => {
    const { stream, look } = judged(80 * mebibyte);
    expect(
      await look(400, (second) => (stream.writableLength = Math.max(0, 80 - second / 5) * mebibyte)),
    ).toBeUndefined();
    // 60 s, 8.4 s for its size, and a tenth of 400 s.
    expect(await look(600)).toMatch(/^headers at 50[89]$/);
  });
});
