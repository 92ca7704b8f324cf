import type { Source } from "../content/store.ts";
import { hasCode, WaybillError, type ErrorContext } from "../errors.ts";
import type { Location } from "../spec/reference.ts";

/** A place, for an error. */
export function placeOf(at: Location): Pick<ErrorContext, "registry" | "repository"> {
  return at.kind === "registry" ? { registry: at.host, repository: at.repository } : {};
}

export interface FirstOptions {
  readonly open: (location: Location) => Promise<Source>;
  /** For the error where there is no place at all: `blob sha256:…`. */
  readonly what: string;
}

/**
 * What `read` gives at the first of `places` that has it.
 *
 * @throws WaybillError `not_found` where none has it; what `read` throws else.
 */
export async function fromFirst<T>(
  places: readonly Location[],
  read: (source: Source) => Promise<T>,
  { open, what }: FirstOptions,
): Promise<T> {
  let missing: unknown;
  for (const location of places) {
    const source = await open(location);
    try {
      return await read(source);
    } catch (error) {
      if (!hasCode(error, "not_found")) throw error;
      missing = error;
    }
  }
  throw missing ?? new WaybillError("not_found", `Cannot read ${what}: no source is known for it`);
}
