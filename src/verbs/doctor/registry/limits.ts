import { note, ok, warning, type Check } from "../check.ts";
import type { Patient } from "../patient.ts";
import type { Limit } from "../answers.ts";

/** Below this share of what was granted a run may come to its end in the middle. */
const fewShare = 0.1;

/** What the registry says is left of its limits, in the answer to the last request. */
export const limits: Check<Patient> = {
  name: "limits",
  async run(patient) {
    await patient.reached();
    // Some registries tell it with manifests only.
    await Promise.allSettled(patient.references.map((reference) => patient.manifest(reference)));
    const limit = patient.answers.limitOf(patient.host);
    if (!limit) return note("the registry tells none");
    const text = textOf(limit);
    if (!isLow(limit)) return ok(text, { ...limit });
    return warning(text, "wait for the next window, or log in: accounts have higher limits than addresses", {
      ...limit,
    });
  },
};

function isLow({ remaining, limit }: Limit): boolean {
  return remaining === 0 || (limit !== undefined && remaining < limit * fewShare);
}

function textOf({ remaining, limit, windowSeconds, countedFor }: Limit): string {
  const of = limit === undefined ? "" : ` of ${limit}`;
  const window = windowSeconds === undefined ? "" : ` in ${Math.round(windowSeconds / 360) / 10} h`;
  const who = countedFor === undefined ? "" : `, counted for ${countedFor}`;
  return `${remaining}${of} requests left${window}${who}`;
}
