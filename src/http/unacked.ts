import type { Socket } from "node:net";

/** The system's TCP connections as Linux lists them in `/proc/net/tcp` and `tcp6`; empty where nobody knows. Never rejects. */
export type TcpTable = (family: "tcp" | "tcp6") => Promise<string>;

/**
 * How many bytes the kernel has taken from us for a connection that the other side has not acknowledged; `undefined` where that is
 * not known. Never rejects.
 */
export type UnackedBytes = (socket: Socket) => Promise<number | undefined>;

/** Looks it up in `table`, which is read once for all that ask while it is being read. */
export function unackedBytes(table: TcpTable): UnackedBytes {
  const reading = new Map<string, Promise<string>>();

  function read(family: "tcp" | "tcp6"): Promise<string> {
    const known = reading.get(family);
    if (known) return known;
    const text = table(family).finally(() => reading.delete(family));
    reading.set(family, text);
    return text;
  }

  return async ({ localPort, remotePort, remoteFamily }) => {
    if (localPort === undefined || remotePort === undefined) return undefined;
    return unackedIn(await read(remoteFamily === "IPv6" ? "tcp6" : "tcp"), localPort, remotePort);
  };
}

/** Two connections may have both ports in common, which is rare: then nothing is known of either. */
function unackedIn(table: string, localPort: number, remotePort: number): number | undefined {
  const row = new RegExp(`:${hex(localPort)} [0-9A-F]+:${hex(remotePort)} [0-9A-F]{2} ([0-9A-F]{8}):`, "g");
  const [found, another] = table.matchAll(row);
  return found?.[1] === undefined || another ? undefined : Number.parseInt(found[1], 16);
}

function hex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}

/** What is seen of one connection's unacknowledged bytes, each time that somebody asks. */
export class UnackedWatch {
  /** By how much they have changed between two looks, all together: bytes that have gone, or have been taken in place of such. */
  movedBytes = 0;
  readonly #unacked: () => Promise<number | undefined>;
  #last: number | undefined;
  #isAsking = false;

  constructor(unacked: () => Promise<number | undefined>) {
    this.#unacked = unacked;
  }

  /** True when bytes were there at the last look. False where nobody knows. */
  get hasBytes(): boolean {
    return this.#last !== undefined && this.#last > 0;
  }

  /** Looks again. What it sees is told later; not at all where the last bytes have gone. */
  ask(): void {
    if (this.#isAsking || this.#last === 0) return;
    this.#isAsking = true;
    void this.#look();
  }

  /** The last look says nothing any more: other bytes have followed. */
  forget(): void {
    this.#last = undefined;
  }

  async #look(): Promise<void> {
    const bytes = await this.#unacked();
    this.#isAsking = false;
    if (bytes !== undefined && this.#last !== undefined) this.movedBytes += Math.abs(bytes - this.#last);
    this.#last = bytes;
  }
}
