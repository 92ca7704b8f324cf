import type { Clock } from "../async/clock.ts";
import { createMemo } from "../async/memo.ts";
import { WaybillError } from "../errors.ts";
import type { TlsSettings } from "../http/dial.ts";
import { Secret } from "../http/send.ts";
import { silent, type Report } from "../telemetry/events.ts";
import { authoritySources, type AuthorityOptions } from "./authorities.ts";
import type { BuilderSettings } from "./buildkit.ts";
import { certificatesFor } from "./certs-d.ts";
import { namesOf } from "./host.ts";
import { parseHosts } from "./host-list.ts";
import { pemFile, requireCertificates, type ClientPair } from "./pem.ts";
import type { Places } from "./user-files.ts";

/** As it is found for a host. */
interface HostTls extends TlsSettings {
  readonly ca: readonly string[];
  readonly rejectUnauthorized: boolean;
}

export interface TlsOptions extends AuthorityOptions {
  readonly clock: Clock;
  readonly report?: Report;
  /** A client certificate for every host, PEM, and its key. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Registries, `host[:port]`, whose certificate is not checked. */
  readonly insecure?: readonly string[];
  readonly builder?: BuilderSettings;
}

/**
 * TLS settings by `host:port`: Node's authorities, the system's, `NODE_EXTRA_CA_CERTS`, those of the flags, of docker's
 * `certs.d` and of the builder. Files are read when a host is first asked for, and once; the same host gets the same object.
 *
 * `NODE_TLS_REJECT_UNAUTHORIZED=0` has no effect but a warning. The function throws WaybillError `invalid_config` (no PEM, a key without
 * certificate), `io_failed`.
 *
 * @throws WaybillError `invalid_argument` at once for a host that is not `host[:port]`, or a certificate without key.
 */
export function tlsSettings(options: TlsOptions): (hostPort: string) => Promise<HostTls> {
  const insecure = parseHosts("--insecure", options.insecure ?? []);
  if ((options.certFile === undefined) !== (options.keyFile === undefined)) {
    throw new WaybillError(
      "invalid_argument",
      "Cannot use a client certificate: certificate and key must be given together",
    );
  }
  const common = createMemo<readonly string[]>();
  const hosts = createMemo<HostTls>();
  return (hostPort) =>
    hosts.get(hostPort.toLowerCase(), async () => {
      const shared = await common.get("", () => commonAuthorities(options));
      return settingsFor(options, hostPort.toLowerCase(), { shared, insecure });
    });
}

interface Shared {
  readonly shared: readonly string[];
  readonly insecure: ReadonlySet<string>;
}

async function settingsFor(options: TlsOptions, hostPort: string, { shared, insecure }: Shared): Promise<HostTls> {
  const names = namesOf(hostPort);
  const found = await certificatesFor(options.files, names);
  const builder = names.map((name) => options.builder?.get(name)).find((settings) => settings !== undefined);
  const [fromBuilder] = builder?.keypairs ?? [];
  const pair =
    (await pairFromFlags(options)) ??
    found.pair ??
    (fromBuilder && { cert: fromBuilder.certificate, key: fromBuilder.key });
  for (const path of builder?.missing ?? []) warnOfMissing(options, hostPort, path);
  for (const text of builder?.ca ?? []) requireCertificates(text, `the builder's "ca" for "${hostPort}"`);
  const own = [...found.ca, ...(builder?.ca ?? [])];
  return {
    ca: own.length === 0 ? shared : [...shared, ...own],
    ...(pair && { cert: pair.cert, key: pair.key.reveal() }),
    rejectUnauthorized: !names.some((name) => insecure.has(name)) && builder?.insecure !== true,
  };
}

function warnOfMissing({ clock, report = silent }: TlsOptions, hostPort: string, path: string): void {
  const seen = `The builder's "${path}" for "${hostPort}" is ignored: buildx keeps no copy of it`;
  const message = `${seen}; name such a file with --ca-file, or with --cert-file and --key-file`;
  report({ type: "warning", message, at: clock.now() });
}

async function pairFromFlags({ files, certFile, keyFile }: TlsOptions): Promise<ClientPair | undefined> {
  if (certFile === undefined || keyFile === undefined) return undefined;
  return {
    cert: await pemFile(files, certFile, "CERTIFICATE"),
    key: new Secret(await pemFile(files, keyFile, "PRIVATE KEY")),
  };
}

async function commonAuthorities(options: TlsOptions): Promise<readonly string[]> {
  const { files, clock, report = silent } = options;
  if (isCheckSwitchedOff(files.env)) {
    const message =
      "NODE_TLS_REJECT_UNAUTHORIZED=0 is ignored; for a registry without a valid certificate use --insecure HOST";
    report({ type: "warning", message, isUrgent: true, at: clock.now() });
  }
  const sources = await authoritySources(options);
  return [...new Set(sources.flatMap(({ certificates }) => certificates))];
}

/** Whether the environment has Node's switch against certificates, which has no effect here. */
export function isCheckSwitchedOff(env: Places["env"]): boolean {
  return env["NODE_TLS_REJECT_UNAUTHORIZED"] === "0";
}
