import { join } from "node:path";
import { certificatesIn, framedFile, pemFile, textOf } from "./pem.ts";
import type { FileReader, Places } from "./user-files.ts";

export interface AuthorityOptions {
  readonly files: FileReader & Places;
  /** Files of more certificate authorities, PEM. */
  readonly caFiles?: readonly string[];
  /** Where the system keeps its authorities; default: asked from Node, or read from the usual files. */
  readonly systemAuthorities?: () => Promise<readonly string[]>;
}

/** Certificate authorities that every registry may use, by where they come from. */
export interface AuthoritySource {
  readonly from: string;
  /** PEM, one each. Two sources may have the same ones. */
  readonly certificates: readonly string[];
}

/**
 * Node's authorities, the system's, those of the flags and of `NODE_EXTRA_CA_CERTS`.
 *
 * @throws WaybillError `invalid_config` for a file without a certificate, or none; `io_failed`.
 */
export async function authoritySources(options: AuthorityOptions): Promise<readonly AuthoritySource[]> {
  const { files, caFiles = [], systemAuthorities = () => authoritiesOf(files) } = options;
  const { rootCertificates } = await import("node:tls");
  const extra = files.env["NODE_EXTRA_CA_CERTS"];
  const named = [
    ...caFiles.map((file) => ({ from: `--ca-file ${file}`, read: () => pemFile(files, file, "CERTIFICATE") })),
    ...(extra ? [{ from: `NODE_EXTRA_CA_CERTS ${extra}`, read: () => framedFile(files, extra, "CERTIFICATE") }] : []),
  ];
  const texts: readonly (readonly [string, readonly string[]])[] = [
    ["Node", rootCertificates],
    ["the system", await systemAuthorities()],
    ...(await Promise.all(named.map(async ({ from, read }) => [from, [await read()]] as const))),
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
