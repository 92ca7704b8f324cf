import { expect, test } from "vitest";
import { onAbort } from "./on-abort.ts";
import { sharedWork } from "./shared-work.ts";

/** Work that goes on until it is ended, or its signal aborts. */
function work(signal?: AbortSignal) {
  let end: (value: string) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  let began = 0;
  const begin = () => {
    began++;
    return new Promise<string>((resolve, reject) => {
      [end, fail] = [resolve, reject];
      onAbort(signal, () => reject(new Error("work stopped")));
    });
  };
  return { begin, began: () => began, end: (value: string) => end(value), fail: (error: Error) => fail(error) };
}

test("sharedWork does the work once for all who ask at the same time, and anew for who comes later", async () => {
  const share = sharedWork<string, string>();
  const [first, second, other] = [work(), work(), work()];
  const results = Promise.all([share("key", first.begin), share("key", second.begin), share("other key", other.begin)]);
  first.end("first");
  other.end("other");
  expect(await results).toEqual(["first", "first", "other"]);
  expect(second.began()).toBe(0);
  const later = share("key", second.begin);
  second.end("second");
  expect(await later).toBe("second");
});

test("sharedWork tells all who wait why the work has failed", async () => {
  const share = sharedWork<string, string>();
  const [first, second] = [work(), work()];
  const results = Promise.allSettled([share("key", first.begin), share("key", second.begin)]);
  first.fail(new Error("broken"));
  for (const result of await results) expect(result).toMatchObject({ reason: { message: "broken" } });
  expect(second.began()).toBe(0);
});

test("sharedWork lets whoever waits begin anew where the first has given up", async () => {
  const share = sharedWork<string, string>();
  const leaving = new AbortController();
  const [first, second, third] = [work(leaving.signal), work(), work()];
  const left = share("key", first.begin, leaving.signal);
  const stayed = Promise.all([share("key", second.begin), share("key", third.begin)]);
  leaving.abort(new Error("enough"));
  await expect(left).rejects.toThrow("work stopped");
  expect([second.began(), third.began()]).toEqual([1, 0]);
  second.end("second");
  expect(await stayed).toEqual(["second", "second"]);
});

test("sharedWork lets one who waits leave at once, and disturbs nobody by it", async () => {
  const share = sharedWork<string, string>();
  const leaving = new AbortController();
  const first = work();
  const stayed = share("key", first.begin);
  const left = share("key", work().begin, leaving.signal);
  leaving.abort(new Error("enough"));
  await expect(left).rejects.toThrow("enough");
  first.end("first");
  expect(await stayed).toBe("first");
});

test("sharedWork begins nothing for one who has left before", async () => {
  const share = sharedWork<string, string>();
  const first = work();
  await expect(share("key", first.begin, AbortSignal.abort(new Error("late")))).rejects.toThrow("late");
  expect(first.began()).toBe(0);
});
