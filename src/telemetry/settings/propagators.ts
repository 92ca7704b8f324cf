import { Variables, type Environment } from "./variables.ts";

/** Whether `TRACEPARENT` is heard. Baggage is heard by nobody here, so that it may be named without being anything. */
export function isTraceContextNamed(variables: Variables): boolean {
  const named = variables.list("OTEL_PROPAGATORS", ["tracecontext", "baggage", "none"]);
  return named === undefined || (named.includes("tracecontext") && !named.includes("none"));
}

/** The same where nothing else of telemetry is asked for. */
export function hearsTraceContext(env: Environment): boolean {
  return isTraceContextNamed(new Variables(env));
}
