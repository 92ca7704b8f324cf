import { resolve } from "node:path";
import { WaybillError } from "../errors.ts";

/** The files that a command is to write, by the flags that name them. An empty path is none. */
export type OutputFiles = Readonly<Record<`--${string}`, string | undefined>>;

/**
 * Refuses two outputs for one path: the later would replace the earlier, unseen.
 *
 * @param read what is read, by the flags that name it: none of that is to be replaced either.
 * @throws WaybillError `invalid_argument`
 */
export function requireDistinct(
  written: OutputFiles,
  read: readonly (readonly [flag: string, path: string])[] = [],
): void {
  const taken = new Map(read.map(([flag, path]) => [resolve(path), flag] as const));
  for (const [flag, path] of Object.entries(written)) {
    if (!path) continue;
    const other = taken.get(resolve(path));
    if (other !== undefined)
      throw new WaybillError(
        "invalid_argument",
        `Cannot use "${path}" for both ${other} and ${flag}: one would replace the other`,
      );
    taken.set(resolve(path), flag);
  }
}
