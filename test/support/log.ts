import { logAsked } from "../../src/cli/log/asked.ts";
import { openLog, type Log, type LogOptions } from "../../src/cli/log/log.ts";

/** The log that `args` ask for, outside of any trace. */
export function logFor(args: readonly string[] = [], options: Partial<LogOptions> = {}): Log {
  return openLog({ asked: logAsked(args), now: () => Date.now(), placeOf: () => undefined, ...options });
}
