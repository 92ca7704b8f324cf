import * as promises from "node:fs/promises";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { imageOf } from "../../test/support/samples.ts";
import { withRoot, type Listing } from "./entries.ts";
import type { Files } from "./files.ts";
import { indexFileIn } from "./index-file.ts";
import { createLayoutOwner } from "./lock.ts";

let root = "";

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "waybill-index-"));
});
afterEach(() => rm(root, { recursive: true }));

const owner = createLayoutOwner({ pid: process.pid, host: "here", now: Date.now });
const [one, other] = [imageOf("one").descriptor, imageOf("other").descriptor];
const failing = () => Promise.reject(new Error("no"));

test("update keeps what is sound of changes that share a turn, where others fail or are given up", async () => {
  // Nobody overtakes another on the way to the queue.
  const realpath = async () => root;
  const index = indexFileIn(root, { ...promises, realpath } as unknown as Files, owner);
  const controller = new AbortController();
  const { signal } = controller;
  const givingUp = async (listing: Listing) => {
    controller.abort(new Error("enough"));
    return withRoot(listing, one);
  };

  const outcomes = await Promise.allSettled([
    index.update(givingUp),
    index.update(failing),
    index.update(async (listing) => withRoot(listing, imageOf("given up").descriptor), { signal }),
    index.update(async (listing) => withRoot(listing, other)),
  ]);

  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
  const { listing } = await index.read();
  expect(listing.entries.map(({ descriptor }) => descriptor.digest)).toEqual([one.digest, other.digest]);
});

test("update makes no file where every change fails", async () => {
  const index = indexFileIn(root, promises, owner);

  await Promise.allSettled([index.update(failing), index.update(failing)]);

  expect(await readdir(root)).toEqual([]);
});
