import { join } from "node:path";
import type { Clock } from "../async/clock.ts";
import { createMemo } from "../async/memo.ts";
import { hasCode, WaybillError } from "../errors.ts";
import { Secret } from "../http/send.ts";
import { silent, type Report } from "../telemetry/events.ts";
import type { BuilderSettings } from "./buildkit.ts";
import type { FileReader, Places } from "./user-files.ts";
import { apiHost } from "./host.ts";
import { parseHosts } from "./host-list.ts";

/** How TLS is spoken with one `host:port`, as `tls.connect` takes it. */
export interface TlsSettings {
  readonly ca: readonly string[];
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: boolean;
}

export interface TlsOptions {
  readonly files: FileReader & Places;
  readonly clock: Clock;
  readonly report?: Report;
  /** Files of more certificate authorities, PEM. */
  readonly caFiles?: readonly string[];
  /** A client certificate for every host, PEM, and its key. */
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Registries, `host[:port]`, whose certificate is not checked. */
  readonly insecure?: readonly string[];
  readonly builder?: BuilderSettings;
  /** Where the system keeps its authorities; default: asked from Node, or read from the usual files. */
  readonly systemAuthorities?: () => Promise<readonly string[]>;
}

interface Pair {
  readonly cert: string;
  readonly key: Secret;
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
export function tlsSettings(options: TlsOptions): (hostPort: string) => Promise<TlsSettings> {
  const insecure = parseHosts("--insecure", options.insecure ?? []);
  if ((options.certFile === undefined) !== (options.keyFile === undefined)) {
    throw new WaybillError(
      "invalid_argument",
      "Cannot use a client certificate: certificate and key must be given together",
    );
  }
  const common = createMemo<readonly string[]>();
  const hosts = createMemo<TlsSettings>();
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

async function settingsFor(options: TlsOptions, hostPort: string, { shared, insecure }: Shared): Promise<TlsSettings> {
  const names = namesOf(hostPort);
  const found = await certificatesFor(options.files, hostPort);
  const builder = names.map((name) => options.builder?.get(name)).find((settings) => settings !== undefined);
  const [fromBuilder] = builder?.keypairs ?? [];
  const pair =
    (await pairFromFlags(options)) ??
    found.pair ??
    (fromBuilder && { cert: fromBuilder.certificate, key: fromBuilder.key });
  const own = [...found.ca, ...(builder?.ca ?? [])];
  return {
    ca: own.length === 0 ? shared : [...shared, ...own],
    ...(pair && { cert: pair.cert, key: pair.key.reveal() }),
    rejectUnauthorized: !names.some((name) => insecure.has(name)) && builder?.insecure !== true,
  };
}

/** What users may have called `host:port`: without the usual port, and Docker Hub by its name. */
function namesOf(hostPort: string): readonly string[] {
  const full = /:\d+$/.test(hostPort) ? hostPort : `${hostPort}:443`;
  const names = full.endsWith(":443") ? [full, full.slice(0, -":443".length)] : [full];
  return names.includes(apiHost("docker.io")) ? [...names, "docker.io"] : names;
}

async function pairFromFlags({ files, certFile, keyFile }: TlsOptions): Promise<Pair | undefined> {
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

/** Certificate authorities that every registry may use, by where they come from. */
export interface AuthoritySource {
  readonly from: string;
  /** PEM, one each. Two sources may have the same ones. */
  readonly certificates: readonly string[];
}

/** @throws WaybillError `invalid_config` for a file without a certificate, or none; `io_failed`. */
export async function authoritySources(
  options: Pick<TlsOptions, "files" | "caFiles" | "systemAuthorities">,
): Promise<readonly AuthoritySource[]> {
  const { files, caFiles = [], systemAuthorities = () => authoritiesOf(files) } = options;
  const { rootCertificates } = await import("node:tls");
  const extra = files.env["NODE_EXTRA_CA_CERTS"];
  const named = [
    ...caFiles.map((file) => [`--ca-file ${file}`, file] as const),
    ...(extra ? [[`NODE_EXTRA_CA_CERTS ${extra}`, extra] as const] : []),
  ];
  const texts: readonly (readonly [string, readonly string[]])[] = [
    ["Node", rootCertificates],
    ["the system", await systemAuthorities()],
    ...(await Promise.all(
      named.map(async ([from, file]) => [from, [await pemFile(files, file, "CERTIFICATE")]] as const),
    )),
  ];
  return texts.map(([from, all]) => ({ from, certificates: all.flatMap(certificatesIn) }));
}

const bundles = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
];

/** The system's store as Node sees it; an older Node is helped by the places that OpenSSL and Go look at. */
async function authoritiesOf(files: FileReader & Places): Promise<readonly string[]> {
  const tls: object = await import("node:tls");
  const system = hasStores(tls) ? tls.getCACertificates("system") : [];
  if (system.length > 0) return system;
  const { SSL_CERT_FILE: file, SSL_CERT_DIR: folders } = files.env;
  const texts = file || folders ? await readNamed(files, file, folders) : [await firstOf(files, bundles)];
  return texts.filter((text) => text !== undefined);
}

function hasStores(tls: object): tls is { getCACertificates(store: "system"): readonly string[] } {
  return "getCACertificates" in tls;
}

async function readNamed(files: FileReader, file?: string, folders = ""): Promise<readonly (string | undefined)[]> {
  const paths = file ? [file] : [];
  for (const folder of folders.split(":").filter((path) => path !== "")) {
    paths.push(...(await files.readDir(folder)).map((name) => join(folder, name)));
  }
  return Promise.all(paths.map((path) => textOf(files, path).catch(() => undefined)));
}

async function firstOf(files: FileReader, paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    const text = await textOf(files, path);
    if (text !== undefined) return text;
  }
  return undefined;
}

async function textOf(files: FileReader, path: string): Promise<string | undefined> {
  const bytes = await files.readFile(path);
  return bytes && Buffer.from(bytes).toString("latin1");
}

/**
 * The certificates of a bundle, each alone and in lines of one length: system and Node mostly hold the same ones, written
 * differently, and each one costs time when it is parsed.
 */
function certificatesIn(text: string): readonly string[] {
  const parts = text.split("-----BEGIN CERTIFICATE-----").slice(1);
  return parts.flatMap((part) => {
    const end = part.indexOf("-----END CERTIFICATE-----");
    const lines = part
      .slice(0, Math.max(end, 0))
      .replace(/\s+/g, "")
      .match(/.{1,64}/g);
    return lines ? [`-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----`] : [];
  });
}

async function pemFile(files: FileReader, path: string, what: "CERTIFICATE" | "PRIVATE KEY"): Promise<string> {
  const text = await textOf(files, path);
  if (text === undefined) throw new WaybillError("invalid_config", `Cannot read "${path}": there is no such file`);
  if (new RegExp(`-----BEGIN [A-Z ]{0,20}${what}-----`).test(text)) return text;
  throw new WaybillError("invalid_config", `Cannot use "${path}": it holds no ${what.toLowerCase()} in PEM`);
}

/**
 * Folders of docker's `certs.d` for a host, the user's before the system's. The user's belongs to Docker Desktop, which takes it
 * from the home folder: `DOCKER_CONFIG` moves the client's settings, not what is trusted.
 */
function certificateFolders({ homeDir }: Places, hostPort: string): readonly string[] {
  const bases = [join(homeDir, ".docker", "certs.d"), "/etc/docker/certs.d", "/etc/containers/certs.d"];
  return bases.flatMap((base) => namesOf(hostPort).map((name) => join(base, name)));
}

/** Root's folders may be closed to others: what is in them is then not for us, and TLS says so where it is missed. */
async function listing(files: FileReader, folder: string): Promise<readonly string[]> {
  return files.readDir(folder).catch((error: unknown) => {
    if (hasCode(error, "io_failed")) return [];
    throw error;
  });
}

/** True when docker's `certs.d` has anything for this host: then it speaks TLS, also on loopback. */
export async function hasCertificates(files: FileReader & Places, hostPort: string): Promise<boolean> {
  for (const folder of certificateFolders(files, hostPort)) {
    if ((await listing(files, folder)).some((name) => /\.(?:crt|cert|key)$/.test(name))) return true;
  }
  return false;
}

/** `*.crt` are authorities; `NAME.cert` and `NAME.key` are a client's pair, and the first one counts. */
async function certificatesFor(files: FileReader & Places, hostPort: string) {
  const ca: string[] = [];
  let pair: Pair | undefined;
  for (const folder of certificateFolders(files, hostPort)) {
    const names = await listing(files, folder);
    for (const name of names.filter((it) => it.endsWith(".crt")))
      ca.push(await pemFile(files, join(folder, name), "CERTIFICATE"));
    pair ??= await pairIn(files, folder, names);
  }
  return { ca: ca.flatMap(certificatesIn), pair };
}

async function pairIn(files: FileReader, folder: string, names: readonly string[]): Promise<Pair | undefined> {
  const stems = (ending: string) =>
    names.filter((name) => name.endsWith(ending)).map((name) => name.slice(0, -ending.length));
  const [certs, keys] = [stems(".cert"), stems(".key")];
  const lone = [...certs.filter((stem) => !keys.includes(stem)), ...keys.filter((stem) => !certs.includes(stem))][0];
  if (lone !== undefined) {
    const message = `Cannot use the client certificate "${lone}" in "${folder}": certificate (.cert) and key (.key) must both be there`;
    throw new WaybillError("invalid_config", message);
  }
  const [stem] = certs;
  if (stem === undefined) return undefined;
  const cert = await pemFile(files, join(folder, `${stem}.cert`), "CERTIFICATE");
  return { cert, key: new Secret(await pemFile(files, join(folder, `${stem}.key`), "PRIVATE KEY")) };
}
