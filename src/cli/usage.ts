import { WaybillError } from "../errors.ts";

/** A value that a flag cannot take, in pflag's words. */
export function usage(flag: string, value: string, expected: string): WaybillError {
  return new WaybillError("invalid_argument", `invalid argument "${value}" for "${flag}" flag: expected ${expected}`);
}
