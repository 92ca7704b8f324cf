import * as v from "valibot";
import type { Clock } from "../../async/clock.ts";
import { WaybillError, type ErrorCode } from "../../errors.ts";
import { readBody } from "../../http/body.ts";
import { askedWaitMs } from "../../http/retry-after.ts";
import { isPassingStatus } from "../../http/retry-policy.ts";
import { scrub } from "../../http/scrub.ts";
import { Secret, type HttpRequest, type HttpResponse, type Send } from "../../http/send.ts";
import { originOf, withoutQuery } from "../../http/url.ts";
import { parseJson } from "../../spec/json.ts";
import { essence } from "../../spec/media-type.ts";
import { basicAuthorization, secretOf, type Credential } from "../credentials/credential.ts";
import { loginWords } from "../login-words.ts";
import type { RegistryIdentity } from "./realm.ts";

/** A short-lived permission. Times are in milliseconds on the clock. */
export interface Token {
  readonly value: Secret;
  /** Time for a new one: at 80 % of its life. */
  readonly refreshAtMs: number;
  readonly expiresAtMs: number;
  /** Takes the identity token's place from now on. */
  readonly rotated?: Secret;
}

/** What is exchanged for a token. */
export type LongLived = Exclude<Credential, { kind: "registry-token" }>;

export interface TokenRequest extends RegistryIdentity {
  readonly realm: URL;
  readonly service?: string;
  /** The one that matters most comes first: some services look at no other. */
  readonly scopes: readonly string[];
  readonly credential?: LongLived;
  /** What it was first asked for: others may use it too. */
  readonly task?: string;
  readonly signal?: AbortSignal;
}

export interface TokenServiceOptions {
  readonly send: Send;
  readonly clock: Clock;
}

const clientId = "waybill";
const maxAnswerBytes = 1024 * 1024;
const lifeSeconds = { usual: 60, least: 60, most: 3600 };
/** What services without OAuth2's POST answer to it. */
const postUnsupported = new Set([400, 401, 404]);
/** What those answer that take no POST, or no form. */
const postForbidden = new Set([405, 411, 415, 501]);
const count = v.union([v.number(), v.pipe(v.string(), v.regex(/^\d{1,9}$/), v.transform(Number))]);
const answerSchema = v.object({
  token: v.optional(v.nullable(v.string())),
  access_token: v.optional(v.nullable(v.string())),
  refresh_token: v.optional(v.nullable(v.string())),
  expires_in: v.optional(v.fallback(v.nullable(count), null)),
});

/**
 * Asks token services. With a credential by OAuth2's POST; a service that turns out not to have it is asked by GET, which
 * is remembered for its address. Without one by GET.
 *
 * The function throws WaybillError `auth_denied` or `auth_required` (refused), `rate_limited`, `unavailable`, `rejected` (no usable token),
 * and what the wire throws.
 *
 * Spec: distribution's token authentication, "Token Authentication Specification" and "Oauth2 Token Authentication".
 */
export function tokenService({ send, clock }: TokenServiceOptions): (request: TokenRequest) => Promise<Token> {
  const getOnly = new Set<string>();
  const exchange = async (wire: HttpRequest, request: TokenRequest) => {
    const askedAtMs = clock.now();
    const response = await send(wire);
    return { response, accept: () => acceptAnswer(response, request, { askedAtMs, clock }) };
  };
  return async (request) => {
    const { credential } = request;
    const address = withoutQuery(request.realm.href);
    if (credential && !getOnly.has(address)) {
      const { response, accept } = await exchange(postRequest(request, credential), request);
      if (!mayAskByGet(response, credential)) return accept();
      await response[Symbol.asyncDispose]();
    }
    const { accept } = await exchange(getRequest(request), request);
    const token = await accept();
    if (credential) getOnly.add(address);
    return token;
  };
}

/** A GET cannot carry an identity token, which has no user name, to a service that knows no POST. */
function mayAskByGet(response: HttpResponse, credential: LongLived): boolean {
  const { status } = response;
  return postUnsupported.has(status) || (credential.kind === "basic" && isPostForbidden(response));
}

/** Gateways that suspect every form answer 403 with a page. A service that refuses what is asked for says so itself. */
function isPostForbidden({ status, headers }: HttpResponse): boolean {
  return postForbidden.has(status) || (status === 403 && essence(headers.get("content-type") ?? "") === "text/html");
}

function postRequest(request: TokenRequest, credential: LongLived): HttpRequest {
  const form = new URLSearchParams();
  if (request.scopes.length > 0) form.set("scope", request.scopes.join(" "));
  form.set("service", request.service ?? "");
  form.set("client_id", clientId);
  form.set("grant_type", credential.kind === "basic" ? "password" : "refresh_token");
  if (credential.kind === "basic") form.set("username", credential.username);
  form.set(credential.kind === "basic" ? "password" : "refresh_token", secretOf(credential).reveal());
  return {
    ...common(request),
    method: "POST",
    url: request.realm.href,
    headers: { accept: "application/json", "content-type": "application/x-www-form-urlencoded; charset=utf-8" },
    body: Buffer.from(form.toString()),
  };
}

