const sizeUnits: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1000,
  kb: 1000,
  m: 1000 ** 2,
  mb: 1000 ** 2,
  g: 1000 ** 3,
  gb: 1000 ** 3,
  ki: 1024,
  kib: 1024,
  mi: 1024 ** 2,
  mib: 1024 ** 2,
  gi: 1024 ** 3,
  gib: 1024 ** 3,
};

/** Reads `16MiB`, `10mb` or `4096` as bytes; `undefined` for anything else. */
export function sizeBytes(text: string): number | undefined {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)\s?([a-z]{0,3})$/i.exec(text);
  const unit = sizeUnits[match?.[2]?.toLowerCase() ?? ""];
  if (!match || unit === undefined) return undefined;
  return Math.round(Number(match[1]) * unit);
}

const timeUnits: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Reads `300ms`, `1m30s`, `1.5h` or a bare number of seconds as milliseconds; `undefined` for anything else or nothing. */
export function durationMs(text: string): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000 || undefined;
  if (!/^(?:\d{1,9}(?:\.\d{1,6})?(?:ms|s|m|h)){1,4}$/.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)(ms|s|m|h)/g))
    total += Number(amount) * (timeUnits[unit ?? ""] ?? 0);
  return total || undefined;
}

const byteUnits = ["B", "kB", "MB", "GB", "TB"];

/** `212 MB`: three digits and a decimal unit, as docker writes sizes. */
export function formatBytes(bytes: number): string {
  const unit = unitFor(bytes);
  return `${digitsOf(bytes / 1000 ** unit, unit)} ${byteUnits[unit]}`;
}

/** `40.9 / 60.0 MB`: both in the unit of the whole. */
export function formatShare(part: number, whole: number): string {
  const unit = unitFor(whole);
  return `${digitsOf(part / 1000 ** unit, unit)} / ${formatBytes(whole)}`;
}

function unitFor(bytes: number): number {
  let unit = 0;
  for (let value = bytes; value >= 999.5 && unit < byteUnits.length - 1; unit++) value /= 1000;
  return unit;
}

function digitsOf(value: number, unit: number): string {
  return value.toFixed(unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

/** `0.9s`, `42.0s`, `3m 20s`. */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  return seconds < 59.95 ? `${seconds.toFixed(1)}s` : formatWait(Math.round(seconds) * 1000);
}

/** `8s`, `3m 20s`, `2h 1m`: for what changes while somebody looks. A part of a second counts as one. */
export function formatWait(ms: number): string {
  const seconds = Math.ceil(Math.max(0, ms) / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes}m ${seconds % 60}s` : `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

/** As `formatWait`, for time that has passed: whole seconds only. */
export function formatElapsed(ms: number): string {
  return formatWait(Math.floor(ms / 1000) * 1000);
}
