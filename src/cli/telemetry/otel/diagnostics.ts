import { diag, DiagLogLevel } from "@opentelemetry/api";
import type { TelemetrySettings } from "../../../telemetry/settings/settings.ts";

const levels: Readonly<Record<TelemetrySettings["logLevel"], DiagLogLevel>> = {
  none: DiagLogLevel.NONE,
  error: DiagLogLevel.ERROR,
  warn: DiagLogLevel.WARN,
  info: DiagLogLevel.INFO,
  debug: DiagLogLevel.DEBUG,
  verbose: DiagLogLevel.VERBOSE,
  all: DiagLogLevel.ALL,
};

export interface Diagnostics {
  /** Something is wrong. */
  readonly onProblem: (what: string) => void;
  /** A detail, where the level asks for details. */
  readonly onDetail: (what: string) => void;
}

/** Hears what the SDK says of itself, in place of the console. */
export function hearDiagnostics(level: TelemetrySettings["logLevel"], { onProblem, onDetail }: Diagnostics): void {
  const problem = (message: string, ...more: unknown[]) => onProblem(textOf(message, more));
  const detail = (message: string, ...more: unknown[]) => onDetail(textOf(message, more));
  const wanted = levels[level];
  // What is shown of problems does not depend on the level; details do.
  const logLevel = Math.max(wanted, DiagLogLevel.WARN);
  const logger = { error: problem, warn: problem, info: detail, debug: detail, verbose: detail };
  diag.setLogger(logger, { logLevel, suppressOverrideMessage: true });
}

function textOf(message: string, more: readonly unknown[]): string {
  const errors = more.filter((one) => one instanceof Error).map((error) => error.message);
  return [message, ...errors].join(": ").slice(0, 500);
}
