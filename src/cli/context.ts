import { WaybillError } from "../errors.ts";
import type { Report } from "../telemetry/events.ts";
import type { Context } from "../verbs/context.ts";
import type { Host } from "./host.ts";
import type { RegistryFlags } from "./options.ts";
import { openContext } from "./pending.ts";

/** Opens what a verb needs, as the flags say. The caller disposes of it, which closes every connection. */
export function openCommandContext(
  flags: RegistryFlags,
  host: Host,
  report: Report,
): Promise<Context & AsyncDisposable> {
  return openContext({
    env: host.env,
    report,
    clock: host.clock,
    random: host.random,
    signal: signalOf(flags, host),
  });
}

function signalOf(flags: RegistryFlags, host: Host): AbortSignal {
  if (flags.timeout === undefined) return host.signal;
  const controller = new AbortController();
  const seen = `it was not done after ${flags.timeout / 1000} s`;
  host.clock.after(flags.timeout, () =>
    controller.abort(new WaybillError("timeout", `Cannot finish in time: ${seen}`)),
  );
  return AbortSignal.any([host.signal, controller.signal]);
}
