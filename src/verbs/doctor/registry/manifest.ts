import { profileOf } from "../../../registry/profiles.ts";
import { shortDigest } from "../../../spec/digest.ts";
import { saidOfEach, ok, warning, type Check, type Said } from "../check.ts";
import type { Patient } from "../patient.ts";

/** Whether each reference names something. */
export const manifest: Check<Patient> = {
  name: "manifest",
  async run(patient) {
    if (patient.references.length === 0) return [];
    await patient.reached();
    return saidOfEach(patient.references, patient.options.signal, (reference) => lookAt(patient, reference));
  },
};

async function lookAt(patient: Patient, reference: Patient["references"][number]): Promise<Said> {
  const { location, tag, digest } = reference;
  const { repository } = location;
  const name = `${repository}${tag === undefined ? "" : `:${tag}`}${digest ? `@${shortDigest(digest)}` : ""}`;
  await patient.readable(repository);
  const found = await patient.manifest(reference);
  const facts = { repository, tag, digest: found?.digest ?? null, mediaType: found?.mediaType };
  if (found) return ok(`${name} is ${shortDigest(found.digest)}, ${found.mediaType}`, facts);
  return warning(`${name} is not there`, adviceFor(patient.host, repository), facts);
}

function adviceFor(host: string, repository: string): string {
  const usual = "right for a new tag; as a source it must be pushed first";
  const make = profileOf(host).makesRepositories;
  return typeof make === "function"
    ? `${usual}; a repository that is missing too is made by: ${make(repository)}`
    : usual;
}
