/** How much a line matters, from the least on. */
export const logLevels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
export type LogLevel = (typeof logLevels)[number];

// What docker, whose flag has the same name, takes besides.
const others: Readonly<Record<string, LogLevel>> = { warning: "warn", panic: "fatal" };

/** The level that somebody has named, in whatever case; `undefined` for another word. */
export function logLevel(word: string): LogLevel | undefined {
  const lower = word.toLowerCase();
  return logLevels.find((level) => level === lower) ?? (Object.hasOwn(others, lower) ? others[lower] : undefined);
}

/** Whether a line of `level` is wanted where everything from `least` on is. */
export function isAtLeast(level: LogLevel, least: LogLevel): boolean {
  return logLevels.indexOf(level) >= logLevels.indexOf(least);
}
