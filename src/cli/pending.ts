import type { Clock, Random } from "../async/clock.ts";
import { WaybillError } from "../errors.ts";
import type { Report } from "../telemetry/events.ts";
import type { Context } from "../verbs/context.ts";

export interface ContextOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly report: Report;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly [name: string]: unknown;
}

export async function openContext(_options: ContextOptions): Promise<Context & AsyncDisposable> {
  throw new WaybillError("unsupported", "Cannot open stores: not there yet");
}
export async function inspect(
  _request: { name: string; raw: boolean; format: string },
  _context: Context,
): Promise<Uint8Array | string> {
  throw new WaybillError("unsupported", "Cannot inspect: not there yet");
}
export async function storeLogin(..._args: unknown[]): Promise<string> {
  throw new WaybillError("unsupported", "Cannot log in: not there yet");
}
export async function eraseLogin(..._args: unknown[]): Promise<string> {
  throw new WaybillError("unsupported", "Cannot log out: not there yet");
}
