import { join } from "node:path";
import { hasCode, WaybillError } from "../errors.ts";
import { Secret } from "../http/send.ts";
import { namesOf } from "./host.ts";
import { certificatesIn, pemFile, type ClientPair } from "./pem.ts";
import type { FileReader, Places } from "./user-files.ts";

/** Certificates for one host, PEM, one each. */
export interface HostCertificates {
  readonly ca: readonly string[];
  readonly pair?: ClientPair;
}

/**
 * What docker's `certs.d` has for a host that goes by any of `names`: `*.crt` are authorities; `NAME.cert` and `NAME.key` are a client's
 * pair, and the first one counts.
 *
 * @throws WaybillError `invalid_config` for what is no PEM, or a pair of which one is missing; `io_failed`.
 */
export async function certificatesFor(files: FileReader & Places, names: readonly string[]): Promise<HostCertificates> {
  const ca: string[] = [];
  let pair: ClientPair | undefined;
  for (const folder of certificateFolders(files, names)) {
    const found = await listing(files, folder);
    for (const name of found.filter((it) => it.endsWith(".crt")))
      ca.push(await pemFile(files, join(folder, name), "CERTIFICATE"));
    pair ??= await pairIn(files, folder, found);
  }
  return { ca: ca.flatMap(certificatesIn), ...(pair && { pair }) };
}

/** True when docker's `certs.d` has anything for this host: then it speaks TLS, also on loopback. */
export async function hasCertificates(files: FileReader & Places, hostPort: string): Promise<boolean> {
  for (const folder of certificateFolders(files, namesOf(hostPort))) {
    if ((await listing(files, folder)).some((name) => /\.(?:crt|cert|key)$/.test(name))) return true;
  }
  return false;
}

/**
 * Folders of docker's `certs.d` for a host, the user's before the system's. The user's belongs to Docker Desktop, which takes it
 * from the home folder: `DOCKER_CONFIG` moves the client's settings, not what is trusted.
 */
function certificateFolders({ homeDir }: Places, names: readonly string[]): readonly string[] {
  const bases = [join(homeDir, ".docker", "certs.d"), "/etc/docker/certs.d", "/etc/containers/certs.d"];
  return bases.flatMap((base) => names.map((name) => join(base, name)));
}

/** Root's folders may be closed to others: what is in them is then not for us, and TLS says so where it is missed. */
async function listing(files: FileReader, folder: string): Promise<readonly string[]> {
  return files.readDir(folder).catch((error: unknown) => {
    if (hasCode(error, "io_failed")) return [];
    throw error;
  });
}

async function pairIn(files: FileReader, folder: string, names: readonly string[]): Promise<ClientPair | undefined> {
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
