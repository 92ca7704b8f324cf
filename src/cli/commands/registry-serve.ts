import { createSecureContext, type SecureContextOptions } from "node:tls";
import type { Command } from "commander";
import { WaybillError } from "../../errors.ts";
import {
  basicAuth,
  bearerAuth,
  createMemoryStorage,
  createRegistry,
  openDiskStorage,
  parseHtpasswd,
  serve,
  type RegistryAuth,
  type ServeOptions,
  type Storage,
} from "../../server/index.ts";
import { isLoopback } from "../../server/gate.ts";
import { exitCodeOf } from "../exit-code.ts";
import type { Host } from "../host.ts";
import { warn } from "../log/log.ts";
import { addChoice, addCommonOptions, addExamples, addList, addSwitch, addValue, newCommand } from "../options.ts";
import { readWhole } from "../read-whole.ts";
import { usage } from "../usage.ts";

interface ServeFlags {
  readonly listen?: string;
  readonly data?: string;
  readonly memory?: boolean;
  readonly readOnly?: boolean;
  readonly multiTag?: boolean;
  readonly allowHost?: readonly string[];
  readonly htpasswd?: string;
  readonly auth?: "basic" | "bearer";
  readonly anonymousPull?: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** `waybill registry serve`: the embedded registry behind a socket, until it is interrupted. */
export function registryServeCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS]")
    .description("Run a registry on this machine until Ctrl-C. Prints `listening on URL` when it is ready");
  command.optionsGroup("Registry:");
  addValue(command, "--listen <address>", "HOST:PORT; port 0 picks a free one (default: 127.0.0.1:5000)");
  addValue(command, "--data <dir>", "Keep content in this folder");
  addSwitch(command, "--memory", "Keep content in memory only (the default without --data)");
  addSwitch(command, "--read-only", "Refuse every write");
  addSwitch(
    command,
    "--multi-tag",
    "Take tags with a manifest that is pushed by digest; =false switches that off",
    true,
  );
  command.optionsGroup("Access:");
  addList(command, "--allow-host <host>", "Name that requests may be addressed to besides loopback's; repeatable");
  addValue(command, "--htpasswd <path>", "Let in only the users of this file (bcrypt)");
  addChoice(command, "--auth <kind>", "How users of --htpasswd log in: basic or bearer (default: basic)", [
    "basic",
    "bearer",
  ]);
  addSwitch(command, "--anonymous-pull", "Let everybody read where --htpasswd is given");
  addValue(command, "--tls-cert <path>", "Serve TLS with this certificate (PEM)");
  addValue(command, "--tls-key <path>", "Key of --tls-cert (PEM)");
  addCommonOptions(command);
  addExamples(
    command,
    ["For a test, on a free port", `${path} --listen 127.0.0.1:0 --memory`],
    ["To stay, with users", `${path} --data /var/lib/waybill --htpasswd users --tls-cert cert.pem --tls-key key.pem`],
  );
  return command.action((flags: ServeFlags) => serveRegistry(flags, host));
}

async function serveRegistry(flags: ServeFlags, host: Host): Promise<void> {
  const listen = addressOf(flags.listen ?? "127.0.0.1:5000");
  const [tls, auth] = await Promise.all([tlsOf(flags), authOf(flags, host)]);
  await using storage = await storageOf(flags);
  const send = createRegistry(storage, {
    multiTag: flags.multiTag !== false,
    readOnly: flags.readOnly === true,
    clock: host.clock,
    ...(auth && { auth }),
  });
  const server = await serve(send, {
    ...listen,
    ...(tls && { tls }),
    allowHosts: flags.allowHost ?? [],
    clock: host.clock,
    onListening: (url) => void host.stdout.write(`listening on ${url}\n`),
    onError: (error) => void host.stderr.write(host.log.ofError(error, exitCodeOf(error))),
  });
  if (!auth && !isLoopback(server.address.host))
    warn("whoever reaches this address may use this registry as they like; see --htpasswd", host);
  if (!host.signal.aborted)
    await new Promise((resolve) => host.signal.addEventListener("abort", resolve, { once: true }));
  await server.close();
}

function addressOf(text: string): Pick<ServeOptions, "host" | "port"> {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match && port < 65_536) return { host: match[1]?.replace(/^\[|\]$/g, "") || "0.0.0.0", port };
  throw usage("--listen", text, "HOST:PORT");
}

async function storageOf(flags: ServeFlags): Promise<Storage> {
  if (flags.data === undefined) return createMemoryStorage();
  if (!flags.memory) return openDiskStorage(flags.data);
  throw new WaybillError("invalid_argument", "Cannot serve: --data and --memory exclude each other");
}

async function authOf(flags: ServeFlags, { clock }: Host): Promise<RegistryAuth | undefined> {
  const { htpasswd, auth = "basic", anonymousPull = false } = flags;
  if (htpasswd === undefined && (flags.auth !== undefined || anonymousPull)) {
    const flag = flags.auth === undefined ? "--anonymous-pull" : "--auth";
    const advice = "without users everybody may read and write";
    throw new WaybillError("invalid_argument", `Cannot serve: ${flag} needs the users of --htpasswd`, { advice });
  }
  if (htpasswd === undefined) return undefined;
  const passwords = parseHtpasswd((await readNamed(htpasswd)).toString("utf8"), clock);
  return auth === "basic" ? basicAuth(passwords, { anonymousPull }) : bearerAuth(passwords, { clock, anonymousPull });
}

async function tlsOf(flags: ServeFlags): Promise<ServeOptions["tls"]> {
  const { tlsCert, tlsKey } = flags;
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new WaybillError("invalid_argument", "Cannot serve TLS: --tls-cert and --tls-key are both needed");
  }
  const [cert, key] = [await readNamed(tlsCert), await readNamed(tlsKey)];
  requireUsable({ cert }, `--tls-cert "${tlsCert}" is no certificate in PEM`);
  requireUsable({ key }, `--tls-key "${tlsKey}" is no key in PEM without a password`);
  requireUsable({ cert, key }, `--tls-key "${tlsKey}" is not the key of --tls-cert "${tlsCert}"`);
  return { cert, key };
}

/** Node's own error says neither what the files are for nor which one is meant. */
function requireUsable(parts: SecureContextOptions, otherwise: string): void {
  try {
    createSecureContext(parts);
  } catch (error) {
    const why = error instanceof Error && "reason" in error ? ` (${String(error.reason)})` : "";
    throw new WaybillError("invalid_config", `Cannot serve TLS: ${otherwise}${why}`, {}, { cause: error });
  }
}

function readNamed(path: string): Promise<Buffer> {
  return readWhole(path, `"${path}"`);
}
