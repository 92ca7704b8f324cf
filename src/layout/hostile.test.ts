import { execFileSync } from "node:child_process";
import * as promises from "node:fs/promises";
import { mkdir, mkdtemp, readFile, readdir, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { blobOf, bodyOf, imageOf, pushImage, readBlob, type SampleImage } from "../../test/support/samples.ts";
import type { Bytes, Store } from "../content/store.ts";
import type { Files } from "./files.ts";
import { openLayout } from "./layout.ts";
import { createLayoutOwner } from "./lock.ts";

const base = await mkdtemp(join(tmpdir(), "waybill-hostile-"));
afterAll(() => rm(base, { recursive: true }));

const self = { pid: process.pid, host: "here", now: Date.now, isAlive: () => true };
const owner = createLayoutOwner(self);
let count = 0;
let path: string;
let store: Store;
let image: SampleImage;

beforeEach(async () => {
  path = join(base, `${count++}`);
  store = await openLayout(path, { owner });
  image = await pushImage(store, imageOf("victim"), { tags: ["latest"] });
});

const blobPath = (digest: string) => join(path, "blobs/sha256", digest.slice(7));
const layerPath = () => blobPath(image.layer.descriptor.digest);

describe("a blob", () => {
  test("fetch refuses a FIFO without waiting for a writer", async () => {
    await rm(layerPath());
    execFileSync("mkfifo", [layerPath()]);
    await expect(store.fetch(image.layer.descriptor)).rejects.toMatchObject({ code: "invalid_layout" });
    expect(await store.exists(image.layer.descriptor)).toBe(false);
  });

  test("fetch refuses a folder and a device", async () => {
    await rm(layerPath());
    await mkdir(layerPath());
    await expect(store.fetch(image.layer.descriptor)).rejects.toMatchObject({ code: "invalid_layout" });
    await rm(layerPath(), { recursive: true });
    await symlink("/dev/zero", layerPath());
    await expect(store.fetch(image.layer.descriptor)).rejects.toMatchObject({ code: "invalid_layout" });
  });

  test("fetch refuses a huge sparse file by its size alone", async () => {
    await truncate(layerPath(), 2 ** 40);
    await expect(store.fetch(image.layer.descriptor)).rejects.toMatchObject({ code: "size_mismatch" });
  });

  test("manifest refuses a huge sparse file by its size alone", async () => {
    await truncate(blobPath(image.descriptor.digest), 2 ** 40);
    await expect(store.manifest("latest")).rejects.toMatchObject({ code: "too_large" });
    await expect(store.referrers(image.descriptor.digest)).rejects.toMatchObject({ code: "too_large" });
  });

  test("fetch gives out a blob behind a symbolic link when it is the right one", async () => {
    await writeFile(join(base, "elsewhere"), image.layer.bytes);
    await rm(layerPath());
    await symlink(join(base, "elsewhere"), layerPath());
    expect(await readBlob(store, image.layer.descriptor)).toEqual(image.layer.bytes);
  });

  test("fetch gives out no byte of a secret behind a symbolic link", async () => {
    const { size } = image.layer.descriptor;
    await writeFile(join(base, "secret"), "s".repeat(size));
    await rm(layerPath());
    await symlink(join(base, "secret"), layerPath());
    await expect(store.fetch(image.layer.descriptor)).rejects.toMatchObject({ code: "digest_mismatch" });
    await expect(store.fetch(image.layer.descriptor, { offset: 1 })).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  test("fetch gives out no byte of a secret behind a linked folder", async () => {
    const outside = join(base, `outside${count}`);
    await mkdir(outside);
    await writeFile(join(outside, image.layer.descriptor.digest.slice(7)), "s".repeat(image.layer.descriptor.size));
    await rm(join(path, "blobs/sha256"), { recursive: true });
    await symlink(outside, join(path, "blobs/sha256"));
    await expect(store.fetch(image.layer.descriptor)).rejects.toMatchObject({ code: "digest_mismatch" });
  });

  test("pushBlob replaces what has the wrong size", async () => {
    await truncate(layerPath(), 1);
    expect(await store.pushBlob(image.layer.descriptor, bodyOf(image.layer.bytes))).toBe("sent");
    expect(await readBlob(store, image.layer.descriptor)).toEqual(image.layer.bytes);
  });

  test("pushManifest replaces a manifest that was altered", async () => {
    const bytes = Buffer.from(image.bytes);
    bytes[0] = 0;
    await writeFile(blobPath(image.descriptor.digest), bytes);
    await store.pushManifest(image, { tags: ["latest"] });
    expect(Buffer.from((await store.manifest("latest")).bytes)).toEqual(image.bytes);
  });

  test("pushBlob follows no link that was planted under its temporary name", async () => {
    const blob = blobOf(Buffer.from("new"));
    const trap = join(base, "trap");
    await symlink(trap, join(path, "blobs/sha256", `.${blob.digest.slice(7)}.${process.pid}-1.tmp`));
    expect(await store.pushBlob(blob, bodyOf(Buffer.from("new")))).toBe("sent");
    await expect(readFile(trap)).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("index.json", () => {
  const index = () => join(path, "index.json");
  const secret = "root:x:0:0";

  test.each(["index.json", "oci-layout"])("%s is never read through a symbolic link", async (name) => {
    await writeFile(join(base, "copy"), await readFile(join(path, name)));
    await rm(join(path, name));
    await symlink(join(base, "copy"), join(path, name));
    const reading = async () => (await openLayout(path, { owner })).resolve("latest");
    await expect(reading()).rejects.toMatchObject({ code: "invalid_layout" });
  });

  test("a FIFO in its place is refused without waiting", async () => {
    await rm(index());
    execFileSync("mkfifo", [index()]);
    await expect(store.resolve("latest")).rejects.toMatchObject({ code: "invalid_layout" });
  });

  test.each([
    ["text", secret],
    ["a list", "[]"],
    ["manifests that are no list", `{"manifests":"${secret}"}`],
    ["an entry that is no object", `{"manifests":["${secret}"]}`],
    [
      "a digest that leads elsewhere",
      '{"manifests":[{"mediaType":"a/b","size":1,"digest":"sha256:../../../etc/shadow"}]}',
    ],
    [
      "a size beyond all numbers",
      `{"manifests":[{"mediaType":"a/b","size":1e400,"digest":"sha256:${"a".repeat(64)}"}]}`,
    ],
    [
      "annotations that are not strings",
      `{"manifests":[{"mediaType":"a/b","size":1,"digest":"sha256:${"a".repeat(64)}","annotations":{"a":1}}]}`,
    ],
  ])("resolve refuses %s and quotes nothing of it", async (_, text) => {
    await writeFile(index(), text);
    const error = await store.resolve("latest").catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: "invalid_layout" });
    expect((error as Error).message).not.toContain(secret);
    expect((error as Error).message).not.toContain("shadow");
    await expect(store.pushManifest(image, { tags: ["x"] })).rejects.toMatchObject({ code: "invalid_layout" });
    expect(await readFile(index(), "utf8")).toBe(text);
  });

  test("resolve refuses an index that is too large or too deep", async () => {
    await writeFile(index(), `{"a":${"[".repeat(10_000)}`);
    await expect(store.resolve("latest")).rejects.toMatchObject({ code: "too_large" });
    await truncate(index(), 2 ** 40);
    await expect(store.resolve("latest")).rejects.toMatchObject({ code: "too_large" });
  });

  test("names that are paths or prototypes are only names", async () => {
    const text = (await readFile(index(), "utf8")).replace('"latest"', '"../../x"');
    await writeFile(index(), text.replace("{", '{"__proto__":{"polluted":"yes"},'));
    await expect(store.resolve("latest")).rejects.toMatchObject({ code: "not_found" });
    await expect(store.resolve("__proto__")).rejects.toMatchObject({ code: "not_found" });
    await store.pushManifest(image, { tags: ["v2"] });
    expect(({} as { polluted?: string }).polluted).toBeUndefined();
    expect(await readFile(index(), "utf8")).toContain('"__proto__":{"polluted":"yes"}');
  });
});

test.each(['{"imageLayoutVersion":"2.0.0"}', "{}", "null", "no JSON"])(
  "openLayout refuses oci-layout with %s",
  async (text) => {
    await writeFile(join(path, "oci-layout"), text);
    await expect(openLayout(path, { owner })).rejects.toMatchObject({ code: "invalid_layout" });
  },
);

test("openLayout refuses a file", async () => {
  await expect(openLayout(join(path, "index.json"), { owner })).rejects.toMatchObject({ code: "invalid_layout" });
});

describe("the lock", () => {
  const lockPath = () => join(path, "index.json.lock");
  const tag = (name: string, as = owner) =>
    openLayout(path, { owner: as }).then((layout) => layout.pushManifest(image, { tags: [name] }));
  const holder = (members: object) => writeFile(lockPath(), JSON.stringify({ pid: 1, host: "here", ...members }));

  test("is busy while a living process holds it, and says which file", async () => {
    await holder({});
    await expect(tag("v2")).rejects.toMatchObject({
      code: "busy",
      message: expect.stringContaining(`could not lock ${lockPath()}`) as string,
    });
    await expect(readFile(lockPath(), "utf8")).resolves.toContain('"pid":1');
    await rm(lockPath());
    await tag("v2");
  });

  /** Time goes by only while it waits; `meanwhile` is called each time. */
  function waiting(meanwhile: (waits: number) => Promise<void>) {
    let [now, waits] = [Date.now(), 0];
    const sleep = async (delayMs: number, signal?: AbortSignal) => {
      now += delayMs;
      await meanwhile(++waits);
      signal?.throwIfAborted();
    };
    return { owner: createLayoutOwner({ ...self, now: () => now, sleep }), waits: () => waits };
  }

  test("is waited for while a living process holds it", async () => {
    await holder({});
    const { owner: patient, waits } = waiting(async (times) => (times === 3 ? rm(lockPath()) : undefined));
    await tag("v2", patient);
    expect(waits()).toBe(3);
    expect((await store.resolve("v2")).digest).toBe(image.descriptor.digest);
  });

  test("is not waited for longer than five seconds", async () => {
    await holder({});
    const { owner: patient, waits } = waiting(async () => undefined);
    await expect(tag("v2", patient)).rejects.toMatchObject({ code: "busy" });
    expect(waits()).toBeGreaterThan(20);
    expect(waits()).toBeLessThan(40);
  });

  test("is taken over from a process of this machine that is gone", async () => {
    await holder({ pid: 12345 });
    await tag("v2", createLayoutOwner({ ...self, isAlive: (pid) => pid !== 12345 }));
    expect((await store.resolve("v2")).digest).toBe(image.descriptor.digest);
    expect(await readdir(path)).not.toContain("index.json.lock");
  });

  test.runIf(process.platform === "linux")(
    "is taken over when the process number belongs to somebody else by now",
    async () => {
      await holder({ pid: process.pid, start: "1" });
      await tag("v2");
      expect((await store.resolve("v2")).digest).toBe(image.descriptor.digest);
    },
  );

  test("is not taken over from another machine", async () => {
    await holder({ pid: 12345, host: "there" });
    await expect(tag("v2", createLayoutOwner({ ...self, isAlive: () => false }))).rejects.toMatchObject({
      code: "busy",
    });
  });

  test("without a holder is busy at first and taken over after a minute", async () => {
    await writeFile(lockPath(), "");
    await expect(tag("v2")).rejects.toMatchObject({ code: "busy" });
    const old = Date.now() / 1000 - 61;
    await utimes(lockPath(), old, old);
    await tag("v2");
  });

  test("is released when the update fails", async () => {
    await writeFile(join(path, "index.json"), "no JSON");
    await expect(tag("v2")).rejects.toMatchObject({ code: "invalid_layout" });
    expect(await readdir(path)).not.toContain("index.json.lock");
  });

  test("that was taken away keeps the update from becoming visible", async () => {
    const before = await readFile(join(path, "index.json"), "utf8");
    const files: Files = {
      ...promises,
      open: async (name, flags, mode) => {
        if (String(name).includes("index.json.") && String(name).endsWith(".tmp")) await holder({ pid: 99 });
        return promises.open(name, flags, mode);
      },
    };
    const robbed = await openLayout(path, { owner, files });
    await expect(robbed.pushManifest(image, { tags: ["v2"] })).rejects.toMatchObject({ code: "busy" });
    expect(await readFile(join(path, "index.json"), "utf8")).toBe(before);
    expect(await readFile(lockPath(), "utf8")).toContain('"pid":99');
  });
});

describe("a disk", () => {
  const failing = (code: string): Files => ({
    ...promises,
    open: async (name, flags, mode) => {
      const handle = await promises.open(name, flags, mode);
      if (flags === "wx")
        handle.write = () => Promise.reject(Object.assign(new Error(code), { code, syscall: "write" }));
      return handle;
    },
  });

  test.each([
    ["ENOSPC", "disk_full"],
    ["EDQUOT", "disk_full"],
    ["EIO", "io_failed"],
  ])("that answers %s makes pushBlob fail with %s and leaves nothing", async (errno, code) => {
    const layout = await openLayout(path, { owner, files: failing(errno) });
    const before = await readdir(join(path, "blobs/sha256"));
    const blob = blobOf(Buffer.from("no room"));
    const error = await layout.pushBlob(blob, bodyOf(Buffer.from("no room"))).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code, message: expect.stringContaining(blob.digest.slice(7)) as string });
    expect(await readdir(join(path, "blobs/sha256"))).toEqual(before);
  });

  test("that a layout cannot be made on is named", async () => {
    const layout = await openLayout(join(path, "index.json", "below"), { owner }).catch((caught: unknown) => caught);
    expect(layout).toMatchObject({ code: "io_failed" });
  });

  test("error of the body is not taken for the disk's", async () => {
    const reset = Object.assign(new Error("reset"), { code: "ECONNRESET", syscall: "read" });
    async function* broken(): Bytes {
      yield Buffer.from("x");
      throw reset;
    }
    await expect(store.pushBlob(blobOf(Buffer.from("xyz")), broken)).rejects.toBe(reset);
  });
});
