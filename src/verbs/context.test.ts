import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { pushImage } from "../../test/support/images.ts";
import { WaybillError } from "../errors.ts";
import type { Send } from "../http/send.ts";
import { createMemoryStorage, createRegistry, faulty } from "../server/index.ts";
import { openContext, type ContextOptions } from "./context.ts";
import { create } from "./create.ts";
import { inspect } from "./inspect.ts";

function contextOver(send: Send, { signal = new AbortController().signal, ...more }: Partial<ContextOptions> = {}) {
  const clock = fakeClock();
  const retries: string[] = [];
  const opening = openContext({
    clock,
    random: () => 0.5,
    ...more,
    env: {},
    signal,
    network: { send, close: async () => undefined },
    report: (event) => void (event.type === "retry" && retries.push(event.method)),
  });
  return { clock, retries, opening };
}

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
};

test("a call that waits for its next attempt ends when its context is disposed of, and leaves no timer behind", async () => {
  const registry = createRegistry(createMemoryStorage());
  const { clock, retries, opening } = contextOver(
    faulty(registry, [{ times: Infinity, fault: { kind: "status", status: 503 } }]),
  );
  const context = await opening;
  const reading = context.registry("r.example").repository("app").manifest("1");
  const failure = reading.catch((error: unknown) => error);
  await until(() => retries.length === 1);

  await context[Symbol.asyncDispose]();

  expect(await failure).toMatchObject({ code: "cancelled", message: "Cannot go on: the context was disposed of" });
  expect(clock.pending).toBe(0);
});

test("a publish that is under way ends when its context is disposed of, without another attempt", async () => {
  const { clock, retries, opening } = contextOver(
    faulty(createRegistry(createMemoryStorage()), [
      { method: "POST", repository: "to", times: Infinity, fault: { kind: "status", status: 503 } },
    ]),
  );
  const context = await opening;
  await pushImage(context.registry("r.example").repository("from"), { tags: ["1"] });
  const publishing = create({ sources: ["r.example/from:1"], tags: ["r.example/to:1"] }, context);
  await until(() => retries.length > 0);

  await context[Symbol.asyncDispose]();

  const { targets } = await publishing;
  expect(targets[0]).toMatchObject({ error: { code: "cancelled" }, tags: [{ state: "not-attempted" }] });
  expect(clock.pending).toBe(0);
});

test("a publish that could not look at one tag leaves nothing waiting for what the others name", async () => {
  const refusal = { fault: { kind: "status", status: 400 } } as const;
  const busy = { times: Infinity, fault: { kind: "status", status: 503, headers: { "retry-after": "20" } } } as const;
  const { clock, opening } = contextOver(
    faulty(createRegistry(createMemoryStorage()), [
      { ...refusal, repository: "to", path: /\/1$/ },
      { ...busy, repository: "to", path: /\/2$/ },
    ]),
  );
  await using context = await opening;
  await pushImage(context.registry("r.example").repository("from"), { tags: ["1"] });

  const { targets } = await create(
    { sources: ["r.example/from:1"], tags: ["r.example/to:1", "r.example/to:2"] },
    context,
  );

  expect(targets[0]).toMatchObject({ error: { context: { status: 400 } } });
  expect(clock.pending).toBe(0);
});

test.each([new DOMException("Enough", "AbortError"), "enough"])(
  "what a signal ends is cancelled, whatever the reason: %s",
  async (reason) => {
    const controller = new AbortController();
    await using context = await contextOver(createRegistry(createMemoryStorage()), controller).opening;
    controller.abort(reason);

    const calls = await Promise.allSettled([
      create({ sources: ["r.example/from:1"], tags: ["r.example/to:1"] }, context),
      inspect({ reference: "r.example/from:1" }, context),
    ]);

    const cancelled = { status: "rejected", reason: { code: "cancelled", message: expect.stringMatching(/enough$/i) } };
    expect(calls).toMatchObject([cancelled, cancelled]);
  },
);

test("what is asked of the context's stores ends with its signal, as cancelled, while it waits and afterwards", async () => {
  const controller = new AbortController();
  const registry = faulty(createRegistry(createMemoryStorage()), [
    { times: Infinity, fault: { kind: "status", status: 503 } },
  ]);
  const { clock, retries, opening } = contextOver(registry, controller);
  await using context = await opening;
  const store = await context.open({ kind: "registry", host: "r.example", repository: "app" });
  const reading = context.registry("r.example").repository("app").manifest("1");
  const writing = pushImage(store, { tags: ["1"] });
  const waiting = Promise.allSettled([reading, store.manifest("1"), writing]);
  await until(() => retries.length >= 3);

  controller.abort("enough");

  const cancelled = { status: "rejected", reason: { code: "cancelled", message: "Cannot go on: enough" } };
  expect(await waiting).toMatchObject([cancelled, cancelled, cancelled]);
  expect(await Promise.allSettled([store.manifest("2")])).toMatchObject([cancelled]);
  expect(clock.pending).toBe(0);
});

test("what a signal ends keeps its reason where that says by itself what it is", async () => {
  const controller = new AbortController();
  await using context = await contextOver(createRegistry(createMemoryStorage()), controller).opening;
  controller.abort(new WaybillError("timeout", "Cannot go on: it took too long"));

  await expect(inspect({ reference: "r.example/from:1" }, context)).rejects.toMatchObject({ code: "timeout" });
});

test.each([true, false])(
  "an index of more manifests than the context accepts is written nowhere, dry run %s",
  async (dryRun) => {
    const written: string[] = [];
    const registry = createRegistry(createMemoryStorage());
    const recorded: Send = (request) => {
      if (request.method !== "GET" && request.method !== "HEAD") written.push(`${request.method} ${request.url}`);
      return registry(request);
    };
    await using context = await contextOver(recorded, { maxDescriptors: 1 }).opening;
    const store = context.registry("r.example").repository("from");
    for (const tag of ["1", "2"]) await pushImage(store, { layers: [Buffer.from(tag)], tags: [tag] });
    written.length = 0;

    const creating = create(
      { sources: ["r.example/from:1", "r.example/from:2"], tags: ["r.example/to:1"], dryRun },
      context,
    );

    await expect(creating).rejects.toMatchObject({
      code: "too_large",
      message: expect.stringContaining("2 manifests"),
    });
    expect(written).toEqual([]);
  },
);
