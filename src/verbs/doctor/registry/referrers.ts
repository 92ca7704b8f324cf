import { listReferrers } from "../../../registry/referrers.ts";
import { digestOf } from "../../../spec/digest.ts";
import { note, ok, type Check, type Said } from "../check.ts";
import type { Patient } from "../patient.ts";

/** Whether signatures and attestations are listed by the registry, or by a tag that clients keep. */
export const referrers: Check<Patient> = {
  name: "referrers",
  async run(patient) {
    const [reference] = patient.references;
    if (!reference) return [];
    await patient.reached();
    const { repository } = reference.location;
    await patient.readable(repository);
    // Any digest will do: what has no referrers has an empty list.
    const subject = (await patient.manifest(reference))?.digest ?? digestOf(new Uint8Array());
    const access = patient.access(repository);
    const found = await listReferrers(access, subject, { signal: patient.options.signal });
    return said(access.quirks.referrersApi, found.length, repository);
  },
};

function said(api: "unknown" | "present" | "absent", count: number, repository: string): Said {
  const facts = { api, count, repository };
  const listed = `${count} of ${repository}`;
  if (api === "present") return ok(`the registry lists them: ${listed}`, facts);
  if (api === "absent") return note(`no API: a fallback tag lists them, ${listed}`, facts);
  return note("not told, as the repository cannot be read or is not there", facts);
}
