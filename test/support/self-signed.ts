import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** A key and a certificate for `localhost` and 127.0.0.1, made by `openssl`; `undefined` where it is not installed. */
export async function selfSigned(): Promise<{ readonly key: string; readonly cert: string } | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "waybill-certificate-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  try {
    await promisify(execFile)("openssl", [
      "req",
      "-x509",
      ...kind,
      "-subj",
      "/CN=localhost",
      "-addext",
      names,
      "-keyout",
      key,
      "-out",
      cert,
    ]);
    return { key: await readFile(key, "utf8"), cert: await readFile(cert, "utf8") };
  } catch (error) {
    if ((error as { code?: unknown }).code === "ENOENT") return undefined;
    throw error;
  } finally {
    await rm(folder, { recursive: true });
  }
}
