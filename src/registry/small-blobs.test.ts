import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { presenceGuess } from "./presence-guess.ts";
import { unknownRegistry } from "./quirks.ts";
import { smallBlobs, type Turn } from "./small-blobs.ts";

/** Small blobs of a registry about which nothing is known, and how those that had their turn go. */
function crowd(count: number) {
  const clock = fakeClock();
  const quirks = unknownRegistry();
  const guess = presenceGuess();
  const small = smallBlobs({ clock, quirks }, guess);
  const turns: Turn[] = [];
  const readAhead: number[] = [];
  const controllers = Array.from({ length: count }, () => new AbortController());
  const failures: unknown[] = [];
  for (const [at, { signal }] of controllers.entries()) {
    void small
      .turn(signal, () => readAhead.push(at))
      .then(
        (turn) => turns.push(turn),
        (error: unknown) => failures.push(error),
      );
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    clock,
    quirks,
    failures,
    controllers,
    readAhead,
    small,
    /** As letters: asked for, or whole. */
    ways: async () => {
      await settle();
      return turns.map(({ goesWhole }) => (goesWhole ? "w" : "a")).join("");
    },
    saw: (...all: readonly boolean[]) => {
      for (const isPresent of all) {
        guess.saw(isPresent);
        small.look();
      }
    },
    tell: (at: number, met: Parameters<Turn["tell"]>[0]) => turns[at]?.tell(met),
    leave: (at: number) => turns[at]?.[Symbol.dispose](),
  };
}

const absent = false;
const present = true;
const eightAhead = "aaaaaaaa";

