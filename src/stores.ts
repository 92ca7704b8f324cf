import { sleep, wallTime, type Clock, type Random } from "./async/clock.ts";
import { once, rememberedBy } from "./async/remembered.ts";
import type { Source, Store } from "./content/store.ts";
import { tcpTable } from "./disk/tcp-table.ts";
import { WaybillError } from "./errors.ts";
import { limitBandwidth } from "./http/bandwidth.ts";
import { withoutEchoes } from "./http/echoes.ts";
import { createNetwork, type Network, type SocketNetwork } from "./http/network.ts";
import type { OwnLoad } from "./async/own-load.ts";
import type { Lookup } from "./http/resolve.ts";
import { proxyFromEnv, proxyPasswords } from "./http/proxy.ts";
import { followRedirects } from "./http/redirect.ts";
import { retry } from "./http/retry.ts";
import { intercept, type Interceptor, type Send } from "./http/send.ts";
import { throttle } from "./http/throttle.ts";
import { traceAttempts, traceRequests } from "./http/trace.ts";
import { reportWarnings } from "./http/warnings.ts";
import { wholeAnswers } from "./http/whole.ts";
import { announced, type Announced } from "./registry/auth/announced.ts";
import { authorize } from "./registry/auth/authorize.ts";
import { oneAccount } from "./registry/auth/principals.ts";
import { grantedByTokens, type GrantedByTokens } from "./registry/auth/granted.ts";
import { builderSettings, type BuilderSettings } from "./registry/buildkit.ts";
import { hasCertificates } from "./registry/certs-d.ts";
import { credentialChain } from "./registry/credentials/chain.ts";
import type { CredentialSource } from "./registry/credentials/credential.ts";
import { nodeCredentialEnvironment, type CredentialEnvironment } from "./registry/credentials/environment.ts";
import { endpoints, type Endpoints } from "./registry/endpoint.ts";
import { registryLimits, type RegistryLimit, type RegistryLimits } from "./registry/limits.ts";
import { mirrored } from "./registry/mirrors.ts";
import { openRegistry, type Registry } from "./registry/registry.ts";
import type { LayoutOwner } from "./layout/lock.ts";
import { tlsSettings } from "./registry/tls.ts";
import { requireWireOptions } from "./registry/wire-options.ts";
import { formatLocation, type Location } from "./spec/reference.ts";
import type { Report } from "./telemetry/events.ts";

/** How places are reached. All but clock, chance, environment and report have defaults. */
export interface StoresOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Names proxies and the user's files, which lie below `HOME`, else `USERPROFILE`, unless `DOCKER_CONFIG` and its like tell. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly report: Report;
  /** Ends what is asked without a signal of its own, which throws its reason; default: nothing does. */
  readonly signal?: AbortSignal;
  /** Default `waybill`. */
  readonly userAgent?: string;
  /** PEM files of certificate authorities that are trusted too. */
  readonly caFiles?: readonly string[];
  /** A client certificate and its key, PEM files; both or none. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Registries, `host[:port]`, whose certificate is not checked. */
  readonly insecure?: readonly string[];
  /** Registries, `host[:port]`, that are spoken to over plain HTTP. */
  readonly plainHttp?: readonly string[];
  /** Private hosts, `host[:port]`, that a registry may lead us to. */
  readonly allowPrivate?: readonly string[];
  /** Token services, `host[:port]`, that may have any registry's credential. */
  readonly trustRealms?: readonly string[];
  /** How names are looked up; default as the system does. */
  readonly lookup?: Lookup;
  /** Default `off`. */
  readonly http2?: "auto" | "on" | "off";
  /** Send blobs in chunks of this many bytes, always. At least 2. */
  readonly chunkSizeBytes?: number;
  /** How busy we are ourselves, from 0 to 1: answers that are late because of us teach nothing. Default: as the event loop says. */
  readonly ownLoad?: OwnLoad;
  /** How often a request is sent at most; default 12. */
  readonly attempts?: number;
  /** Whether each HTTP attempt is reported, as an `http` event; costs a little for each. Default true. */
  readonly reportAttempts?: boolean;
  /** Headers that an attempt carries to a registry itself, by its id; only where attempts are reported. Where it throws there are none. */
  readonly attemptHeaders?: (attempt: string) => Readonly<Record<string, string>>;
  /** The longest `Retry-After` that is followed; default 120,000. */
  readonly maxRetryAfterMs?: number;
  /** The most that may be asked of single registries. Default: as much as they bear, which is learned. */
  readonly limits?: readonly RegistryLimit[];
  /** Most descriptors in one manifest; default 5,000. */
  readonly maxDescriptors?: number;
  /** The buildx builder whose registry settings apply; default `$BUILDX_BUILDER`, else the current one. */
  readonly builder?: string;
  /** In place of the user's own files and helpers, for tests and simulations. */
  readonly environment?: CredentialEnvironment;
  /** In place of sockets, for tests and simulations; the options about TLS, proxies, HTTP/2 and private hosts are then its own affair. */
  readonly network?: Network;
  /** Sees each attempt beside the network: as it goes out, and as it is answered. */
  readonly observe?: Interceptor;
}

