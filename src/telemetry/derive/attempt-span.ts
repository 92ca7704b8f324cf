import type { AttemptEvent } from "../attempt.ts";
import { timingOf } from "../timing.ts";
import { pathFacts } from "./place.ts";
import { known, type Attributes, type Facts, type Span } from "./span.ts";

/** What an attempt is as a client span, but for its ids. Spec: OpenTelemetry semantic conventions 1.41, "HTTP client spans". */
export function attemptSpan(attempt: AttemptEvent, phase: string | undefined): Omit<Span, "id" | "parentId" | "links"> {
  const url = new URL(attempt.url);
  const facts = pathFacts(url.pathname);
  const failed = isFailure(attempt);
  return {
    name: facts.template === undefined ? attempt.method : `${attempt.method} ${facts.template}`,
    kind: "client",
    startedAt: attempt.startedAt,
    endedAt: attempt.startedAt + attempt.durationMs,
    attributes: known(
      serverAttributes(url),
      httpFacts(attempt, facts.template),
      protocolFacts(attempt.protocol),
      { "error.type": failed ? errorType(attempt) : undefined },
      ownFacts(attempt, facts, phase),
      timings(attempt),
    ),
    events: attempt.marks,
    ...(failed && { error: attempt.error ?? `HTTP ${attempt.status}` }),
  };
}

/** Answers that say that something is not there, or that ask who we are, are what was asked for. */
function isFailure({ status = 0, error, method, authorized }: AttemptEvent): boolean {
  if (error !== undefined) return true;
  if (status === 404) return method !== "GET" && method !== "HEAD" && method !== "DELETE";
  if (status === 401) return authorized === true;
  return status >= 400;
}

function httpFacts(attempt: AttemptEvent, template: string | undefined): Facts {
  const { status, resend } = attempt;
  return {
    "http.request.method": attempt.method,
    "url.full": attempt.url,
    "url.template": template,
    "http.response.status_code": status,
    "http.request.resend_count": resend > 0 ? resend : undefined,
    "http.request.body.size": attempt.sentBytes,
    "http.response.body.size": attempt.receivedBytes,
  };
}

/** Who was asked: what spans and measurements share. */
export function serverAttributes(url: URL): Attributes {
  const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  return { "server.address": url.hostname.replace(/^\[|\]$/g, ""), "server.port": port };
}

/** `http/1.1` and `h2` in the conventions' words. */
export function protocolFacts(protocol: string | undefined): Facts {
  const version = protocol === "h2" ? "2" : protocol?.split("/")[1];
  return { "network.protocol.name": version && "http", "network.protocol.version": version };
}

/** What an unsuccessful answer counts as. */
export function errorType({ status = 0, error }: { status?: number | undefined; error?: string | undefined }) {
  return error ?? (status >= 400 ? String(status) : undefined);
}

function ownFacts(
  attempt: AttemptEvent,
  { repository, digest, isManifest }: ReturnType<typeof pathFacts>,
  phase: string | undefined,
): Facts {
  return {
    "waybill.registry": attempt.registry,
    "waybill.repository": repository,
    "waybill.digest": digest,
    "oci.manifest.digest": isManifest ? digest : undefined,
    "waybill.phase": phase,
    "waybill.operation": attempt.operation,
    "waybill.attempt": attempt.attempt,
    "waybill.in_flight": attempt.inFlight,
    "waybill.request_id": attempt.requestId,
  };
}

/** Milliseconds of each stretch, whether the connection was there already, and how many marks have no place in all that. */
function timings(attempt: AttemptEvent): Facts {
  const { stretches, reused, odd } = timingOf(attempt);
  const sums: Record<string, number | boolean> = {};
  for (const { name, durationMs } of stretches) {
    const key = `waybill.${name}_ms`;
    sums[key] = Number(sums[key] ?? 0) + durationMs;
  }
  sums["waybill.connection.reused"] = reused;
  if (odd > 0) sums["waybill.odd_marks"] = odd;
  return sums;
}
