import { failure, note, ok, warning, type Check } from "../check.ts";
import type { Patient } from "../patient.ts";

const warnMs = 30_000;
/** What signatures of cloud services and many token checks allow. */
const failMs = 300_000;

/** How far this machine's clock is from the registry's. */
export const clock: Check<Patient> = {
  name: "clock",
  async run(patient) {
    await patient.reached();
    const skew = patient.answers.skewOf(patient.host);
    if (!skew) return note("the registry tells no date");
    const { skewMs, uncertainMs } = skew;
    const least = Math.max(0, Math.abs(skewMs) - uncertainMs);
    const facts = { skewMs: Math.round(skewMs), uncertainMs: Math.round(uncertainMs) };
    if (least < warnMs) return ok(least === 0 ? "as here" : shown(skewMs), facts);
    const advice = "set this machine's clock right: tokens and certificates are good for a time only";
    const text = `the registry's clock is ${shown(skewMs)} of ours`;
    return least < failMs ? warning(text, advice, facts) : failure(text, advice, facts);
  },
};

function shown(skewMs: number): string {
  const seconds = Math.round(Math.abs(skewMs) / 1000);
  const amount = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
  return `${amount} ${skewMs > 0 ? "ahead" : "behind"}`;
}
