import type { Clock } from "../../async/clock.ts";
import { hasCode, WaybillError } from "../../errors.ts";
import { Secret, type BoundAuthorization, type Send } from "../../http/send.ts";
import { originOf } from "../../http/url.ts";
import type { Report } from "../../telemetry/events.ts";
import { basicAuthorization } from "../credentials/credential.ts";
import type { ChosenChallenge } from "./challenge.ts";
import { grantedScopes, notGranted } from "./granted.ts";
import { againstLockout } from "./lockout.ts";
import type { Principal, RegistryRequest } from "./principals.ts";
import { assertTrusted, parseRealm } from "./realm.ts";
import { covers, mergeScopes, scopeKey } from "../../spec/scope.ts";
import { tokenCache, type HeldToken } from "./token-cache.ts";
import { tokenService, type LongLived, type Token } from "./token.ts";

/** What a request carries to be let in. */
export interface Grant {
  readonly authorization: BoundAuthorization;
  /** Where it is a token of ours. */
  readonly token?: HeldToken;
  /** True when it was asked for the request's own scopes only. */
  readonly exact: boolean;
}

/** A request that a registry wants to see a grant for. */
export interface Demand {
  readonly request: RegistryRequest;
  readonly principal: Principal;
  readonly challenge: ChosenChallenge;
}

/** What was refused, and whether it was got for this very request. */
export interface Refused {
  readonly grant: Grant;
  readonly fresh: boolean;
}

export interface Grants {
  /** The grant for a request; nothing where we have nothing (better) to show. @throws WaybillError as `tokenService`, `realm_untrusted` */
  grant(demand: Demand, refused?: Refused): Promise<Grant | undefined>;
  /** Learns that a grant let its request in: the next one of its kind asks for the same at once. */
  accepted(demand: Demand, grant: Grant): void;
}

export interface GrantsOptions {
  readonly send: Send;
  readonly clock: Clock;
  readonly report: Report;
  readonly trustRealms: readonly string[];
  /** Hears what a new token says that it gives, where it tells. */
  readonly onGranted?: (registry: string, scopes: readonly string[]) => void;
}

type BearerDemand = Demand & { readonly challenge: ChosenChallenge & { scheme: "bearer" } };

/** Makes grants from credentials, and keeps tokens. */
export function grants(options: GrantsOptions): Grants {
  const cache = tokenCache(options.clock);
  const fetchToken = tokenFetcher(options);
  /** Scopes that let one kind of request in where the run's token did not, by group and the request's own scopes. */
  const narrowed = new Map<string, readonly string[]>();
  /** Sets of scopes that a service refused as a whole: not asked for again. */
  const tooWide = new Set<string>();

  async function tokenGrant(demand: BearerDemand, refused: Refused | undefined): Promise<Grant | undefined> {
    const wish = wishFor(demand, refused, narrowed.get(kindOf(demand)));
    const held = refused?.grant.token;
    const isSame = held && scopeKey(wish.scopes) === scopeKey(held.scopes);
    // One that went void between its service and the registry is worth another; any other of the same would fare the same.
    const isVoid = demand.challenge.error === "invalid_token";
    if (isSame && refused.fresh && !isVoid) return undefined;
    if (held && (isSame || !wish.exact)) cache.drop(groupOf(demand), held);
    return ask(demand, wish);
  }

  async function ask(demand: BearerDemand, wish: Wish): Promise<Grant> {
    const own = mergeScopes(demand.request.scopes ?? []);
    const wishKey = `${groupOf(demand)} ${scopeKey(wish.scopes)}`;
    const isWider = own.length > 0 && scopeKey(own) !== scopeKey(wish.scopes);
    if (isWider && tooWide.has(wishKey)) return ask(demand, { scopes: own, exact: true });
    try {
      return await granted(demand, wish);
    } catch (error) {
      // Some services refuse the whole token for one scope: the request's own may still be had.
      if (!isWider || !hasCode(error, "auth_denied", "auth_required")) throw error;
      tooWide.add(wishKey);
      return ask(demand, { scopes: own, exact: true });
    }
  }

  async function granted(demand: BearerDemand, wish: Wish): Promise<Grant> {
    const fetch = (scopes: readonly string[], signal: AbortSignal) => fetchToken(demand, scopes, signal);
    const token = await cache.get(groupOf(demand), { ...wish, fetch }, demand.request.signal);
    const value = new Secret(`Bearer ${token.value.reveal()}`);
    return { authorization: boundTo(demand.request, value), token, exact: wish.exact };
  }

  return {
    async grant(demand, refused) {
      if (isBearer(demand) && demand.principal.credential?.kind !== "registry-token")
        return tokenGrant(demand, refused);
      return refused ? undefined : fixedGrant(demand);
    },
    accepted(demand, grant) {
      if (isBearer(demand) && grant.exact && grant.token) narrowed.set(kindOf(demand), grant.token.scopes);
    },
  };
}

