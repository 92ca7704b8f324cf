import type { Clock } from "../../async/clock.ts";
import { singleFlight } from "../../async/single-flight.ts";
import { isRetryable } from "../../errors.ts";
import { covers, scopeKey } from "../../spec/scope.ts";
import type { Token } from "./token.ts";

/** A token and the scopes it was asked for. */
export interface HeldToken extends Token {
  readonly scopes: readonly string[];
}

export interface TokenCache {
  /**
   * A token of this group for `scopes`: one held, as long as it is not due for renewal, or a new one. Many callers with
   * the same wish share one request. Where renewal fails for the moment, a token that still lives is given.
   */
  get(group: string, wish: TokenWish, signal?: AbortSignal): Promise<HeldToken>;
  /** Drops a token that was refused. One that has taken its place meanwhile stays. */
  drop(group: string, token: HeldToken): void;
}

export interface TokenWish {
  readonly scopes: readonly string[];
  /** Take a token asked for exactly these scopes; else one that covers them will do. */
  readonly exact: boolean;
  fetch(scopes: readonly string[], signal: AbortSignal): Promise<Token>;
}

/** An empty cache. A group is one service on one registry for one account: tokens never cross from one to another. */
export function tokenCache(clock: Clock): TokenCache {
  /** By group, then by what was asked for. */
  const groups = new Map<string, Map<string, HeldToken>>();
  const flight = singleFlight<string, HeldToken>();
  const isFresh = (token: HeldToken) => clock.now() < token.refreshAtMs;

  function find(group: string, { scopes, exact }: TokenWish): HeldToken | undefined {
    const tokens = groups.get(group);
    const own = tokens?.get(scopeKey(scopes));
    if (!tokens || exact || (own && isFresh(own))) return own;
    const fitting = [...tokens.values()].filter((token) => covers(token.scopes, scopes));
    return fitting.find(isFresh) ?? own ?? fitting[0];
  }

  function keep(group: string, token: HeldToken): HeldToken {
    const others = [...(groups.get(group) ?? [])].filter(([, other]) => clock.now() < other.expiresAtMs);
    groups.set(group, new Map([...others, [scopeKey(token.scopes), token]]));
    return token;
  }

  return {
    async get(group, wish, signal) {
      const held = find(group, wish);
      if (held && isFresh(held)) return held;
      const fetch = async (stop: AbortSignal) =>
        keep(group, { ...(await wish.fetch(wish.scopes, stop)), scopes: wish.scopes });
      try {
        return await flight(`${group} ${scopeKey(wish.scopes)}`, fetch, { signal });
      } catch (error) {
        if (held && clock.now() < held.expiresAtMs && isRetryable(error)) return held;
        throw error;
      }
    },
    drop(group, token) {
      const tokens = groups.get(group);
      const key = scopeKey(token.scopes);
      if (tokens?.get(key) === token) tokens.delete(key);
    },
  };
}
