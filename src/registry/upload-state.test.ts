import { describe, expect, test } from "vitest";
import {
  type UploadAnswer,
  type UploadCommand,
  type UploadEvent,
  type UploadLimits,
  type UploadState,
} from "./upload-events.ts";
import { beginUpload, continueUpload, postUpload, stepUpload } from "./upload-state.ts";

const limits: UploadLimits = {
  resumeAboveBytes: 2,
  minChunkBytes: 1,
  maxChunkBytes: 2,
  maxFailures: 2,
  repeatedCounts: 2,
  maxRestarts: 1,
};
const error = new Error("seen");

const answers: readonly UploadAnswer[] = [
  { type: "opened", leastBytes: 0 },
  { type: "opened", leastBytes: 2 },
  { type: "present", outcome: "existed", holdsSession: false },
  { type: "present", outcome: "mounted", holdsSession: true },
  { type: "declined" },
  { type: "absent" },
  { type: "accepted", held: undefined },
  { type: "accepted", held: 0 },
  { type: "accepted", held: 1 },
  { type: "accepted", held: 99 },
  { type: "proved" },
  { type: "unproved" },
  { type: "too-large", error },
  { type: "lost", error },
  { type: "statusless", error },
  { type: "corrupt", error },
  { type: "refused", error },
  { type: "out-of-range", held: undefined, error },
  { type: "out-of-range", held: 0, error },
  { type: "out-of-range", held: 2, error },
  { type: "out-of-range", held: 99, error },
  { type: "held", bytes: 0 },
  { type: "held", bytes: 1 },
  { type: "held", bytes: 3 },
  { type: "held", bytes: 99 },
  { type: "broken", ambiguous: true, error },
  { type: "broken", ambiguous: false, error },
  { type: "broken", ambiguous: false, isRepeated: true, error },
  { type: "elapsed" },
  { type: "released" },
];

interface Node {
  readonly state: UploadState;
  readonly command: UploadCommand | undefined;
}

const isEnd = ({ state }: Node) => state.at === "committed" || state.at === "failed";

const isLive = (state: UploadState) => state.at !== "committed" && state.at !== "failed";

type LiveState = Extract<UploadState, { epoch: number }>;

const impatience = ({ facts }: LiveState) => facts.failures + facts.restarts;

/** Whether a wait begins, or a session is given up for another. */
const goesBack = (state: LiveState) =>
  state.at === "waiting" || (state.at === "releasing" && state.goal.to === "reopen");

/** A state without the number of its epoch: states that differ in nothing else behave alike. */
function keyOf({ state, command }: Node): string {
  const withoutErrors = (key: string, value: unknown) => {
    if (key === "epoch" || key === "limits") return undefined;
    return value instanceof Error ? value.constructor.name : value;
  };
  return JSON.stringify({ state, command }, withoutErrors);
}

interface Edge {
  readonly from: Node;
  readonly event: UploadEvent;
  readonly to: Node;
}

/** Every state that any sequence of events leads to, and every step between them. */
function explore([, sizeBytes, chunkBytes, begin = beginUpload]: World): { nodes: Node[]; edges: Edge[] } {
  const [state, command] = begin(sizeBytes, chunkBytes, limits);
  const nodes = new Map([[keyOf({ state, command }), { state, command } as Node]]);
  const edges: Edge[] = [];
  for (const from of nodes.values()) {
    if (isEnd(from)) continue;
    const epoch = from.command!.epoch;
    const events: UploadEvent[] = [...answers.map((answer) => ({ ...answer, epoch })), { type: "cancel", error }];
    for (const event of events) {
      const [next, then] = stepUpload(from.state, event);
      // A step that changes nothing in the command leaves the earlier one outstanding.
      const to = { state: next, command: then ?? (next.at in { committed: 0, failed: 0 } ? undefined : from.command) };
      edges.push({ from, event, to });
      if (!nodes.has(keyOf(to))) nodes.set(keyOf(to), to);
    }
  }
  return { nodes: [...nodes.values()], edges };
}

type World = readonly [name: string, sizeBytes: number, chunkBytes?: number, begin?: typeof beginUpload];

const worlds: readonly World[] = [
  ["an empty blob", 0],
  ["a small blob", 2],
  ["a large blob", 3],
  ["a small blob that goes in one POST", 2, undefined, postUpload],
  ["a blob in chunks", 3, 1],
  ["an upload that another run began", 3, undefined, continueUpload],
  ["an upload in chunks that another run began", 3, 1, continueUpload],
];

