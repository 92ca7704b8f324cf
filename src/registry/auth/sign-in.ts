import type { Clock } from "../../async/clock.ts";
import { WaybillError } from "../../errors.ts";
import { drain } from "../../http/body.ts";
import type { HttpResponse, Send } from "../../http/send.ts";
import { withoutQuery } from "../../http/url.ts";
import type { Report } from "../../telemetry/events.ts";
import type { CredentialSource } from "../credentials/credential.ts";
import { chooseChallenge } from "./challenge.ts";
import { grantedScopes } from "./granted.ts";
import { grants, type Grant } from "./grants.ts";
import { principals, type Principal, type RegistryRequest } from "./principals.ts";
import { loginWords } from "../login-words.ts";
import { covers } from "../../spec/scope.ts";

export interface SignInOptions {
  /** The wire towards registries, without authorization. */
  readonly send: Send;
  /** Scheme and authority of the registry's API. */
  readonly baseUrl: string;
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  readonly report: Report;
  readonly trustRealms?: readonly string[];
  readonly signal?: AbortSignal;
}

/** What a registry makes of us. Texts are foreign. */
export interface SignIn {
  /** How the registry asks who we are; `none` where it does not. */
  readonly scheme: "none" | "basic" | "bearer";
  /** Whose credential was shown, and where it was found; absent where we are anonymous. */
  readonly account?: { readonly source: string; readonly username?: string };
  /** Where tokens come from, without a query. */
  readonly service?: string;
  /** The scopes that the token does not give; absent where nothing tells. */
  readonly missing?: readonly string[];
}

/**
 * Signs in to `registry` as a request with `scopes` would, and changes nothing there. With a token service the answer says
 * what its token gives, where the token tells; without one, only whether the credential is taken at all.
 *
 * @throws WaybillError `auth_denied`, `auth_required`, `realm_untrusted`, `credential_helper_failed`, `invalid_config`,
 * `rejected` for a challenge that nobody can answer, and what the wire throws.
 */
export async function signIn(registry: string, scopes: readonly string[], options: SignInOptions): Promise<SignIn> {
  const { baseUrl, clock, report, trustRealms = [], signal } = options;
  const ping = {
    method: "GET",
    url: `${baseUrl}/v2/`,
    operation: "ping",
    registry,
    signal,
  } as const;
  const asked = await answerTo(options.send, ping);
  if (asked.status !== 401) return { scheme: "none" };
  const challenge = chooseChallenge(asked.headers.all("www-authenticate"));
  if (!challenge) {
    const seen = "it answers 401 and does not say what it wants";
    throw new WaybillError("rejected", `Cannot sign in to "${registry}": ${seen}`, { registry, status: 401 });
  }
  const request: RegistryRequest = { ...ping, url: asked.url, scopes };
  const principal = await principals(options)(request);
  if (principal.unreadable) throw principal.unreadable;
  const grant = await grants({ send: options.send, clock, report, trustRealms }).grant({
    request,
    principal,
    challenge,
  });
  if (!grant) throw refused(registry, principal);
  if (!grant.token) await requireTaken({ request, principal, grant }, options.send);
  return {
    scheme: challenge.scheme,
    ...accountOf(principal),
    ...(challenge.scheme === "bearer" && { service: withoutQuery(challenge.realm) }),
    ...missingIn(grant, scopes),
  };
}

async function answerTo(send: Send, request: RegistryRequest): Promise<HttpResponse> {
  const response = await send(request);
  await drain(response);
  return response;
}

function accountOf({ credential }: Principal): Pick<SignIn, "account"> {
  if (!credential) return {};
  const { source } = credential;
  return { account: credential.kind === "basic" ? { source, username: credential.username } : { source } };
}

function missingIn({ token }: Grant, scopes: readonly string[]): Pick<SignIn, "missing"> {
  const granted = token && grantedScopes(token.value);
  return granted ? { missing: scopes.filter((scope) => !covers(granted, [scope])) } : {};
}

/** A password, or a token from a file, goes to the registry as it is: only the registry knows whether it is good. */
async function requireTaken(
  shown: { readonly request: RegistryRequest; readonly principal: Principal; readonly grant: Grant },
  send: Send,
): Promise<void> {
  const { request, principal, grant } = shown;
  const { status } = await answerTo(send, { ...request, authorization: grant.authorization });
  if (status === 401 || status === 403) throw refused(request.registry, principal, status);
}

function refused(registry: string, { credential }: Principal, status = 401): WaybillError {
  const seen = credential
    ? `it refuses the credential from ${credential.source}`
    : "it wants a credential, and there is none";
  const advice = `Log in with: ${loginWords(registry)}`;
  const code = credential ? "auth_denied" : "auth_required";
  return new WaybillError(code, `Cannot sign in to "${registry}": ${seen}`, { registry, status, advice });
}
