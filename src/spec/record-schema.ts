import * as v from "valibot";
import { recordFrom } from "./json.ts";

/**
 * An object from outside whose keys are foreign too. Every own key is kept, in an object without a prototype: valibot's
 * `record` drops `constructor`, `prototype` and `__proto__`, which may name a tag as well as any other word.
 */
export function recordOf<T>(
  key: v.GenericSchema<unknown, string>,
  value: v.GenericSchema<unknown, T>,
): v.GenericSchema<unknown, Readonly<Record<string, T>>> {
  return v.pipe(
    v.custom<object>((raw) => typeof raw === "object" && raw !== null && !Array.isArray(raw)),
    v.transform((raw) => Object.entries(raw) as [unknown, unknown][]),
    v.array(v.tuple([key, value])),
    v.transform((entries) => recordFrom(entries)),
  );
}
