import { Meter } from "./meter.ts";

/** A blob on its way to one target. */
export class InFlight {
  readonly digest: string;
  readonly sizeBytes: number;
  readonly startedAt: number;
  readonly meter = new Meter();
  /** How far it is. */
  sentBytes = 0;
  /** When its first byte left. */
  movedAt: number | undefined;
  /** Where its last attempt began, once there was more than one. */
  resumedAt: number | undefined;

  constructor(digest: string, sizeBytes: number, startedAt: number) {
    this.digest = digest;
    this.sizeBytes = sizeBytes;
    this.startedAt = startedAt;
  }

  /** `bytes` more have left. Answers how much further it is: never beyond its end. */
  advance(bytes: number, at: number): number {
    this.movedAt ??= at;
    this.meter.add(bytes, at);
    return this.#moveTo(Math.min(this.sizeBytes, this.sentBytes + bytes));
  }

  /** It goes on at `offsetBytes`. Answers how much further, or less far, it is than it seemed. */
  standAt(offsetBytes: number): number {
    this.resumedAt = offsetBytes;
    return this.#moveTo(Math.max(0, Math.min(this.sizeBytes, offsetBytes)));
  }

  #moveTo(offset: number): number {
    const delta = offset - this.sentBytes;
    this.sentBytes = offset;
    return delta;
  }
}