/** Every place that content can lie in, and the wire behind those that are registries. */
export interface Stores extends AsyncDisposable {
  /** The same place gives the same store. @throws WaybillError `invalid_reference`, `invalid_layout` */
  open(location: Location): Promise<Store>;
  /** Tells what a run will touch, so that one token for each registry can serve all of it. The run disposes of it at its end. */
  readonly announce: Announced["announce"];
  registry(host: string): Registry;
  /** The slowest that a blob may be, where limits make it slower than 128 KiB a second. */
  readonly leastBytesPerSecond?: number;
  /** The wire with everything that wraps it. */
  readonly send: Send;
  /** The wire without credentials, scheme settling and repetition: what a login brings its own for. */
  readonly bareSend: Send;
  readonly endpoints: Endpoints;
  /** Absent where `network` was handed in. */
  readonly inspect?: SocketNetwork["inspect"];
}

/**
 * Composes the wire and opens stores over it. The caller disposes of it, which closes all connections; what waits for its next
 * attempt is ended by `signal`.
 *
 * @throws WaybillError `invalid_argument` for options that are not what they must be; `invalid_config` for a builder's settings.
 */
export async function openStores(options: StoresOptions): Promise<Stores> {
  requireWireOptions(options);
  const { environment = nodeCredentialEnvironment(options.env) } = options;
  const { clock, report } = options;
  const warn = (message: string) => report({ type: "warning", message, isUrgent: true, at: clock.now() });
  const builder = await builderSettings(environment, options.builder, warn);
  const credentials = credentialChain(environment, options);
  const places = endpoints({
    ...options,
    builder,
    hasCertificates: (hostPort) => hasCertificates(environment, hostPort),
  });
  const { announce, scopesFor } = announced();
  const granted = grantedByTokens();
  const network: Network & Partial<SocketNetwork> = options.network ?? openNetwork(options, environment, builder);
  const wire = options.observe ? options.observe(network.send) : network.send;
  const tracing =
    options.reportAttempts === false ? [] : [traceAttempts({ ...options, headersFor: options.attemptHeaders })];
  const limits = registryLimits(options.limits ?? [], places);
  const parts = { credentials, places, scopesFor, granted, tracing, limits };
  const wrapped = intercept(wire, ...interceptors(options, parts));
  const isGranted = (host: string) => (scope: string) => granted.has(host, scope);
  const mayMount = oneAccount({ credentials, scopesFor });
  const registries = rememberedBy(
    (host: string) => host,
    (host) =>
      openRegistry(host, {
        ...options,
        send: wrapped,
        baseUrl: places.baseUrl(host),
        mayMount,
        isGranted: isGranted(host),
      }),
  );
  const owner = once(() => layoutOwner(options.clock));
  return {
    open: rememberedBy(formatLocation, (location) => openStore(location, { registries, builder, options, owner })),
    announce,
    registry: registries,
    send: wrapped,
    bareSend: intercept(wire, followRedirects(), ...tracing, throttle(options).interceptor),
    endpoints: places,
    ...(limits.leastBlobRate !== undefined && { leastBytesPerSecond: Math.min(128 * 1024, limits.leastBlobRate) }),
    ...(network.inspect && { inspect: network.inspect }),
    [Symbol.asyncDispose]: () => network.close(),
  };
}

