import type { Clock } from "../../async/clock.ts";
import { createMemo, type Memo } from "../../async/memo.ts";
import { hasCode } from "../../errors.ts";
import { drain } from "../../http/body.ts";
import type { HttpRequest, HttpResponse, Interceptor, Origin, Send } from "../../http/send.ts";
import { originOf } from "../../http/url.ts";
import type { Report } from "../../telemetry/events.ts";
import type { CredentialSource } from "../credentials/credential.ts";
import { isOnRegistry } from "../host.ts";
import { chooseChallenge, type ChosenChallenge } from "./challenge.ts";
import { grants, type Demand, type Grant, type Grants } from "./grants.ts";
import { principals, type Principal, type RegistryRequest } from "./principals.ts";

/** Which credentials there are, and who may be sent them. */
export interface AuthorizeOptions {
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  readonly report: Report;
  /** Hosts, `host[:port]`, that may have any registry's credential when it names them as its token service. */
  readonly trustRealms?: readonly string[];
  /** Everything that the run will ask of a registry, so that one token serves it. */
  readonly scopesFor?: (registry: string) => readonly string[];
  /** Hears which scopes a new token gives, where the token itself tells. A hint that saves questions, never a proof. */
  readonly onGranted?: (registry: string, scopes: readonly string[]) => void;
}

const maxRounds = 2;

interface Session {
  readonly next: Send;
  readonly principalOf: (request: RegistryRequest) => Promise<Principal>;
  readonly grants: Grants;
  /** What each origin asked for last: later requests bring it along. */
  readonly challenges: Map<Origin, ChosenChallenge>;
  readonly pings: Memo<ChosenChallenge | undefined>;
  /** Tells, once each, which credential a registry refuses: its 401 alone reads as if there were none. */
  readonly tellRefused: (registry: string, principal: Principal) => void;
}

/**
 * Answers registries that ask who we are. The first request goes out bare; once a registry has challenged us, each request
 * brings its authorization along. A refused one is renewed and the request repeated, its body opened anew, at most twice;
 * then the refusal is the answer.
 *
 * Concerns requests with `registry` set whose URL lies on that registry, and nobody else's challenges: not those of places
 * that the registry redirected to. Credentials are looked up when a registry first asks for one.
 *
 * The chain throws, besides what `next` throws, WaybillError `auth_denied`, `auth_required` (by the token service), `realm_untrusted`,
 * `credential_helper_failed`, `invalid_config`; nothing of the request itself has left then. Where a malformed file hides who we
 * are, we are nobody, with a warning; its `invalid_config` is thrown where nobody is refused.
 */
export function authorize(options: AuthorizeOptions): Interceptor {
  return (next) => {
    const session: Session = {
      next,
      principalOf: principals(options),
      grants: grants({ ...options, send: next, trustRealms: options.trustRealms ?? [] }),
      challenges: new Map(),
      pings: createMemo(),
      tellRefused: refusalNews(options),
    };
    return (request) => (isAsRegistry(request) ? sendAuthorized(session, request) : next(request));
  };
}

/** Whether the registry itself is asked, on its own behalf. */
function isAsRegistry(request: HttpRequest): request is RegistryRequest {
  const { registry, ledBy, url, operation } = request;
  if (registry === undefined || operation === "token" || !isOnRegistry(url, registry)) return false;
  return ledBy === undefined || ledBy === originOf(url);
}

async function sendAuthorized(session: Session, request: RegistryRequest): Promise<HttpResponse> {
  const remembered = session.challenges.get(originOf(request.url));
  let demand = remembered && (await demandFor(session, request, remembered));
  let grant = demand && (await granted(session, demand));
  let response = await session.next(carrying(request, grant));
  for (let round = 0; round < maxRounds && isRefusal(request, response); round++) {
    const fresh = round > 0;
    const answer = await answerTo(session, request, { response, ...(grant && { refused: { grant, fresh } }) });
    if (!answer) break;
    ({ demand, grant } = answer);
    await drain(response);
    response = await session.next(carrying(request, grant));
  }
  if (demand && grant) {
    const { unreadable } = demand.principal;
    if (!isRefusal(request, response)) session.grants.accepted(demand, grant);
    else if (unreadable) {
      await response[Symbol.asyncDispose]();
      throw unreadable;
    }
    // A token that is refused may lack a scope only, and the caller may have another way: a mount becomes an upload.
    else if (response.status === 401 && !grant.token) session.tellRefused(request.registry, demand.principal);
  }
  return response;
}

