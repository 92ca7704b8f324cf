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
  const groups = new Map<string, HeldToken[]>();
  const flight = singleFlight<string, HeldToken>();

  function find(group: string, { scopes, exact }: TokenWish): HeldToken | undefined {
    const fits = exact
      ? (token: HeldToken) => scopeKey(token.scopes) === scopeKey(scopes)
      : (token: HeldToken) => covers(token.scopes, scopes);
    const fitting = (groups.get(group) ?? []).filter(fits);
    return fitting.find((token) => clock.now() < token.refreshAtMs) ?? fitting[0];
  }

  function keep(group: string, token: HeldToken): HeldToken {
    const stays = (other: HeldToken) =>
      clock.now() < other.expiresAtMs && scopeKey(other.scopes) !== scopeKey(token.scopes);
    groups.set(group, [token, ...(groups.get(group) ?? []).filter(stays)]);
    return token;
  }

  return {
    async get(group, wish, signal) {
      const held = find(group, wish);
      if (held && clock.now() < held.refreshAtMs) return held;
      const fetch = async (stop: AbortSignal) =>
        keep(group, { ...(await wish.fetch(wish.scopes, stop)), scopes: wish.scopes });
      try {
        return await flight(`${group} ${scopeKey(wish.scopes)}`, fetch, signal ? { signal } : {});
      } catch (error) {
        if (held && clock.now() < held.expiresAtMs && isRetryable(error)) return held;
        throw error;
      }
    },
    drop(group, token) {
      const kept = (groups.get(group) ?? []).filter((other) => other !== token);
      groups.set(group, kept);
    },
  };
}
