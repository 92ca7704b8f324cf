import { wallTime } from "../../../async/clock.ts";
import type { TlsReport } from "../../../http/network.ts";
import { distrustAdvice } from "../../../http/distrust.ts";
import { isLoopbackHost } from "../../../http/url.ts";
import { failed, failure, note, ok, warning, type Check, type Said } from "../check.ts";
import type { Patient } from "../patient.ts";

const dayMs = 86_400_000;
/** A certificate that ends within so many days should have been renewed. */
const soonDays = 14;

/** The protocol, and whose certificate is shown, until when, and whether it is trusted. */
export const tls: Check<Patient> = {
  name: "tls",
  async run(patient) {
    const report = await patient.line();
    if (report.failure?.during === "tls") return failed(report.failure.error);
    if (report.failure) return [];
    const { host, context } = patient;
    if (!report.tls) return plainHttp(host, new URL(await patient.origin()).hostname);
    return judge(report.tls, host, wallTime(context.clock));
  },
};

function plainHttp(host: string, hostname: string): Said {
  if (isLoopbackHost(hostname)) return note("plain HTTP, on this machine", { protocol: "none" });
  const advice = `passwords and tokens for ${host} can be read on the way; leave --plain-http out if it speaks TLS`;
  return warning("plain HTTP", advice, { protocol: "none" });
}

function judge(report: TlsReport, host: string, now: number): Said {
  const { protocol, subject, issuer, validFromMs, validToMs, distrust, mustBeTrusted } = report;
  const days = Math.floor((validToMs - now) / dayMs);
  const until = Number.isNaN(validToMs) ? "no date" : `${dayOf(validToMs)} (${days} days)`;
  const text = `${protocol}, ${subject || "no name"} by ${issuer || "nobody named"}, until ${until}`;
  const facts = { protocol, subject, issuer, validFrom: dayOf(validFromMs), validTo: dayOf(validToMs), days, distrust };
  if (distrust !== undefined && mustBeTrusted) {
    return failure(`${text}: ${wordsFor(distrust)}`, distrustAdvice(distrust, host), facts);
  }
  if (distrust !== undefined) {
    const advice = `${wordsFor(distrust)}; it is not checked, as --insecure or the builder says: anybody could answer for ${host}`;
    return warning(text, advice, facts);
  }
  if (days < soonDays) return warning(text, "the certificate ends soon: have it renewed", facts);
  return ok(text, facts);
}

function dayOf(ms: number): string | undefined {
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString().slice(0, 10);
}

const words: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet",
  DEPTH_ZERO_SELF_SIGNED_CERT: "it vouches for itself",
  SELF_SIGNED_CERT_IN_CHAIN: "its authority is not known here",
  UNABLE_TO_GET_ISSUER_CERT: "its authority is not known here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its authority is not known here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its authority is not known here, or the server leaves a certificate in between out",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another name",
};

function wordsFor(distrust: string): string {
  return words[distrust] ?? `it is not trusted (${distrust})`;
}