function refusalNews({ report, clock }: AuthorizeOptions): Session["tellRefused"] {
  const told = new Set<string>();
  return (registry, { credential }) => {
    if (!credential) return;
    const message = `${registry} refuses the credential from ${credential.source}`;
    if (told.has(message)) return;
    told.add(message);
    report({ type: "warning", message, isUrgent: true, at: clock.now() });
  };
}

function carrying(request: RegistryRequest, grant: Grant | undefined): RegistryRequest {
  return grant ? { ...request, authorization: grant.authorization } : request;
}

/** Only the registry's own word counts: what it redirected to may ask for nothing. */
function isRefusal(request: RegistryRequest, { status, url, headers }: HttpResponse): boolean {
  if (originOf(url) !== originOf(request.url)) return false;
  if (status !== 403) return status === 401;
  const challenge = chooseChallenge(headers.all("www-authenticate"));
  return challenge?.scheme === "bearer" && challenge.error === "insufficient_scope";
}

interface Refusal {
  readonly response: HttpResponse;
  readonly refused?: { readonly grant: Grant; readonly fresh: boolean };
}

async function answerTo(
  session: Session,
  request: RegistryRequest,
  { response, refused }: Refusal,
): Promise<{ readonly demand: Demand; readonly grant: Grant } | undefined> {
  try {
    const challenge = chooseChallenge(response.headers.all("www-authenticate")) ?? (await pinged(session, request));
    if (!challenge) return undefined;
    session.challenges.set(originOf(request.url), forAnyRequest(challenge));
    const demand = await demandFor(session, request, challenge);
    const grant = await granted(session, demand, refused);
    return grant && { demand, grant };
  } catch (error) {
    await response[Symbol.asyncDispose]();
    throw error;
  }
}

/**
 * What is shown to the registry; nothing where nobody is known to it.
 *
 * @throws UnreadableCredentials where nobody is not let in, and a malformed file may say who we are.
 */
async function granted(session: Session, demand: Demand, refused?: Refusal["refused"]): Promise<Grant | undefined> {
  const { unreadable } = demand.principal;
  try {
    const grant = await session.grants.grant(demand, refused);
    if (grant || !unreadable) return grant;
  } catch (error) {
    if (!unreadable || !hasCode(error, "auth_required", "auth_denied")) throw error;
  }
  throw unreadable;
}

/** A challenge without what it said about one request. */
function forAnyRequest(challenge: ChosenChallenge): ChosenChallenge {
  if (challenge.scheme === "basic") return challenge;
  const { scope: _scope, error: _error, ...rest } = challenge;
  return rest;
}

async function demandFor(session: Session, request: RegistryRequest, challenge: ChosenChallenge): Promise<Demand> {
  return { request, challenge, principal: await session.principalOf(request) };
}

/** Some registries answer 401 without saying what they want, except to the ping. */
function pinged(session: Session, request: RegistryRequest): Promise<ChosenChallenge | undefined> {
  const { registry, signal, task } = request;
  const origin = originOf(request.url);
  const ping = async (stop: AbortSignal) => {
    const response = await session.next({
      method: "GET",
      url: `${origin}/v2/`,
      operation: "ping",
      registry,
      signal: stop,
      ...(task !== undefined && { task }),
    });
    await drain(response);
    return response.status === 401 ? chooseChallenge(response.headers.all("www-authenticate")) : undefined;
  };
  return session.pings.get(origin, ping, signal);
}
