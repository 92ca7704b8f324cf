import * as promises from "node:fs/promises";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { imageOf, pushImage, readBlob } from "../../test/support/samples.ts";
import { childrenOf } from "../spec/manifest.ts";
import type { Files } from "./files.ts";
import { openLayout } from "./layout.ts";
import { createLayoutOwner } from "./lock.ts";

const base = await mkdtemp(join(tmpdir(), "waybill-crash-"));
afterAll(() => rm(base, { recursive: true }));

const self = { pid: 4_000_000, host: "here", now: Date.now };
const dying = createLayoutOwner({ ...self, isAlive: () => true });

/** File operations that all fail from the `fatal`th on, as if the process had been killed there; a write is torn first. */
function crashing(fatal: number): { files: Files; counted: () => number } {
  let count = 0;
  const step = () => {
    if (++count >= fatal) throw Object.assign(new Error("killed"), { code: "EIO", syscall: "crash" });
  };
  const guarded =
    <A extends unknown[], R>(call: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      step();
      return call(...args);
    };
  const open: Files["open"] = async (...args) => {
    step();
    const handle = await promises.open(...args);
    const write = handle.write.bind(handle) as (...rest: unknown[]) => Promise<{ bytesWritten: number }>;
    const torn = async (chunk: Uint8Array, at: number, length: number) => {
      const half = Math.ceil(length / 2);
      await write(chunk, at, half);
      step();
      return { bytesWritten: half };
    };
    Object.assign(handle, { write: torn, sync: guarded(handle.sync.bind(handle)) });
    return handle;
  };
  const files = {
    open,
    rename: guarded(promises.rename),
    unlink: guarded(promises.unlink),
    link: guarded(promises.link),
    mkdir: guarded(promises.mkdir),
    stat: guarded(promises.stat),
    realpath: guarded(promises.realpath),
  } as unknown as Files;
  return { files, counted: () => count };
}

async function publish(path: string, fatal: number): Promise<number> {
  const { files, counted } = crashing(fatal);
  try {
    const layout = await openLayout(path, { owner: dying, files });
    await pushImage(layout, imageOf("fresh"), { tags: ["latest", "v2"] });
  } catch {
    // It died.
  }
  return counted();
}

test("a layout is whole after a crash at any file operation, and the next process carries on", async () => {
  const survivor = createLayoutOwner({ ...self, pid: process.pid, isAlive: (pid) => pid !== dying.pid });
  const setUp = async (name: string) => {
    const path = join(base, name);
    await pushImage(await openLayout(path, { owner: survivor }), imageOf("old"), { tags: ["latest", "keep"] });
    return path;
  };
  const operations = await publish(await setUp("count"), Number.POSITIVE_INFINITY);
  expect(operations).toBeGreaterThan(20);

  const outcomes = new Set<string>();
  for (let fatal = 1; fatal <= operations; fatal++) {
    const path = await setUp(`${fatal}`);
    await publish(path, fatal);

    const layout = await openLayout(path, { owner: survivor });
    const { document, descriptor } = await layout.manifest("latest");
    const isFresh = descriptor.digest === imageOf("fresh").descriptor.digest;
    outcomes.add(isFresh ? "fresh" : "old");
    expect((await layout.tagged("v2")) !== undefined).toBe(isFresh);
    expect((await layout.resolve("keep")).digest).toBe(imageOf("old").descriptor.digest);
    for (const child of childrenOf(document)) expect((await readBlob(layout, child)).byteLength).toBe(child.size);

    await pushImage(layout, imageOf("next"), { tags: ["latest"] });
    expect((await layout.resolve("latest")).digest).toBe(imageOf("next").descriptor.digest);
    JSON.parse(await readFile(join(path, "index.json"), "utf8"));
  }
  expect(outcomes).toEqual(new Set(["old", "fresh"]));
});
