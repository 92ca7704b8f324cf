import { randomBytes } from "node:crypto";
import { access, appendFile, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Client, locationOf, withDigest } from "../../test/conformance/client.ts";
import { digestOf, hexOf, type Digest } from "../spec/digest.ts";
import { openDiskStorage } from "./disk-storage.ts";
import { createRegistry } from "./registry.ts";
import type { Storage } from "./storage.ts";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-disk-"));
});
afterEach(() => rm(folder, { recursive: true }));

async function opened(): Promise<{ storage: Storage; client: Client } & AsyncDisposable> {
  const storage = await openDiskStorage(folder);
  const client = new Client(createRegistry(storage), "http://registry.example");
  return { storage, client, [Symbol.asyncDispose]: () => storage[Symbol.asyncDispose]() };
}

function fileOf(digest: Digest): string {
  const hex = hexOf(digest);
  return join(folder, "content", digest.slice(0, 6), hex.slice(0, 2), hex);
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

describe("openDiskStorage", () => {
  test("a disk storage has everything again after it was closed", async () => {
    let image;
    {
      await using first = await opened();
      image = await first.client.pushImage("a/b", "tag", { annotations: { key: "value" } });
      await first.client.pushManifest("a/b", "Tag", image);
    }
    await using second = await opened();
    const read = await second.client.ask("GET", "/v2/a/b/manifests/tag");
    expect(read.bytes.equals(image.bytes)).toBe(true);
    expect((await second.client.ask("GET", "/v2/a/b/tags/list")).json).toEqual({ name: "a/b", tags: ["Tag", "tag"] });
  });

  test("a disk storage has referrers with their annotations again", async () => {
    const subject = {
      mediaType: "application/vnd.oci.image.manifest.v1+json",
      digest: digestOf(randomBytes(4)),
      size: 4,
    };
    let before;
    {
      await using first = await opened();
      await first.client.pushImage("a", "x", {
        subject,
        artifactType: "x/y",
        annotations: { __proto__key: "1", key: "2" },
      });
      before = (await first.client.ask("GET", `/v2/a/referrers/${subject.digest}`)).json;
    }
    await using second = await opened();
    expect((await second.client.ask("GET", `/v2/a/referrers/${subject.digest}`)).json).toEqual(before);
  });

  test("content that no repository links any more leaves the disk; what another links stays", async () => {
    await using world = await opened();
    const { client } = world;
    const digest = await client.pushBlob("a", randomBytes(100));
    await client.ask("POST", `/v2/b/blobs/uploads/?mount=${digest}&from=a`);
    await client.ask("DELETE", `/v2/a/blobs/${digest}`);
    expect(await exists(fileOf(digest))).toBe(true);
    await client.ask("DELETE", `/v2/b/blobs/${digest}`);
    expect(await exists(fileOf(digest))).toBe(false);
  });

  test("pushes and deletes of one blob at the same time never leave a link without content", async () => {
    await using world = await opened();
    const { client } = world;
    const bytes = randomBytes(2000);
    const digest = digestOf(bytes);
    for (let round = 0; round < 20; round++) {
      const pushes = ["a", "b", "c"].map((repository) => client.pushBlob(repository, bytes));
      const deletes = ["a", "b", "c"].map((repository) => client.ask("DELETE", `/v2/${repository}/blobs/${digest}`));
      await Promise.all([...pushes, ...deletes]);
      for (const repository of ["a", "b", "c"]) {
        const read = await client.ask("GET", `/v2/${repository}/blobs/${digest}`);
        if (world.storage.catalogue.blob(repository, digest) !== undefined) expect(read.bytes.equals(bytes)).toBe(true);
      }
    }
  });

  test("an upload whose bytes were acknowledged goes on after a restart", async () => {
    const bytes = randomBytes(300_000);
    let location;
    {
      await using first = await opened();
      location = locationOf(
        await first.client.ask("PATCH", await first.client.openUpload("a"), { body: bytes.subarray(0, 200_000) }),
      );
    }
    // What a crash leaves behind the last acknowledged byte.
    await appendFile(join(folder, "drafts", location.split("/").at(-1)!), randomBytes(50));
    await using second = await opened();
    expect((await second.client.ask("GET", location)).headers.get("range")).toBe("0-199999");
    const closed = await second.client.ask("PUT", withDigest(location, digestOf(bytes)), {
      body: bytes.subarray(200_000),
    });
    expect(closed.status).toBe(201);
    expect((await second.client.ask("GET", `/v2/a/blobs/${digestOf(bytes)}`)).bytes.equals(bytes)).toBe(true);
    expect(await readdir(join(folder, "drafts"))).toEqual([]);
  });

  test("a cancelled, a refused and a finished upload leave no file behind", async () => {
    await using world = await opened();
    const { client } = world;
    const cancelled = await client.openUpload("a");
    await client.ask("PATCH", cancelled, { body: randomBytes(100) });
    await client.ask("DELETE", cancelled);
    await client.ask("PUT", withDigest(await client.openUpload("a"), digestOf(Buffer.from("other"))), {
      body: randomBytes(100),
    });
    await client.ask("POST", `/v2/a/blobs/uploads/?digest=${digestOf(Buffer.from("other"))}`, {
      body: randomBytes(100),
    });
    await client.pushImage("a", "tag");
    await client.pushBlob("a", new Uint8Array());
    expect(await readdir(join(folder, "drafts"))).toEqual([]);
  });

  test("an upload that is cancelled while it is written ends by 404 and leaves no file", async () => {
    await using world = await opened();
    const { client } = world;
    const bytes = randomBytes(600_000);
    for (const method of ["PATCH", "PUT"] as const) {
      const location = await client.openUpload("a");
      let release: () => void = () => undefined;
      const held = new Promise<void>((resolve) => {
        release = resolve;
      });
      const body = {
        sizeBytes: bytes.byteLength,
        async *open() {
          yield bytes.subarray(0, 300_000);
          await held;
          yield bytes.subarray(300_000);
        },
      };
      const writing = client.ask(method, withDigest(location, digestOf(bytes)), { body });
      await new Promise((resolve) => setImmediate(resolve));
      expect((await client.ask("DELETE", location)).status).toBe(204);
      release();
      expect((await writing).status).toBe(404);
      expect((await client.ask("HEAD", `/v2/a/blobs/${digestOf(bytes)}`)).status).toBe(404);
    }
    expect(await readdir(join(folder, "drafts"))).toEqual([]);
  });

  test("opening removes what a crash left: content without an entry, drafts without a record", async () => {
    const digest = digestOf(Buffer.from("orphan"));
    {
      await using first = await opened();
      await first.client.pushBlob("a", Buffer.from("orphan"));
    }
    await writeFile(join(folder, "catalogue.log"), "waybill-journal 1\n");
    await writeFile(join(folder, "drafts", "put-0"), "half");
    await writeFile(join(folder, "drafts", `${"0".repeat(32)}.json`), "{}");
    await using second = await opened();
    expect(await exists(fileOf(digest))).toBe(false);
    expect(await readdir(join(folder, "drafts"))).toEqual([]);
    await second.client.pushBlob("a", Buffer.from("orphan"));
  });

  test("a catalogue that is mostly out of date is written anew, and says the same", async () => {
    const log = join(folder, "catalogue.log");
    {
      await using first = await opened();
      const digest = await first.client.pushBlob("a", Buffer.from("kept"));
      const changes = [
        { kind: "blob", repository: "b", digest, sizeBytes: 4 } as const,
        { kind: "no-blob", repository: "b", digest } as const,
      ];
      await Promise.all(Array.from({ length: 600 }, () => first.storage.record(changes)));
    }
    const before = (await stat(log)).size;
    await using second = await opened();
    expect((await stat(log)).size).toBeLessThan(before / 100);
    expect((await second.client.ask("GET", `/v2/a/blobs/${digestOf(Buffer.from("kept"))}`)).bytes.toString()).toBe(
      "kept",
    );
  });

  test("a folder that another process has open is busy and named; one that a dead process left is taken over", async () => {
    const owner = (name: string, alive: string[]) => ({
      owner: { name, isRunning: (other: string) => alive.includes(other) },
    });
    const first = await openDiskStorage(folder, owner("1 100", ["1 100"]));
    await expect(openDiskStorage(folder, owner("2 200", ["1 100"]))).rejects.toMatchObject({
      code: "busy",
      message: `Cannot open storage "${folder}": another process has it open, or this one already`,
    });
    await using second = await openDiskStorage(folder, owner("1 300", ["1 300"]));
    expect(await readFile(join(folder, "lock"), "utf8")).toBe("1 300");
    expect(second.catalogue.repositories()).toEqual([]);
    await first[Symbol.asyncDispose]();
  });

  test("a folder is open once, whoever does not say for whom it is opened", async () => {
    await using first = await opened();
    await expect(openDiskStorage(folder)).rejects.toMatchObject({ code: "busy" });
    expect(first.storage.catalogue.repositories()).toEqual([]);
  });

  test("a storage that cannot write says so by 500, and keeps nothing that it did not acknowledge", async () => {
    await using world = await opened();
    const { client } = world;
    await rm(join(folder, "drafts"), { recursive: true });
    const location = await client.openUpload("a");
    const refused = await client.ask("PUT", withDigest(location, digestOf(Buffer.from("x"))), {
      body: Buffer.from("x"),
    });
    expect(refused.status).toBe(500);
    expect(refused.bytes.toString()).toContain("ENOENT");
    expect(refused.bytes.toString()).not.toContain(folder);
    expect((await client.ask("HEAD", `/v2/a/blobs/${digestOf(Buffer.from("x"))}`)).status).toBe(404);
  });
});
