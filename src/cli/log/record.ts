import { placeOfTarget } from "../../telemetry/derive/place.ts";
import type { LogLevel } from "./level.ts";

/** Facts for programs. Those that are not known are left out. */
export type Fields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

/** What a line says, before it is known in which form. Its text may be foreign; it holds no secret. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly message: string;
  /** Milliseconds since the Unix epoch. */
  readonly at: number;
  /** The task or the attempt that it is about; absent for the run as a whole. */
  readonly about?: string;
  /** What the message says, and more. */
  readonly fields?: Fields;
}

/** A target, in whole and in parts, and `more`. */
export function placeFields(target: string | undefined, more: Fields = {}): Fields {
  const { registry, repository } = placeOfTarget(target);
  return { registry, repository, target, ...more };
}
