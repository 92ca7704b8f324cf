import { WaybillError } from "../errors.ts";
import { isHost, normalizeHost } from "../spec/reference.ts";

/**
 * Hosts given to a flag, normalised.
 *
 * @throws WaybillError `invalid_argument` showing the form, where one is not `host[:port]`.
 */
export function parseHosts(flag: string, values: readonly string[]): ReadonlySet<string> {
  return new Set(values.map((value) => parseHostArgument(flag, value)));
}

function parseHostArgument(flag: string, value: string): string {
  if (isHost(value)) return normalizeHost(value);
  const message = `Cannot use ${flag} "${value.slice(0, 100)}": it is not host[:port]`;
  throw new WaybillError("invalid_argument", message, { advice: `Write ${flag} registry.example:5000` });
}