function getRequest(request: TokenRequest): HttpRequest {
  const { realm, service, scopes, credential } = request;
  const url = new URL(realm);
  url.hash = "";
  if (service !== undefined) url.searchParams.append("service", service);
  for (const scope of scopes) url.searchParams.append("scope", scope);
  const username = credential?.kind === "basic" ? credential.username : "";
  if (username !== "") url.searchParams.append("account", username);
  const value = credential && basicAuthorization(username, secretOf(credential));
  const authorization = value && { origin: originOf(url.href), value };
  const headers = { accept: "application/json" };
  return { ...common(request), method: "GET", url: url.href, headers, ...(authorization && { authorization }) };
}

function common({ registry, origin, task, signal }: TokenRequest) {
  const call = { ...(task !== undefined && { task }), signal };
  return { operation: "token", registry, ledBy: origin, ...call } as const;
}

async function acceptAnswer(
  response: HttpResponse,
  request: TokenRequest,
  { askedAtMs, clock }: { readonly askedAtMs: number; readonly clock: Clock },
): Promise<Token> {
  const body = await readBody(response, maxAnswerBytes);
  if (response.status < 200 || response.status > 299) throw refusal(response, body, request, clock);
  const answer = v.safeParse(answerSchema, jsonOf(body));
  const text = answer.success ? answer.output.access_token || answer.output.token : undefined;
  if (!answer.success || !text || !/^[\x21-\x7e]+$/.test(text)) {
    throw failure("rejected", "its answer holds no usable token", request, { status: response.status });
  }
  const { refresh_token: rotated, expires_in: seconds } = answer.output;
  const life = Math.min(Math.max(seconds ?? lifeSeconds.usual, lifeSeconds.least), lifeSeconds.most) * 1000;
  return {
    value: new Secret(text),
    refreshAtMs: askedAtMs + life * 0.8,
    expiresAtMs: askedAtMs + life,
    ...(rotated && /^[\x21-\x7e]+$/.test(rotated) && { rotated: new Secret(rotated) }),
  };
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return parseJson(body, { maxBytes: maxAnswerBytes, maxDepth: 16 });
  } catch {
    return undefined;
  }
}

function refusal(response: HttpResponse, body: Uint8Array, request: TokenRequest, clock: Clock): WaybillError {
  const { status } = response;
  const waitMs = askedWaitMs(response, clock);
  const said = detailOf(body, request);
  const facts = { status, ...(waitMs !== undefined && { retryAfterMs: waitMs }), ...(said && { detail: said }) };
  const seen = `it answered ${status}${request.credential ? ` to the credential from ${request.credential.source}` : ""}`;
  if (status === 429) return failure("rate_limited", seen, request, facts);
  if (isPassingStatus(status)) return failure("unavailable", seen, request, facts);
  if (status < 400 || status >= 500) return failure("rejected", seen, request, facts);
  if (request.credential) {
    // Anything else than 403 does not know the account: general advice for `auth_denied` says that it does.
    const advice = `Log in again with: ${loginWords(request.registry)}`;
    return failure("auth_denied", seen, request, { ...facts, ...(status !== 403 && { advice }) });
  }
  return failure("auth_required", seen, request, {
    ...facts,
    advice: `Log in with: ${loginWords(request.registry)}`,
  });
}

function failure(code: ErrorCode, seen: string, request: TokenRequest, facts: object): WaybillError {
  const address = withoutQuery(request.realm.href);
  const message = `Cannot get a token for "${request.registry}" from "${address}": ${seen}`;
  const { origin } = request.realm;
  return new WaybillError(code, message, { registry: request.registry, origin, sent: "nothing", ...facts });
}

const detailSchema = v.object({
  errors: v.optional(v.array(v.object({ message: v.optional(v.string()) }))),
  details: v.optional(v.string()),
  message: v.optional(v.string()),
  error_description: v.optional(v.string()),
  error: v.optional(v.string()),
});

/** The service's own words, without the credential should it echo it. */
function detailOf(body: Uint8Array, { credential }: TokenRequest): string | undefined {
  const answer = v.safeParse(detailSchema, jsonOf(body));
  if (!answer.success) return undefined;
  const { errors, details, message, error_description: description, error } = answer.output;
  const words = errors?.[0]?.message ?? details ?? message ?? description ?? error;
  if (!words) return undefined;
  const secrets = credential ? [secretOf(credential)] : [];
  if (credential?.kind === "basic") secrets.push(new Secret(`${credential.username}:${credential.password.reveal()}`));
  return scrub(words, secrets).slice(0, 500);
}