describe.each(worlds.map((world) => ({ name: world[0], world })))(
  "stepUpload over all states of $name",
  ({ world }) => {
    const [, sizeBytes] = world;
    const { nodes, edges } = explore(world);

    test("has a fair number of states", () => {
      expect(nodes.length).toBeGreaterThan(20);
      expect(edges.length).toBeGreaterThan(500);
    });

    test("has exactly one command outstanding in each live state, of the state's epoch", () => {
      const wrong = nodes.filter(
        ({ state, command }) => command?.epoch !== ("epoch" in state ? state.epoch : undefined),
      );
      expect(wrong).toEqual([]);
    });

    test("changes nothing for a stale answer, or after the end", () => {
      const moved = nodes.filter(({ state }) => {
        const epoch = "epoch" in state ? state.epoch - 1 : 7;
        return answers.some((answer) => {
          const [next, command] = stepUpload(state, { ...answer, epoch });
          return next !== state || command !== undefined;
        });
      });
      expect(moved).toEqual([]);
    });

    test("commits through a proof only", () => {
      for (const { from, event, to } of edges) {
        if (to.state.at !== "committed") continue;
        if (event.type === "proved" && from.state.at === "sending") expect(from.state.closing).toBe(true);
        const isProof = event.type === "proved" || event.type === "present";
        const wasProved = from.state.at === "releasing" && from.state.goal.to === "commit";
        expect(isProof || wasProved, `${from.state.at} ${event.type}`).toBe(true);
      }
    });

    test("gives an open session up before it fails or begins anew", () => {
      const leaks = edges.filter(({ from, event, to }) => {
        if (to.state.at !== "failed" || from.state.at === "releasing" || !("facts" in from.state)) return false;
        const isGone = ["present", "lost", "unproved"].includes(event.type);
        return from.state.facts.hasSession && !isGone;
      });
      expect(leaks).toEqual([]);
    });

    test("sends no byte beyond the blob and closes with its last", () => {
      for (const { command } of nodes) {
        if (command?.run !== "send") continue;
        expect(command.offset + command.length).toBeLessThanOrEqual(sizeBytes);
        expect(command.closing).toBe(command.offset + command.length === sizeBytes);
      }
    });

    test("spends no session restart on a failure that may pass", () => {
      const spent = edges.filter(({ from: { state: before }, event, to: { state: after } }) => {
        if (!isLive(before) || !isLive(after)) return false;
        const isForLost = before.at === "verifying" && before.otherwise === "restart";
        if (after.facts.restarts > before.facts.restarts) return event.type === "broken" && !isForLost;
        const isLost = event.type === "lost" || event.type === "unproved";
        return after !== before && after.at === "verifying" && after.otherwise === "restart" && !isLost;
      });
      expect(spent).toEqual([]);
    });

    test("waits longer each time until the server holds more than ever before", () => {
      const hasty = edges.filter(({ from: { state: before }, to: { state: after, command } }) => {
        if (!isLive(before) || !isLive(after) || after === before) return false;
        if (after.facts.furthest > before.facts.furthest) return false;
        const more = impatience(after) - impatience(before);
        const isSetback = before.at !== "releasing" && goesBack(after);
        return more < (isSetback ? 1 : 0) || (command?.run === "wait" && command.attempt !== impatience(after));
      });
      expect(hasty).toEqual([]);
    });

    test("cannot go on for ever, whatever is answered", () => {
      const next = new Map<string, Set<string>>();
      for (const { from, to } of edges) {
        const key = keyOf(from);
        next.set(key, (next.get(key) ?? new Set()).add(keyOf(to)));
      }
      const done = new Set(nodes.filter(isEnd).map(keyOf));
      const open = new Set<string>();
      const hasCycle = (key: string): boolean => {
        if (done.has(key)) return false;
        if (open.has(key)) return true;
        open.add(key);
        for (const then of next.get(key) ?? []) if (then !== key && hasCycle(then)) return true;
        open.delete(key);
        done.add(key);
        return false;
      };
      expect(nodes.map(keyOf).some(hasCycle)).toBe(false);
    });
  },
);

test("stepUpload asks with HEAD before it opens a new session after an ambiguous commit", () => {
  const [sending, send] = stepUpload(beginUpload(10)[0], { type: "opened", leastBytes: 0, epoch: 1 });
  expect(send).toMatchObject({ run: "send", offset: 0, length: 10, closing: true });
  const [verifying, verify] = stepUpload(sending, { type: "broken", ambiguous: true, error, epoch: send!.epoch });
  expect(verify).toMatchObject({ run: "verify" });
  const [, release] = stepUpload(verifying, { type: "absent", epoch: verify!.epoch });
  expect(release).toMatchObject({ run: "release" });
});

