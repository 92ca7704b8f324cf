import { Controller, follow, onAbort } from "../async/on-abort.ts";
import { WaybillError } from "../errors.ts";
import { isHost, normalizeHost } from "../spec/reference.ts";
import { nodeCredentialEnvironment } from "../registry/credentials/environment.ts";
import type { Recorder } from "../transfer/recording.ts";
import type { Report } from "../telemetry/events.ts";
import { openContext, type ContextOptions, type OpenContext } from "../verbs/context.ts";
import type { Host } from "./host.ts";
import type { RegistryFlags } from "./options.ts";
import type { TimelineFlags } from "./timeline/film.ts";

/** Opens what a verb needs, as the flags say. The caller disposes of it, which closes every connection. */
export async function openCommandContext(
  flags: RegistryFlags & TimelineFlags,
  host: Host,
  report: Report,
  recorder?: Recorder,
): Promise<OpenContext> {
  const options = await commandOptions(flags, host, report);
  return openContext({ ...options, ...(recorder && { recorder }) });
}

/** What flags and environment come to, with telemetry listening where it is asked for. @throws WaybillError `invalid_argument` */
export async function commandOptions(
  flags: RegistryFlags & TimelineFlags,
  host: Host,
  report: Report,
): Promise<ContextOptions> {
  return observed(contextOptions(flags, host, report), flags, host);
}

/** `options`, with telemetry listening where the environment asks for it. */
async function observed(options: ContextOptions, flags: RegistryFlags, host: Host): Promise<ContextOptions> {
  const isWanted = flags.propagateTrace === true;
  const { command = "run" } = host;
  const telemetry = await host.telemetry?.open({
    command,
    flushMs: flags.telemetryFlush,
    isWanted,
    stderr: host.stderr,
    log: host.log,
  });
  if (!telemetry) return options;
  const at = host.clock.now();
  for (const message of telemetry.warnings) options.report({ type: "warning", message, at });
  return {
    ...options,
    report: toBoth(options.report, telemetry.report),
    reportAttempts: options.reportAttempts === true || telemetry.isOn || isWanted,
    ...(isWanted && { attemptHeaders: telemetry.headersFor }),
  };
}

/** Neither listener can keep news from the other. */
function toBoth(first: Report, second: Report): Report {
  return (event) => {
    try {
      first(event);
    } finally {
      second(event);
    }
  };
}

/** @throws WaybillError `invalid_argument` */
function contextOptions(flags: RegistryFlags & TimelineFlags, host: Host, report: Report): ContextOptions {
  const { env, homeDirectory, clock, random } = host;
  return defined({
    env,
    environment: nodeCredentialEnvironment(env, homeDirectory),
    clock,
    random,
    report,
    signal: signalOf(flags, host),
    lookup: host.lookup,
    userAgent: `waybill/${host.version}`,
    caFiles: flags.caFile,
    certFile: flags.certFile,
    keyFile: flags.keyFile,
    insecure: flags.insecure,
    plainHttp: flags.plainHttp,
    allowPrivate: flags.allowPrivate,
    trustRealms: [...(flags.trustRealm ?? []), ...realmsOf(env["WAYBILL_TRUST_REALMS"] ?? "")],
    http2: flags.http2,
    // Nobody but a detailed log and a timeline shows them.
    reportAttempts: host.log.isDetailed || flags.timeline !== undefined,
    chunkSizeBytes: flags.chunkSize,
    maxRetryAfterMs: flags.maxRetryAfter,
    limits: flags.limit,
    maxDescriptors: flags.maxDescriptors,
    builder: flags.builder,
  });
}

type Given<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };

/** Absent rather than `undefined`: defaults are for what is not said. */
function defined<T extends object>(options: T): Given<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Given<T>;
}

function realmsOf(list: string): readonly string[] {
  const realms = list.split(",").map((realm) => realm.trim());
  return realms.filter(Boolean).map((realm) => {
    if (isHost(realm)) return normalizeHost(realm);
    const seen = `"${realm}" is not HOST or HOST:PORT`;
    throw new WaybillError("invalid_argument", `Cannot read WAYBILL_TRUST_REALMS: ${seen}`);
  });
}

function signalOf(flags: RegistryFlags & TimelineFlags, host: Host): AbortSignal {
  if (flags.timeout === undefined) return host.signal;
  const controller = new Controller();
  const unlink = follow(host.signal, controller);
  const seen = `it was not done after ${flags.timeout / 1000} s`;
  const advice = "raise --timeout, or leave it away";
  const cancel = host.clock.after(flags.timeout, () =>
    controller.abort(new WaybillError("timeout", `Cannot finish in time: ${seen}`, { advice })),
  );
  onAbort(host.ended, () => {
    cancel();
    unlink();
  });
  return controller.signal;
}
