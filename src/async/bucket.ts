/** What may pass at once, refilled steadily. Immutable. */
export interface Bucket {
  /** How much may pass now; less than nothing where more has passed than there was. */
  readonly level: number;
  readonly atMs: number;
}

/** How a bucket is refilled: so much in a second, up to `burst`. Both above 0. */
export interface BucketRate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A bucket from which nothing has been taken. */
export function fullBucket({ burst }: BucketRate, nowMs: number): Bucket {
  return { level: burst, atMs: nowMs };
}

/** The bucket after `amount` has passed. Taking more than there is is allowed: who comes next waits for it. */
export function spend(bucket: Bucket, rate: BucketRate, amount: number, nowMs: number): Bucket {
  const refilled = refill(bucket, rate, nowMs);
  return { ...refilled, level: refilled.level - amount };
}

/** How long until `amount` may pass, in whole milliseconds; 0 for now. More than `burst` may pass as soon as the bucket is full. */
export function waitMs(bucket: Bucket, rate: BucketRate, amount: number, nowMs: number): number {
  const missing = Math.min(amount, rate.burst) - refill(bucket, rate, nowMs).level;
  // Fractions do not add up to exactly one: what is missing by less than a nanosecond's refill is there.
  return Math.max(0, Math.ceil((missing / rate.perSecond) * 1000 - 1e-6));
}

/** A clock that goes back brings nothing and costs nothing. */
function refill({ level, atMs }: Bucket, { perSecond, burst }: BucketRate, nowMs: number): Bucket {
  const passedMs = Math.max(0, nowMs - atMs);
  return { level: Math.min(burst, level + (passedMs / 1000) * perSecond), atMs: nowMs };
}
