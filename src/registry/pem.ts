import { createPrivateKey, X509Certificate } from "node:crypto";
import { WaybillError } from "../errors.ts";
import type { Secret } from "../http/send.ts";
import type { FileReader } from "./user-files.ts";

/** A client's certificate and its key, PEM. */
export interface ClientPair {
  readonly cert: string;
  readonly key: Secret;
}

/**
 * The text of a PEM file that somebody has named for `what`. It is read: OpenSSL leaves certificates out in silence that it cannot
 * read, and tells of a key without its file.
 *
 * @throws WaybillError `invalid_config` where it does not hold that, or is not there; `io_failed`.
 */
export async function pemFile(files: FileReader, path: string, what: "CERTIFICATE" | "PRIVATE KEY"): Promise<string> {
  const text = await framedFile(files, path, what);
  if (what === "CERTIFICATE") requireCertificates(text, `"${path}"`);
  else requireKey(text, `"${path}"`);
  return text;
}

/** The same, of which nothing is read: a bundle of hundreds may hold some that nobody needs. @throws as `pemFile` */
export async function framedFile(
  files: FileReader,
  path: string,
  what: "CERTIFICATE" | "PRIVATE KEY",
): Promise<string> {
  const text = await textOf(files, path);
  if (text === undefined) throw new WaybillError("invalid_config", `Cannot read "${path}": there is no such file`);
  if (!new RegExp(`-----BEGIN [A-Z ]{0,20}${what}-----`).test(text)) {
    throw new WaybillError("invalid_config", `Cannot use "${path}": it holds no ${what.toLowerCase()} in PEM`);
  }
  return text;
}

/** @throws WaybillError `invalid_config` naming `where`, if a certificate of a PEM text cannot be read. */
export function requireCertificates(text: string, where: string): void {
  const found = certificatesIn(text);
  // A frame that is not closed, or of another name, is not among those found.
  const broken = (found.length > 0 ? found : [text]).findIndex((certificate) => !isReadable(certificate));
  if (broken < 0) return;
  const which = found.length > 1 ? `its certificate ${broken + 1}` : "its certificate";
  throw new WaybillError("invalid_config", `Cannot use ${where}: ${which} cannot be read`);
}

/** @throws WaybillError `invalid_config` naming `where`, if the private key of a PEM text cannot be read, or only with a passphrase. */
function requireKey(text: string, where: string): void {
  if (/^(?:-----BEGIN|Proc-Type:).*ENCRYPTED/m.test(text)) {
    const advice = "Name a key that needs no passphrase; openssl pkey -in FILE -out NEWFILE writes one";
    throw new WaybillError("invalid_config", `Cannot use ${where}: its private key is encrypted`, { advice });
  }
  try {
    createPrivateKey(text);
  } catch {
    // OpenSSL's words say nothing to whoever has mixed up two files.
    throw new WaybillError("invalid_config", `Cannot use ${where}: its private key cannot be read`);
  }
}

function isReadable(certificate: string): boolean {
  try {
    return new X509Certificate(certificate).raw.byteLength > 0;
  } catch {
    return false;
  }
}

/** A file's text; nothing where there is none. @throws WaybillError `io_failed` */
export async function textOf(files: FileReader, path: string): Promise<string | undefined> {
  const bytes = await files.readFile(path);
  return bytes && Buffer.from(bytes).toString("latin1");
}

/**
 * The certificates of a bundle, each alone and in lines of one length: system and Node mostly hold the same ones, written
 * differently, and each one costs time when it is parsed.
 */
export function certificatesIn(text: string): readonly string[] {
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
