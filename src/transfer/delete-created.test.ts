import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { bytesOf, pushImage } from "../../test/support/images.ts";
import { createMemoryStore } from "../content/memory.ts";
import type { Store } from "../content/store.ts";
import { deleteCreated } from "./delete-created.ts";

async function storeWith(tags: readonly string[]) {
  const store = createMemoryStore("target");
  const image = await pushImage(store, { tags });
  return { store, image, ours: image.descriptor.digest };
}

test("deleteCreated puts back what went with the tag against all expectation", async () => {
  const { store, image, ours } = await storeWith(["new", "sibling"]);
  await pushImage(store, { layers: [bytesOf("another")], tags: ["other"] });
  const greedy: Store = {
    ...store,
    deleteTag: async () => {
      for (const tag of ["new", "sibling"]) store.shelf.tags.delete(tag);
      store.shelf.manifests.delete(ours);
    },
  };

  const deletion = await deleteCreated(
    greedy,
    { tag: "new", ours, siblings: ["sibling", "other", "unknown"] },
    { clock: fakeClock() },
  );

  expect(deletion).toEqual({ isGone: true, why: "the image, sibling went with it, and had to be put back" });
  expect([...store.shelf.tags.keys()].toSorted()).toEqual(["other", "sibling"]);
  expect(store.shelf.tags.get("sibling")).toBe(ours);
  expect(await store.exists(image.descriptor)).toBe(true);
});

test("deleteCreated says so when a tag that was deleted is still there", async () => {
  const { store, ours } = await storeWith(["new"]);
  const idle: Store = { ...store, deleteTag: async () => undefined };

  const clock = fakeClock();
  const deleting = deleteCreated(idle, { tag: "new", ours, siblings: [] }, { clock });
  await clock.advanceSlowly(10_000, 250);
  const deletion = await deleting;

  expect(deletion).toEqual({ isGone: false, why: "it was deleted, and is still there" });
});

test("deleteCreated waits for a registry that shows late that a tag is gone", async () => {
  const { store, image, ours } = await storeWith(["new"]);
  const clock = fakeClock();
  const shownAt = clock.now() + 2000;
  const late: Store = {
    ...store,
    tagged: async (tag) => (clock.now() < shownAt ? image.descriptor : store.tagged(tag)),
  };

  const deleting = deleteCreated(late, { tag: "new", ours, siblings: [] }, { clock });
  await clock.advanceSlowly(5000, 250);

  expect(await deleting).toEqual({ isGone: true });
});

test("deleteCreated says that a tag is still there when its time is over sooner", async () => {
  const { store, ours } = await storeWith(["new"]);
  const idle: Store = { ...store, deleteTag: async () => undefined };
  const controller = new AbortController();
  const clock = fakeClock();

  const deleting = deleteCreated(idle, { tag: "new", ours, siblings: [] }, { clock, signal: controller.signal });
  await clock.advanceSlowly(1000, 250);
  controller.abort(new Error("over"));

  expect(await deleting).toEqual({ isGone: false, why: "it was deleted, and is still there" });
});

test("deleteCreated does not wait for what was refused", async () => {
  const { store, ours } = await storeWith(["new"]);
  const refuses: Store = { ...store, deleteTag: async () => Promise.reject(new Error("no deletes here")) };

  const deletion = await deleteCreated(refuses, { tag: "new", ours, siblings: [] }, { clock: fakeClock() });

  expect(deletion).toEqual({ isGone: false, why: "no deletes here" });
});

test("deleteCreated deletes nothing in a store that does not say what goes with a tag", async () => {
  const { store, ours } = await storeWith(["new"]);
  const silent: Store = { ...store, facts: () => ({}) };

  expect(await deleteCreated(silent, { tag: "new", ours, siblings: [] }, { clock: fakeClock() })).toMatchObject({
    isGone: false,
  });
  expect(store.shelf.tags.get("new")).toBe(ours);
});