function isBearer(demand: Demand): demand is BearerDemand {
  return demand.challenge.scheme === "bearer";
}

function fixedGrant(demand: Demand): Grant | undefined {
  const { credential } = demand.principal;
  if (credential?.kind === "registry-token") {
    const value = new Secret(`Bearer ${credential.token.reveal()}`);
    return { authorization: boundTo(demand.request, value), exact: false };
  }
  if (credential?.kind !== "basic") return undefined;
  const value = basicAuthorization(credential.username, credential.password);
  return { authorization: boundTo(demand.request, value), exact: false };
}

function boundTo(request: RegistryRequest, value: Secret): BoundAuthorization {
  return { origin: originOf(request.url), value };
}

interface Wish {
  readonly scopes: readonly string[];
  readonly exact: boolean;
}

/**
 * First the scopes of the whole run in one token; what the registry misses in it, it gets in a token with the missing scope
 * first and only what this request needs.
 */
function wishFor(demand: BearerDemand, refused: Refused | undefined, worked: readonly string[] | undefined): Wish {
  const { request, principal, challenge } = demand;
  const own = request.scopes ?? [];
  const missing = challenge.scope === undefined ? [] : [challenge.scope];
  if (refused && isTooLittle(refused, challenge)) return { scopes: mergeScopes([...missing, ...own]), exact: true };
  if (worked) return { scopes: worked, exact: true };
  return { scopes: mergeScopes([...own, ...missing, ...principal.scopes]), exact: false };
}

function isTooLittle({ grant, fresh }: Refused, challenge: BearerDemand["challenge"]): boolean {
  if (fresh || challenge.error === "insufficient_scope") return true;
  return challenge.scope !== undefined && !covers(grant.token?.scopes ?? [], [challenge.scope]);
}

/** Tokens are shared within: one token service, as one registry names it, for one account. */
function groupOf({ request, principal, challenge }: BearerDemand): string {
  return JSON.stringify([originOf(request.url), challenge.realm, challenge.service, principal.id]);
}

function kindOf(demand: BearerDemand): string {
  return `${groupOf(demand)} ${scopeKey(demand.request.scopes ?? [])}`;
}

function tokenFetcher({ send, clock, report, trustRealms, onGranted }: GrantsOptions) {
  const service = tokenService({ send, clock });
  /** Identity tokens that a service gave in exchange for the one we came with. Never written anywhere. */
  const rotated = new Map<string, Secret>();
  const askWithCredential = againstLockout();
  return async (demand: BearerDemand, scopes: readonly string[], signal: AbortSignal): Promise<Token> => {
    const { request, challenge, principal } = demand;
    const identity = { registry: request.registry, origin: originOf(request.url) };
    const realm = parseRealm(challenge.realm, identity);
    const group = groupOf(demand);
    const credential = current(principal.credential, rotated.get(group));
    if (credential) await assertTrusted(realm, identity, trustRealms);
    const named = {
      ...(challenge.service !== undefined && { service: challenge.service }),
      ...(credential && { credential }),
      ...(request.task !== undefined && { task: request.task }),
    };
    const ask = () => service({ ...identity, ...named, realm, scopes, signal });
    const token = await (credential ? askWithCredential(group, ask) : ask()).catch((error: unknown) => {
      throw beforeSending(error, identity.registry);
    });
    if (token.rotated) rotated.set(group, token.rotated);
    onGranted?.(identity.registry, grantedScopes(token.value) ?? []);
    const missing = notGranted(token.value, scopes);
    const message = `the token service of ${identity.registry} did not grant ${missing.join(" ")}`;
    if (missing.length > 0) report({ type: "debug", message, at: clock.now() });
    return token;
  };
}

function current(credential: Principal["credential"], rotated: Secret | undefined): LongLived | undefined {
  if (credential === undefined || credential.kind === "registry-token") return undefined;
  return rotated && credential.kind === "identity-token" ? { ...credential, token: rotated } : credential;
}

/** However much of the token request had left, nothing of the request it was for had: that one may be repeated. */
function beforeSending(error: unknown, registry: string): unknown {
  if (!(error instanceof WaybillError) || error.context.sent === "nothing") return error;
  const prefix = error.message.startsWith("Cannot get a token") ? "" : `Cannot get a token for "${registry}": `;
  return new WaybillError(error.code, prefix + error.message, { ...error.context, sent: "nothing" }, { cause: error });
}
