import { WaybillError } from "../../errors.ts";
import { Secret } from "../../http/send.ts";

/** Who we are towards one registry. `source` says where it was found, for people: never a secret. */
export type Credential =
  | { readonly kind: "basic"; readonly username: string; readonly password: Secret; readonly source: string }
  /** A long-lived token that a token service exchanges for short-lived ones. */
  | { readonly kind: "identity-token"; readonly token: Secret; readonly source: string }
  /** Sent to the registry as it is. */
  | { readonly kind: "registry-token"; readonly token: Secret; readonly source: string };

/** What a malformed file may hold a credential in, nobody knows which: going on without is no mistake where a registry lets anybody in. */
export class UnreadableCredentials extends WaybillError {}

/**
 * Finds the credential for a registry (`host[:port]`), where it matters for one repository and for what `scopes` permit
 * there. Nothing found means anonymous.
 *
 * @throws WaybillError `credential_helper_failed`, `invalid_config`, `io_failed`; `UnreadableCredentials` for a malformed file.
 */
export type CredentialSource = (
  registry: string,
  repository?: string,
  scopes?: readonly string[],
) => Promise<Credential | undefined>;

/** True when both stand for the same account with the same secret, wherever they were found; nobody equals nobody. */
export function samePrincipal(a: Credential | undefined, b: Credential | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  if (a.kind === "basic" && b.kind === "basic") return a.username === b.username && a.password.equals(b.password);
  return a.kind !== "basic" && b.kind !== "basic" && a.kind === b.kind && a.token.equals(b.token);
}

/** The part of a credential that must never be shown. */
export function secretOf(credential: Credential): Secret {
  return credential.kind === "basic" ? credential.password : credential.token;
}

/** The value of an `Authorization` header by RFC 7617, in UTF-8. */
export function basicAuthorization(username: string, password: Secret): Secret {
  return new Secret(`Basic ${Buffer.from(`${username}:${password.reveal()}`).toString("base64")}`);
}

/**
 * Checks a token found in a file: it becomes part of a header, so it may hold visible ASCII only.
 *
 * @throws WaybillError `invalid_config` naming `source`.
 */
export function tokenSecret(text: string, source: string): Secret {
  if (/^[\x21-\x7e]+$/.test(text)) return new Secret(text);
  throw new WaybillError("invalid_config", `Cannot use the token in ${source}: it holds blanks or control characters`);
}
