import { probeUpload } from "../../../registry/upload-probe.ts";
import { saidOfEach, ok, warning, type Check, type Said } from "../check.ts";
import type { Patient } from "../patient.ts";

/**
 * Tries an upload in each repository that was named for it, and gives it up: opened, 1 KiB sent, status asked, cancelled. The
 * only check that writes; no manifest and no tag, and nothing stays where the registry keeps to the specification.
 */
export const probe: Check<Patient> = {
  name: "probe",
  async run(patient) {
    if (patient.probes.length === 0) return [];
    await patient.reached();
    return saidOfEach(patient.probes, patient.options.signal, (repository) => tryUpload(patient, repository));
  },
};

async function tryUpload(patient: Patient, repository: string): Promise<Said> {
  const { signal } = patient.options;
  const result = await probeUpload(patient.access(repository), { signal });
  const { sentBytes, heldBytes, isCancelled } = result;
  const facts = { repository, ...result };
  const held = heldBytes === undefined ? "the registry does not say how much it holds" : `${heldBytes} held`;
  const text = `${repository}: upload opened, ${sentBytes} bytes sent, ${held}`;
  if (!isCancelled) {
    return warning(
      `${text}, not cancelled`,
      "the registry does not let uploads be cancelled: it discards them by itself, later",
      facts,
    );
  }
  if (heldBytes !== undefined && heldBytes !== sentBytes) {
    return warning(
      `${text}, cancelled`,
      "broken uploads are begun anew rather than resumed, if it really holds something else",
      facts,
    );
  }
  return ok(`${text}, cancelled`, facts);
}
