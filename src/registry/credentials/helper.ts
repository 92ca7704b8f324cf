import * as v from "valibot";
import { inContext, WaybillError } from "../../errors.ts";
import { scrub } from "../../http/scrub.ts";
import { Secret } from "../../http/send.ts";
import { parseJson } from "../../spec/json.ts";
import { tokenSecret, type Credential } from "./credential.ts";

/** What a helper program answered. */
export interface HelperRun {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program `docker-credential-NAME` with one word as its argument and `input` on its standard input, no shell. */
export type RunHelper = (
  program: string,
  action: "get" | "store" | "erase",
  input: string,
  options: { readonly signal?: AbortSignal },
) => Promise<HelperRun>;

/** One helper, as a config file names it. */
export interface Helper {
  /** The part after `docker-credential-`. */
  readonly name: string;
  readonly run: RunHelper;
}

const nameGrammar = /^(?!-)[A-Za-z0-9_.+-]{1,64}$/;
const notFound = "credentials not found in native keychain";
const tokenUser = "<token>";
const answerSchema = v.object({ Username: v.optional(v.string(), ""), Secret: v.optional(v.string(), "") });

/**
 * Asks a helper for the credential of `server` (the name docker knows it by). Nothing when the helper has none.
 *
 * @throws WaybillError `credential_helper_failed` for every other answer; there is no falling back to another store.
 */
export async function helperCredential(
  helper: Helper,
  server: string,
  options: { readonly signal?: AbortSignal } = {},
): Promise<Credential | undefined> {
  const run = await call(helper, "get", { server, input: server, ...options });
  const { exitCode, stdout } = run;
  if (exitCode !== 0 && stdout.trim() === notFound) return undefined;
  if (exitCode !== 0) throw failed(helper, server, complaint(run));
  const answer = v.safeParse(answerSchema, parsed(helper, server, stdout));
  if (!answer.success) throw failed(helper, server, "its answer is not a credential");
  const { Username: username, Secret: secret } = answer.output;
  const source = `docker-credential-${helper.name}`;
  if (secret === "") return undefined;
  if (username === tokenUser) return { kind: "identity-token", token: tokenSecret(secret, source), source };
  return { kind: "basic", username, password: new Secret(secret), source };
}

/** Hands a credential to a helper for keeping. @throws WaybillError `credential_helper_failed` */
export async function storeInHelper(
  helper: Helper,
  server: string,
  login: { readonly username: string; readonly password: Secret },
): Promise<void> {
  const secret = login.password.reveal();
  const input = JSON.stringify({ ServerURL: server, Username: login.username, Secret: secret });
  const run = await call(helper, "store", { server, input });
  if (run.exitCode !== 0) throw failed(helper, server, complaint(run, [login.password]));
}

/** Makes a helper forget a credential. One that it does not have is no failure. @throws WaybillError `credential_helper_failed` */
export async function eraseFromHelper(helper: Helper, server: string): Promise<void> {
  const run = await call(helper, "erase", { server, input: server });
  if (run.exitCode !== 0 && run.stdout.trim() !== notFound) throw failed(helper, server, complaint(run));
}

interface HelperCall {
  readonly server: string;
  readonly input: string;
  readonly signal?: AbortSignal;
}

async function call(helper: Helper, action: "get" | "store" | "erase", request: HelperCall): Promise<HelperRun> {
  const { server, input, signal } = request;
  if (!nameGrammar.test(helper.name)) {
    const form = "a name holds letters, digits, _ . + and -, at most 64, and no leading -";
    throw new WaybillError("invalid_config", `Cannot run the credential helper for "${server}": ${form}`, {
      registry: server,
    });
  }
  try {
    return await helper.run(`docker-credential-${helper.name}`, action, input, { signal });
  } catch (error) {
    const prefix = `Cannot ask credential helper "docker-credential-${helper.name}" about "${server}": `;
    const advice = `Mend or remove the helper in docker's config file; credentials of other stores are not tried for this host.`;
    throw inContext(error, { registry: server, advice }, prefix);
  }
}

function parsed(helper: Helper, server: string, stdout: string): unknown {
  try {
    return parseJson(stdout, { maxBytes: 1024 * 1024, maxDepth: 8 });
  } catch {
    throw failed(helper, server, "its answer is not JSON");
  }
}

function failed(helper: Helper, server: string, seen: string): WaybillError {
  const message = `Cannot use credential helper "docker-credential-${helper.name}" for "${server}": ${seen}`;
  return new WaybillError("credential_helper_failed", message, { registry: server });
}

/** What a helper that failed has said, on either output, without `secrets`. */
function complaint({ exitCode, stdout, stderr }: HelperRun, secrets: readonly Secret[] = []): string {
  if (stdout.trim() !== "") return `it answered ${quoted(scrub(stdout, secrets))}`;
  const said = stderr.trim() === "" ? "" : `: ${quoted(scrub(stderr, secrets))}`;
  return `it ended with exit code ${exitCode} and answered nothing${said}`;
}

/** The first line of a complaint. What looks like the answer itself is not shown: it may hold the secret. */
function quoted(output: string): string {
  const line = output.trim().split(/[\r\n]/, 1)[0] ?? "";
  return /[{}]/.test(output) ? "something unreadable" : `"${line.slice(0, 200)}"`;
}