test("stepUpload opens a session as often as any request is repeated, and each time waits longer", () => {
  let [state, command] = beginUpload(10);
  const waits: number[] = [];
  let opened = 0;
  while (command) {
    const { epoch } = command;
    if (command.run === "open") opened++;
    if (command.run === "wait") waits.push(command.attempt);
    const answer: Partial<Record<UploadCommand["run"], UploadAnswer>> = {
      open: { type: "opened", leastBytes: 0 },
      send: { type: "broken", ambiguous: false, error },
      wait: { type: "elapsed" },
      release: { type: "released" },
    };
    [state, command] = stepUpload(state, { ...answer[command.run]!, epoch });
  }
  expect(opened).toBe(12);
  expect(waits).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(state.at).toBe("failed");
});

test("stepUpload goes on where the server stands when a large upload broke", () => {
  const size = 100 * 1024 * 1024;
  const [sending, send] = stepUpload(beginUpload(size)[0], { type: "opened", leastBytes: 0, epoch: 1 });
  const [waiting, wait] = stepUpload(sending, { type: "broken", ambiguous: false, error, epoch: send!.epoch });
  const [asking, ask] = stepUpload(waiting, { type: "elapsed", epoch: wait!.epoch });
  expect(ask).toMatchObject({ run: "ask" });
  const [, rest] = stepUpload(asking, { type: "held", bytes: 70, epoch: ask!.epoch });
  expect(rest).toMatchObject({ run: "send", offset: 70, length: size - 70, closing: true });
});

test("continueUpload asks where the server stands before it sends anything", () => {
  const [state, ask] = continueUpload(100);
  expect(ask).toMatchObject({ run: "ask" });
  const [, rest] = stepUpload(state, { type: "held", bytes: 70, epoch: ask!.epoch });
  expect(rest).toMatchObject({ run: "send", offset: 70, length: 30, closing: true });
  const [, verify] = stepUpload(state, { type: "lost", error, epoch: ask!.epoch });
  expect(verify).toMatchObject({ run: "verify" });
});

test("postUpload ends with the POST, and goes on in the session that was opened instead", () => {
  const [state, post] = postUpload(10);
  expect(post).toMatchObject({ run: "post" });
  const [ended, none] = stepUpload(state, { type: "proved", epoch: post!.epoch });
  expect([ended, none]).toEqual([{ at: "committed", outcome: "sent" }, undefined]);
  const [, send] = stepUpload(state, { type: "opened", leastBytes: 0, epoch: post!.epoch });
  expect(send).toMatchObject({ run: "send", offset: 0, length: 10, closing: true });
  const [, open] = stepUpload(state, { type: "declined", epoch: post!.epoch });
  expect(open).toMatchObject({ run: "open" });
});

test("stepUpload begins anew where the session that a POST opened instead turns out to hold its bytes", () => {
  const [sending, send] = stepUpload(postUpload(10)[0], { type: "opened", leastBytes: 0, epoch: 1 });
  const [releasing] = stepUpload(sending, { type: "corrupt", error, epoch: send!.epoch });
  expect(releasing).toMatchObject({ at: "releasing", goal: { to: "reopen" } });
});

test("stepUpload asks where the server stands when a taken chunk is said to have left 0-0", () => {
  const [sending, send] = stepUpload(beginUpload(5, 2)[0], { type: "opened", leastBytes: 0, epoch: 1 });
  const [asking, ask] = stepUpload(sending, { type: "accepted", held: 0, epoch: send!.epoch });
  expect(ask).toMatchObject({ run: "ask" });
  const [, onward] = stepUpload(asking, { type: "held", bytes: 2, epoch: ask!.epoch });
  expect(onward).toMatchObject({ run: "send", offset: 2, length: 2 });
  const [again, anew] = stepUpload(asking, { type: "held", bytes: 0, epoch: ask!.epoch });
  expect(anew).toMatchObject({ run: "send", offset: 0, length: 2 });
  const [, given] = stepUpload(again, { type: "accepted", held: 0, epoch: anew!.epoch });
  expect(given?.run).not.toBe("ask");
});

test("stepUpload halves what was refused as too large, and gives up at 1 MiB", () => {
  const size = 3 * 1024 * 1024;
  let [state, command] = stepUpload(beginUpload(size)[0], { type: "opened", leastBytes: 0, epoch: 1 });
  const lengths: number[] = [];
  while (command?.run === "send") {
    lengths.push(command.length);
    [state, command] = stepUpload(state, { type: "too-large", error, epoch: command.epoch });
  }
  expect(lengths).toEqual([size, size / 2, 1024 * 1024]);
  expect(command).toMatchObject({ run: "release" });
});

test("stepUpload tries one byte when 0-0 turns out not to mean none", () => {
  const [sending, send] = stepUpload(beginUpload(5, 2)[0], { type: "opened", leastBytes: 0, epoch: 1 });
  const refused = { type: "out-of-range", held: 0, error, epoch: send!.epoch } as const;
  const [, again] = stepUpload(sending, refused);
  expect(again).toMatchObject({ run: "send", offset: 1, length: 2 });
});
