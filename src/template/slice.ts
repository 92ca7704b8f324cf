import { Failure } from "./fail.ts";
import { goString, lengthOf, type GoValue, type ListValue } from "./type.ts";

/** `slice text from to`, counted in bytes of UTF-8 as Go does. @throws Failure */
export function cutString(
  text: GoValue & { readonly kind: "string" },
  bounds: readonly (GoValue | undefined)[],
): GoValue {
  if (bounds.length === 3) throw new Failure("cannot slice string with 3 indexes");
  const bytes = Buffer.from(text.data);
  const [from, to] = settle(bounds, bytes.length);
  return goString(bytes.subarray(from, to).toString(), text.type);
}

/** `slice list from to limit`; the third only limits the second. @throws Failure */
export function cutList(list: ListValue, bounds: readonly (GoValue | undefined)[]): GoValue {
  const [from, to] = settle(bounds, lengthOf(list));
  return { kind: "slice", type: list.type, data: list.data?.slice(from, to) };
}

function settle(bounds: readonly (GoValue | undefined)[], length: number): [number, number] {
  const [from = 0, to = length, limit = length] = bounds.map((bound) => read(bound, length));
  if (from > to) throw new Failure(`invalid slice index: ${from} > ${to}`);
  if (to > limit) throw new Failure(`invalid slice index: ${to} > ${limit}`);
  return [from, to];
}

function read(bound: GoValue | undefined, length: number): number {
  if (bound === undefined) throw new Failure("cannot index slice/array with nil");
  if (bound.kind !== "int") throw new Failure(`cannot index slice/array with type ${bound.type.name}`);
  if (bound.data < 0 || bound.data > length) throw new Failure(`index out of range: ${bound.data}`);
  return bound.data;
}
