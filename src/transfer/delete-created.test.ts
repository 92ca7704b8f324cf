import { expect, test } from "vitest";
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

  const deletion = await deleteCreated(greedy, { tag: "new", ours, siblings: ["sibling", "other", "unknown"] }, {});

  expect(deletion).toEqual({ isGone: true, why: "the image, sibling went with it, and had to be put back" });
  expect([...store.shelf.tags.keys()].toSorted()).toEqual(["other", "sibling"]);
  expect(store.shelf.tags.get("sibling")).toBe(ours);
  expect(await store.exists(image.descriptor)).toBe(true);
});

test("deleteCreated says so when a tag that was deleted is still there", async () => {
  const { store, ours } = await storeWith(["new"]);
  const idle: Store = { ...store, deleteTag: async () => undefined };

  const deletion = await deleteCreated(idle, { tag: "new", ours, siblings: [] }, {});

  expect(deletion).toEqual({ isGone: false, why: "it was deleted, and is still there" });
});

test("deleteCreated deletes nothing in a store that does not say what goes with a tag", async () => {
  const { store, ours } = await storeWith(["new"]);
  const silent: Store = { ...store, facts: () => ({}) };

  expect(await deleteCreated(silent, { tag: "new", ours, siblings: [] }, {})).toMatchObject({ isGone: false });
  expect(store.shelf.tags.get("new")).toBe(ours);
});