describe("smallBlobs", () => {
  test("smallBlobs lets eight ask and one try, and has the others wait", async () => {
    const { ways } = crowd(20);
    expect(await ways()).toBe(`${eightAhead}w`);
  });

  test("smallBlobs sends all that waited whole once that is taken and four were absent", async () => {
    const { ways, tell, saw, clock } = crowd(20);
    await ways();
    tell(8, "taken");
    expect(await ways()).toBe(`${eightAhead}w`);
    saw(absent, absent, absent);
    expect(await ways()).toBe(`${eightAhead}w`);
    saw(absent);
    expect(await ways()).toBe(`${eightAhead}w${"w".repeat(11)}`);
    expect(clock.pending).toBe(0);
  });

  test.each(["takes first", "absent first"])(
    "smallBlobs waits for both answers, in either order: %s",
    async (order) => {
      const { ways, tell, saw } = crowd(12);
      await ways();
      const steps = [() => tell(8, "taken"), () => saw(absent, absent, absent, absent)];
      for (const step of order === "takes first" ? steps : steps.toReversed()) step();
      expect(await ways()).toBe(`${eightAhead}wwww`);
    },
  );

  test("smallBlobs opens uploads for all that waited where the registry declines", async () => {
    const { ways, tell, quirks } = crowd(12);
    await ways();
    tell(8, "declined");
    expect(await ways()).toBe(`${eightAhead}waaa`);
    expect(quirks.singlePost).toBe("declines");
  });

  test("smallBlobs lets all ask once one was there", async () => {
    const { ways, saw } = crowd(12);
    await ways();
    saw(present);
    expect(await ways()).toBe(`${eightAhead}waaa`);
  });

  test("smallBlobs has the next one try where a trial told nothing", async () => {
    const { ways, tell } = crowd(12);
    await ways();
    tell(8, "nothing");
    expect(await ways()).toBe(`${eightAhead}ww`);
  });

  test("smallBlobs lets one ask for each that has left, while nothing is known", async () => {
    const { ways, leave } = crowd(12);
    await ways();
    leave(0);
    leave(1);
    expect(await ways()).toBe(`${eightAhead}waa`);
  });

  test("smallBlobs waits for a second and no longer, once", async () => {
    const { ways, clock } = crowd(12);
    await ways();
    clock.advance(999);
    expect(await ways()).toBe(`${eightAhead}w`);
    clock.advance(1);
    expect(await ways()).toBe(`${eightAhead}waaa`);
    expect(clock.pending).toBe(0);
  });

  test("smallBlobs takes out who gives up, with the signal's reason, and keeps no timer for nobody", async () => {
    const { ways, controllers, failures, clock, tell, saw } = crowd(11);
    await ways();
    const [tenth, eleventh] = controllers.slice(9);
    tenth?.abort("enough");
    await ways();
    expect(failures).toEqual(["enough"]);
    expect(clock.pending).toBe(1);
    eleventh?.abort("enough");
    await ways();
    expect(clock.pending).toBe(0);
    tell(8, "taken");
    saw(absent, absent, absent, absent);
    expect(await ways()).toBe(`${eightAhead}w`);
  });

  test("smallBlobs waits only once for a registry that is slow", async () => {
    const { ways, clock, small, controllers } = crowd(12);
    await ways();
    clock.advance(1000);
    await ways();
    const signal = controllers[0]?.signal ?? new AbortController().signal;
    const turn = await small.turn(signal, () => undefined);
    expect(turn.goesWhole).toBe(false);
    expect(clock.pending).toBe(0);
  });

  test("smallBlobs has sources read of those that wait, once they are likely to be absent", async () => {
    const { ways, saw, small, readAhead, controllers } = crowd(12);
    await ways();
    expect(readAhead).toEqual([]);
    saw(absent);
    expect(readAhead).toEqual([9, 10, 11]);
    void small.turn(new AbortController().signal, () => readAhead.push(12)).catch(() => undefined);
    controllers[9]?.abort("enough");
    saw(absent);
    expect(readAhead).toEqual([9, 10, 11, 12]);
  });

  test("smallBlobs has no source read of blobs that are there", async () => {
    const { ways, saw, readAhead } = crowd(12);
    await ways();
    saw(present, absent, absent, absent);
    expect(await ways()).toBe(`${eightAhead}waaa`);
    expect(readAhead).toEqual([]);
  });

  test("smallBlobs asks for one of sixteen, but not of those that have waited", async () => {
    const { ways, tell, saw, small } = crowd(41);
    await ways();
    tell(8, "taken");
    saw(absent, absent, absent, absent);
    expect(await ways()).toBe(`${eightAhead}w${"w".repeat(32)}`);
    const later = await Promise.all(
      Array.from({ length: 16 }, () => small.turn(new AbortController().signal, () => undefined)),
    );
    expect(later.filter(({ goesWhole }) => !goesWhole)).toHaveLength(1);
  });

  test("smallBlobs goes by what another repository of the registry has met", async () => {
    const { ways, saw, clock, quirks } = crowd(12);
    await ways();
    saw(absent, absent, absent, absent);
    expect(await ways()).toBe(`${eightAhead}w`);
    const other = smallBlobs({ clock, quirks }, presenceGuess());
    const turn = await other.turn(new AbortController().signal, () => undefined);
    turn.tell("taken");
    expect(await ways()).toBe(`${eightAhead}wwww`);
  });

  test("smallBlobs takes in nobody who has given up before, and lets nobody leave twice", async () => {
    const { ways, small, clock, leave } = crowd(12);
    await ways();
    await expect(small.turn(AbortSignal.abort("enough"), () => undefined)).rejects.toBe("enough");
    leave(0);
    leave(0);
    expect(await ways()).toBe(`${eightAhead}wa`);
    expect(clock.pending).toBe(1);
  });

  test("smallBlobs does not go back to whole blobs once they were declined", async () => {
    const { ways, tell, saw, quirks } = crowd(11);
    await ways();
    tell(8, "taken");
    saw(absent, absent, absent, absent);
    expect(await ways()).toBe(`${eightAhead}www`);
    tell(9, "declined");
    tell(10, "taken");
    expect(quirks.singlePost).toBe("declines");
  });
});
