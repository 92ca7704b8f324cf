import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { WaybillError } from "../../errors.ts";
import { createMemoryStorage, createRegistry, type Storage } from "../../server/index.ts";
import { serve, type ServeOptions } from "../../server/node.ts";
import { failureText } from "../failure.ts";
import type { Host } from "../host.ts";
import { addCommonOptions, addExamples, addSwitch, addValue, asText, newCommand } from "../options.ts";

interface ServeFlags {
  readonly listen?: string;
  readonly data?: string;
  readonly memory?: boolean;
  readonly readOnly?: boolean;
  readonly multiTag?: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

/** `waybill registry serve`: the embedded registry behind a socket, until it is interrupted. */
export function registryServeCommand(path: string, host: Host): Command {
  const command = newCommand(path, host)
    .usage("[OPTIONS]")
    .description("Run a registry on this machine until Ctrl-C. Prints `listening on URL` when it is ready");
  command.optionsGroup("Registry:");
  addValue(command, "--listen <address>", "HOST:PORT; port 0 picks a free one (default: 127.0.0.1:5000)", asText);
  addValue(command, "--data <dir>", "Keep content in this folder", asText);
  addSwitch(command, "--memory", "Keep content in memory only (the default without --data)");
  addSwitch(command, "--read-only", "Refuse every write");
  addSwitch(
    command,
    "--multi-tag",
    "Take tags along with a manifest pushed by digest; =false to switch that off",
    true,
  );
  addValue(command, "--tls-cert <path>", "Serve TLS with this certificate (PEM)", asText);
  addValue(command, "--tls-key <path>", "Key of --tls-cert (PEM)", asText);
  addCommonOptions(command);
  addExamples(command, ["A registry for a test, on a free port", `${path} --listen 127.0.0.1:0 --memory`]);
  return command.action((flags: ServeFlags) => serveRegistry(flags, host));
}

async function serveRegistry(flags: ServeFlags, host: Host): Promise<void> {
  const listen = addressOf(flags.listen ?? "127.0.0.1:5000");
  const tls = await tlsOf(flags);
  const send = createRegistry(storageOf(flags), {
    multiTag: flags.multiTag !== false,
    readOnly: flags.readOnly === true,
    clock: host.clock,
  });
  const server = await serve(send, {
    ...listen,
    ...(tls && { tls }),
    clock: host.clock,
    onListening: (url) => void host.stdout.write(`listening on ${url}\n`),
    onError: (error) => void host.stderr.write(failureText(error)),
  });
  await new Promise((resolve) => host.signal.addEventListener("abort", resolve, { once: true }));
  await server.close();
}

function addressOf(text: string): Pick<ServeOptions, "host" | "port"> {
  const match = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match && port < 65_536) return { host: match[1]?.replace(/^\[|\]$/g, "") || "0.0.0.0", port };
  throw new WaybillError("invalid_argument", `invalid argument "${text}" for "--listen" flag: expected HOST:PORT`);
}

function storageOf(flags: ServeFlags): Storage {
  if (flags.data !== undefined && flags.memory) {
    throw new WaybillError("invalid_argument", "Cannot serve: --data and --memory exclude each other");
  }
  return createMemoryStorage();
}

async function tlsOf(flags: ServeFlags): Promise<ServeOptions["tls"]> {
  const { tlsCert, tlsKey } = flags;
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new WaybillError("invalid_argument", "Cannot serve TLS: --tls-cert and --tls-key are both needed");
  }
  const [cert, key] = await Promise.all([tlsCert, tlsKey].map(readPem));
  return cert && key ? { cert, key } : undefined;
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    const reason = error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
    throw new WaybillError("io_failed", `Cannot read "${path}": ${reason}`, {}, { cause: error });
  }
}
