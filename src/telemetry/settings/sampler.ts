import { quote, type Variables } from "./variables.ts";

/** Which traces are kept. Plain data. */
export interface SamplerSettings {
  /** What the trace that we are part of has decided counts, where there is one. */
  readonly followsParent: boolean;
  /** Share of traces that begin here and are kept, from 0 to 1. */
  readonly ratio: number;
}

const kinds = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

/** `OTEL_TRACES_SAMPLER` and its argument. Samplers that ask a server are not known here. */
export function samplerSettings(variables: Variables): SamplerSettings {
  const kind = variables.choice(["OTEL_TRACES_SAMPLER"], kinds, "parentbased_always_on");
  const followsParent = kind.startsWith("parentbased_");
  if (kind.endsWith("always_on")) return { followsParent, ratio: 1 };
  if (kind.endsWith("always_off")) return { followsParent, ratio: 0 };
  return { followsParent, ratio: ratioOf(variables) };
}

function ratioOf(variables: Variables): number {
  const name = "OTEL_TRACES_SAMPLER_ARG";
  const text = variables.text(name)?.value ?? "1";
  const ratio = /^[\d.eE+-]{1,30}$/.test(text) ? Number(text) : Number.NaN;
  if (ratio >= 0 && ratio <= 1) return ratio;
  variables.warn(name, `${quote(text)} is not a number from 0 to 1`);
  return 1;
}

/**
 * Whether a trace is kept. The same trace gets the same answer everywhere: the last seven bytes of its id decide. Spec: W3C
 * Trace Context Level 2, "Random Trace ID Flag"; OpenTelemetry, "TraceIdRatioBased".
 */
export function isSampled(sampler: SamplerSettings, traceId: string, parent?: { readonly sampled: boolean }): boolean {
  if (sampler.followsParent && parent) return parent.sampled;
  return sampler.ratio > 0 && Number.parseInt(traceId.slice(-14), 16) >= (1 - sampler.ratio) * 2 ** 56;
}