function openNetwork(
  options: StoresOptions,
  environment: CredentialEnvironment,
  builder: BuilderSettings,
): SocketNetwork {
  const { clock, userAgent = "waybill", allowPrivate } = options;
  return createNetwork({
    clock,
    userAgent,
    tlsFor: tlsSettings({ ...options, files: environment, builder }),
    proxyFor: proxyFromEnv(options.env),
    tcpTable,
    ...(allowPrivate && { allowPrivate }),
    ...(options.http2 && { http2: options.http2 }),
    ...(options.lookup && { lookup: options.lookup }),
  });
}

interface Parts {
  readonly credentials: CredentialSource;
  readonly places: Endpoints;
  readonly scopesFor: Announced["scopesFor"];
  readonly granted: GrantedByTokens;
  /** Empty where nobody wants to know of attempts. */
  readonly tracing: readonly Interceptor[];
  readonly limits: RegistryLimits;
}

/** From the outermost to the one before the network. The order is part of the design: see ARCHITECTURE.md. */
function interceptors(options: StoresOptions, parts: Parts): readonly Interceptor[] {
  const { credentials, places, scopesFor, granted, tracing, limits } = parts;
  const load = throttle({ ...options, limitOf: limits.limitOf });
  return [
    ...(options.signal ? [endedBy(options.signal)] : []),
    ...(tracing.length > 0 ? [traceRequests()] : []),
    reportWarnings(options),
    retry({ ...options, isHolding: load.isHolding }),
    wholeAnswers(),
    places.settleScheme,
    authorize({
      ...options,
      credentials,
      scopesFor,
      onGranted: (registry, given) => granted.note(registry, given),
    }),
    withoutEchoes({ secrets: proxyPasswords(options.env) }),
    followRedirects(),
    ...tracing,
    ...(limits.hasBandwidth ? [limitBandwidth({ ...options, bytesPerSecond: limits.bytesPerSecond })] : []),
    load.interceptor,
  ];
}

/** Whoever brings a signal answers for it; what has none ends with `signal`. */
function endedBy(signal: AbortSignal): Interceptor {
  return (next) => (request) => next(request.signal ? request : { ...request, signal });
}

interface Opening {
  readonly registries: (host: string) => Registry;
  readonly builder: BuilderSettings;
  readonly options: StoresOptions;
  /** One for the whole process: updates of one layout wait for each other there. */
  readonly owner: () => Promise<LayoutOwner>;
}

async function openStore(location: Location, opening: Opening): Promise<Store> {
  if (location.kind === "registry") return withMirrors(location, opening);
  if (location.kind === "layout") return openLayoutFolder(location.path, opening);
  throw new WaybillError("unsupported", `Cannot open ${formatLocation(location)}: a store in memory has no name here`);
}

function withMirrors(location: Location & { kind: "registry" }, { registries, builder, options }: Opening): Store {
  const own = registries(location.host).repository(location.repository);
  const mirrors = (builder.get(location.host)?.mirrors ?? []).map((mirror): Source => {
    const [host = mirror, ...path] = mirror.split("/");
    return registries(host).repository([...path, location.repository].join("/"));
  });
  if (mirrors.length === 0) return own;
  return { ...own, ...mirrored(own, mirrors, options) };
}

/** Loaded only for runs that read or write a layout. */
async function openLayoutFolder(path: string, { owner, options }: Opening): Promise<Store> {
  const { openLayout } = await import("./layout/layout.ts");
  const { maxDescriptors } = options;
  return openLayout(path, { owner: await owner(), ...(maxDescriptors !== undefined && { maxDescriptors }) });
}

async function layoutOwner(clock: Clock): Promise<LayoutOwner> {
  const [{ createLayoutOwner }, { hostname }, { default: process }] = await Promise.all([
    import("./layout/lock.ts"),
    import("node:os"),
    import("node:process"),
  ]);
  const wait = (delayMs: number, signal: AbortSignal | undefined) => sleep(clock, delayMs, signal);
  return createLayoutOwner({ pid: process.pid, host: hostname(), now: () => wallTime(clock), sleep: wait });
}
