import { rename, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { requireDigest } from "../content/verify.ts";
import { algorithmOf, hexOf, isDigest, type Digest } from "../spec/digest.ts";
import { Catalogue, contentOf, type Change } from "./catalogue.ts";
import { WaybillError } from "../errors.ts";
import {
  ioCall,
  listFolder,
  makeFolder,
  readFrom,
  removeFile,
  syncFolder,
  unless,
  writeSynced,
} from "../disk/durable.ts";
import { DiskDraft, restoreDrafts } from "./disk-draft.ts";
import { lockFolder, type FolderOwner } from "../disk/lock.ts";
import { Journal } from "../disk/journal.ts";
import { thisProcess } from "../disk/process-name.ts";
import type { Draft, DraftInfo, Storage, StoredContent } from "./storage.ts";
import { Tally } from "./tally.ts";

/** Who opens a storage. */
export interface DiskStorageOptions {
  /** Whom the folder is locked for while it is open; default this process. */
  readonly owner?: FolderOwner;
}

/**
 * Opens the storage in `folder`, made where it is missing. What was acknowledged is there again after a crash; what was not leaves no
 * trace but drafts, which are handed out by `takeDrafts`. One process at a time, and once in that.
 *
 * The folder: `content/<algorithm>/<xx>/<hex>` holds blobs and manifests, `catalogue.log` who links them, `drafts/` open uploads,
 * `lock` who has it open.
 *
 * @throws WaybillError `io_failed` `disk_full`; `busy` where another process has it open, or this one already.
 */
export async function openDiskStorage(folder: string, options: DiskStorageOptions = {}): Promise<Storage> {
  return ioCall(`open storage "${folder}"`, async () => {
    for (const name of ["content/sha256", "content/sha512", "drafts"]) await makeFolder(join(folder, name));
    const unlock = await lockFolder(folder, options.owner ?? thisProcess());
    if (!unlock) throw inUse(folder);
    try {
      const { catalogue, journal } = await openCatalogue(join(folder, "catalogue.log"));
      await sweep(folder, catalogue);
      const drafts = await restoreDrafts(join(folder, "drafts"));
      return new DiskStorage({ folder, catalogue, journal, drafts, unlock });
    } catch (error) {
      await unlock();
      throw error;
    }
  });
}

function inUse(folder: string): WaybillError {
  const advice = `Close it there; delete "${join(folder, "lock")}" only if the process that it names is no registry`;
  const seen = "another process has it open, or this one already";
  return new WaybillError("busy", `Cannot open storage "${folder}": ${seen}`, { advice });
}

/** Reads the journal, anew and shorter where most of it is out of date. */
async function openCatalogue(path: string): Promise<{ catalogue: Catalogue; journal: Journal }> {
  const catalogue = new Catalogue();
  let seen = 0;
  const replay = (entry: unknown) => {
    for (const change of entry as readonly Change[]) catalogue.apply(change);
    seen += (entry as readonly Change[]).length;
  };
  const journal = await Journal.open(path, replay);
  const live = [...catalogue.changes()];
  if (seen < 2 * live.length + 1000) return { catalogue, journal };
  await journal[Symbol.asyncDispose]();
  await Journal.rewrite(
    path,
    live.map((change) => [change]),
  );
  return { catalogue, journal: await Journal.open(path, () => undefined) };
}

/** Drops content that a crash left between its arrival and its entry, or between its last removal and its end. */
async function sweep(folder: string, catalogue: Catalogue): Promise<void> {
  for (const algorithm of ["sha256", "sha512"]) {
    const base = join(folder, "content", algorithm);
    for (const prefix of await listFolder(base)) {
      for (const hex of await listFolder(join(base, prefix))) {
        const digest = `${algorithm}:${hex}`;
        if (!isDigest(digest) || !catalogue.isUsed(digest)) await removeFile(join(base, prefix, hex));
      }
    }
  }
}

interface Parts {
  readonly folder: string;
  readonly catalogue: Catalogue;
  readonly journal: Journal;
  readonly drafts: readonly DiskDraft[];
  readonly unlock: () => Promise<void>;
}

class DiskStorage implements Storage {
  readonly catalogue: Catalogue;
  readonly #folder: string;
  readonly #journal: Journal;
  readonly #unlock: () => Promise<void>;
  #left: readonly DiskDraft[];
  /** Content that an entry under way points at: not to be dropped, although the catalogue does not know of it yet. */
  readonly #pins = new Tally<Digest>();
  /** The last piece of work on the file of a digest: they take turns. */
  readonly #turns = new Map<Digest, Promise<void>>();
  #temporaries = 0;

  constructor({ folder, catalogue, journal, drafts, unlock }: Parts) {
    this.#folder = folder;
    this.catalogue = catalogue;
    this.#journal = journal;
    this.#left = drafts;
    this.#unlock = unlock;
  }

  async record(changes: readonly Change[]): Promise<void> {
    const pinned = changes.flatMap((change) => contentOf(change) ?? []);
    for (const digest of pinned) this.#pins.add(digest);
    try {
      await this.#journal.append(changes, () => {
        for (const change of changes) this.catalogue.apply(change);
      });
    } finally {
      for (const digest of pinned) this.#pins.remove(digest);
    }
    for (const change of changes) {
      if (change.kind === "no-blob" || change.kind === "no-manifest") await this.#dropIfUnused(change.digest);
    }
  }

  async content(digest: Digest): Promise<StoredContent | undefined> {
    const path = this.#pathOf(digest);
    const found = await ioCall("read content", () => unless(["ENOENT"], () => stat(path)));
    return found && { sizeBytes: found.size, open: (start, end) => readFrom(path, start, end) };
  }

  createDraft(info: DraftInfo): Draft {
    return new DiskDraft(this.#draftsFolder, info);
  }

  takeDrafts(): readonly Draft[] {
    const left = this.#left;
    this.#left = [];
    return left;
  }

  async commit(draft: Draft, digest: Digest, changes: readonly Change[]): Promise<void> {
    if (!(draft instanceof DiskDraft)) throw new TypeError("The draft belongs to another storage");
    try {
      await ioCall("keep content", async () => {
        requireDigest(digest, await draft.digest(digest));
        await draft.seal();
        await this.#keep(digest, draft.path, changes);
        await draft.forgetRecord();
      });
    } catch (error) {
      await draft.discard();
      throw error;
    }
  }

  async put(digest: Digest, bytes: Uint8Array, changes: readonly Change[]): Promise<void> {
    const temporary = join(this.#draftsFolder, `put-${this.#temporaries++}`);
    try {
      await ioCall("keep content", async () => {
        await writeSynced(temporary, bytes);
        await this.#keep(digest, temporary, changes);
      });
    } catch (error) {
      await removeFile(temporary).catch(() => undefined);
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal[Symbol.asyncDispose]();
    await this.#unlock();
  }

  /** Gives the durable file at `path` its name by digest, durably, and then records `changes`. */
  async #keep(digest: Digest, path: string, changes: readonly Change[]): Promise<void> {
    this.#pins.add(digest);
    try {
      await this.#inTurn(digest, () => this.#place(digest, path));
      await this.record(changes);
    } finally {
      this.#pins.remove(digest);
    }
    await this.#dropIfUnused(digest);
  }

  async #place(digest: Digest, path: string): Promise<void> {
    const place = this.#pathOf(digest);
    if (await unless(["ENOENT"], () => stat(place))) return removeFile(path);
    await makeFolder(dirname(place));
    await rename(path, place);
    await syncFolder(dirname(place));
  }

  async #dropIfUnused(digest: Digest): Promise<void> {
    if (this.#isNeeded(digest)) return;
    await this.#inTurn(digest, async () => {
      // What cannot be dropped now is swept at the next opening.
      if (!this.#isNeeded(digest)) await removeFile(this.#pathOf(digest)).catch(() => undefined);
    });
  }

  #isNeeded(digest: Digest): boolean {
    return this.catalogue.isUsed(digest) || this.#pins.has(digest);
  }

  async #inTurn(digest: Digest, work: () => Promise<void>): Promise<void> {
    const before = this.#turns.get(digest) ?? Promise.resolve();
    const mine = before.then(work);
    const settled = mine.catch(() => undefined);
    this.#turns.set(digest, settled);
    try {
      await mine;
    } finally {
      if (this.#turns.get(digest) === settled) this.#turns.delete(digest);
    }
  }

  #pathOf(digest: Digest): string {
    const hex = hexOf(digest);
    return join(this.#folder, "content", algorithmOf(digest), hex.slice(0, 2), hex);
  }

  get #draftsFolder(): string {
    return join(this.#folder, "drafts");
  }
}
