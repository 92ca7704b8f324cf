import type { Clock } from "../async/clock.ts";
import type { Report } from "../telemetry/events.ts";
import type { Interceptor } from "./send.ts";

export interface WarningsOptions {
  readonly clock: Clock;
  readonly report: Report;
  /** How many are told at most; default 20. */
  readonly atMost?: number;
}

const maxLength = 1024;

/** Reports what registries say in `Warning` headers, each text of a host once, twenty in all. Spec: distribution-spec v1.1.1, "Warnings". */
export function reportWarnings({ clock, report, atMost = 20 }: WarningsOptions): Interceptor {
  const told = new Set<string>();
  return (next) => async (request) => {
    const response = await next(request);
    const source = request.registry ?? new URL(request.url).host;
    for (const value of response.headers.all("warning")) {
      const message = warningText(value);
      const key = `${source} ${message}`;
      if (message === undefined || told.has(key) || told.size >= atMost) continue;
      told.add(key);
      report({ type: "warning", message, source, at: clock.now() });
    }
    return response;
  };
}

/** The text of a `Warning: 299 - "text"` header; `undefined` for other codes and shapes. Spec: RFC 7234, section 5.5. */
export function warningText(value: string): string | undefined {
  const match = /^\s{0,8}299 \S{1,255} "((?:[^"\\]|\\.)*)"/s.exec(value.slice(0, maxLength * 2));
  const text = match?.[1]?.replace(/\\(.)/gs, "$1").slice(0, maxLength);
  return text === "" ? undefined : text;
}
