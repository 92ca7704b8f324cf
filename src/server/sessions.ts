import { randomUUID } from "node:crypto";
import type { Clock, Random } from "../async/clock.ts";
import type { DigestAlgorithm } from "../spec/digest.ts";
import { refusal } from "./refusal.ts";
import type { Draft, Storage } from "./storage.ts";

const lifetimeMs = 24 * 60 * 60 * 1000;
const maxOpen = 10_000;
/** One user alone does not keep the others out. Nobody in particular is not one user. */
const maxOpenEach = 1_000;

/** An upload that has not been closed. */
export interface Session {
  readonly draft: Draft;
  /** A request is writing to it at this moment. */
  busy: boolean;
}

/** Open uploads by id: they end after 24 hours, and there is a limit to their number. */
export class Sessions {
  readonly #storage: Storage;
  readonly #clock: Clock;
  readonly #random: Random | undefined;
  /** In order of opening: the oldest first. */
  readonly #open = new Map<string, Session>();

  constructor(storage: Storage, clock: Clock, random: Random | undefined) {
    this.#storage = storage;
    this.#clock = clock;
    this.#random = random;
    const left = [...storage.takeDrafts()].sort((a, b) => a.info.startedAt - b.info.startedAt);
    for (const draft of left) this.#open.set(draft.info.id, { draft, busy: false });
  }

  async start(repository: string, principal: string, algorithm: DigestAlgorithm): Promise<Session> {
    await this.#expire();
    if (this.#open.size >= maxOpen) throw tooMany(maxOpen);
    if (principal !== "" && this.#openOf(principal) >= maxOpenEach) throw tooMany(maxOpenEach);
    const info = { id: this.#newId(), repository, principal, algorithm, startedAt: this.#clock.now() };
    const session: Session = { draft: this.#storage.createDraft(info), busy: false };
    this.#open.set(info.id, session);
    return session;
  }

  /** The upload, for its own repository and whoever opened it. @throws WaybillError answered as `BLOB_UPLOAD_UNKNOWN` */
  async find(id: string, repository: string, principal: string): Promise<Session> {
    await this.#expire();
    const session = this.#open.get(id);
    const { info } = session?.draft ?? {};
    if (session && info?.repository === repository && info.principal === principal) return session;
    throw unknownUpload();
  }

  /** Drops what was written to an upload that somebody closed meanwhile. @throws WaybillError answered as `BLOB_UPLOAD_UNKNOWN` then */
  async requireOpen(session: Session): Promise<void> {
    if (this.#open.get(session.draft.info.id) === session) return;
    await session.draft.discard();
    throw unknownUpload();
  }

  /** Forgets it; its bytes are somebody else's to drop. */
  close(session: Session): void {
    this.#open.delete(session.draft.info.id);
  }

  #openOf(principal: string): number {
    if (this.#open.size < maxOpenEach) return 0;
    return [...this.#open.values()].filter(({ draft }) => draft.info.principal === principal).length;
  }

  async #expire(): Promise<void> {
    const oldest = this.#clock.now() - lifetimeMs;
    for (const session of this.#open.values()) {
      if (session.draft.info.startedAt > oldest) return;
      if (session.busy) continue;
      this.close(session);
      await session.draft.discard();
    }
  }

  #newId(): string {
    const random = this.#random;
    if (!random) return randomUUID().replaceAll("-", "");
    return Buffer.from(Array.from({ length: 16 }, () => Math.floor(random() * 256))).toString("hex");
  }
}

function unknownUpload() {
  return refusal(
    404,
    "BLOB_UPLOAD_UNKNOWN",
    "Cannot find upload: it was closed, has expired or belongs to another repository",
  );
}

function tooMany(limit: number) {
  const headers = { "retry-after": "60" };
  return refusal(429, "TOOMANYREQUESTS", `Cannot open upload: ${limit} are open already`, { headers });
}
