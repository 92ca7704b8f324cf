import { describe, expect, test } from "vitest";
import { defaultDeadlines } from "./deadlines.ts";
import { Outgoing } from "./outgoing.ts";
import { RequestJudge, type BodiesUnderWay } from "./request-judge.ts";
import type { HttpRequest } from "./send.ts";
import { originOf } from "./url.ts";

const mebibyte = 1024 * 1024;
const request: HttpRequest = { method: "PUT", url: "https://r.example/v2/upload", operation: "upload-body" };
const origin = originOf(request.url);

/** A body of one block, of which the stream holds `heldBytes` until a test takes some, and what judges it. */
function judged(
  sizeBytes: number,
  unacked: () => number | undefined = () => undefined,
  bodies: BodiesUnderWay = new Map(),
) {
  const stream = {
    writableLength: sizeBytes,
    write: () => false,
    cork: () => undefined,
    uncork: () => undefined,
    end: () => undefined,
  };
  const outgoing = new Outgoing({ stream, sizeBytes });
  outgoing.sendWhole([new Uint8Array(sizeBytes)]);
  const judge = new RequestJudge(request, {
    sizeBytes,
    beganAt: 0,
    deadlines: defaultDeadlines,
    bodies,
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
  /** Another body to the same origin is seen to move. */
  const moveOther = (second: number) => void (bodies.get(origin)!.movedAt = second * 1000);
  return { stream, judge, look, moveOther };
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

  test.each([undefined, 1000])(
    "waits while others to the same origin move, two minutes at most (%s held)",
    async (held) => {
      const { look, moveOther } = judged(mebibyte, () => held);
      expect(await look(600, moveOther)).toBe("idle at 121");
    },
  );
});

describe("RequestJudge on a body that the kernel has taken", () => {
  test("counts the time for the answer from when the last byte is acknowledged", async () => {
    let heldBytes = mebibyte;
    const { stream, look } = judged(mebibyte, () => heldBytes);
    stream.writableLength = 0;
    expect(await look(200, () => (heldBytes -= 5000))).toBeUndefined();
    heldBytes = 0;
    expect(await look(20)).toBeUndefined();
    // 60 s, and 32 s for what may lie in between.
    expect(await look(600)).toMatch(/^headers at 3[01]\d$/);
  });

  test("gives up at the deadline what is not acknowledged", async () => {
    const { stream, look } = judged(mebibyte, () => 1000);
    stream.writableLength = 0;
    expect(await look(600)).toMatch(/^headers at 6[12]$/);
  });

  test("grants what forwards it time for all bodies on their way to the origin", async () => {
    const bodies: BodiesUnderWay = new Map();
    const [one, other] = [judged(2 * mebibyte, undefined, bodies), judged(mebibyte, undefined, bodies)];
    one.stream.writableLength = 0;
    // 60 s and 0.2 s for its size, 64 s for it and 32 s for the other.
    expect(await one.look(156)).toBeUndefined();
    other.judge.end();
    expect(await one.look(600)).toBe("headers at 157");
  });

  test("grants it three minutes at most", async () => {
    const { stream, look } = judged(100 * mebibyte);
    stream.writableLength = 0;
    // Beside 60 s and 10.5 s for its size.
    expect(await look(600)).toBe("headers at 252");
  });
});
