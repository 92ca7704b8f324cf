import { randomBytes } from "node:crypto";
import { wallTime, type Clock } from "../async/clock.ts";
import type { HttpRequest } from "../http/send.ts";
import type { Access, RegistryAuth } from "./access.ts";
import type { Passwords } from "./passwords.ts";
import { readToken, type Grant } from "./token.ts";
import { createTokenService } from "./token-service.ts";

/** How tokens are made, and what those get who give no password. */
export interface BearerAuthOptions {
  readonly clock: Clock;
  /** What tokens are signed with, at least 32 bytes; default a new one, so that a restart makes all tokens void. */
  readonly key?: Uint8Array;
  /** The name of the registry in tokens; default `waybill`. */
  readonly service?: string;
  /** How long a token is good, in milliseconds; default five minutes. */
  readonly lifetimeMs?: number;
  /** Gives everybody tokens to read with; default false. */
  readonly anonymousPull?: boolean;
  /** Where tokens are to be had, an absolute URL; default `/token` on the host that the request names. */
  readonly realm?: string;
}

/**
 * Tokens for the users of `passwords`, from a service of its own at `/token`. Every user may do everything, one token only what it was
 * asked for.
 *
 * @throws RangeError for a key of less than 32 bytes.
 * Spec: distribution, "Token Authentication Specification".
 */
export function bearerAuth(passwords: Passwords, options: BearerAuthOptions): RegistryAuth {
  const { clock, key = randomBytes(32), service = "waybill", lifetimeMs = 300_000, anonymousPull = false } = options;
  if (key.byteLength < 32) throw new RangeError("The key of a token service needs 32 bytes or more");
  return {
    service: createTokenService({ passwords, clock, key, service, lifetimeMs, anonymousPull }),
    async check(request, needed) {
      const token = tokenOf(request);
      const claims =
        token === undefined ? undefined : readToken(token, key, { audience: service, now: wallTime(clock) / 1000 });
      const isAccess = claims?.use === "access";
      if (isAccess && needed.every((access) => covers(claims.access, access)))
        return { allowed: true, principal: claims.sub };
      const realm = options.realm ?? `${new URL(request.url).origin}/token`;
      const error = isAccess ? "insufficient_scope" : token === undefined ? undefined : "invalid_token";
      return { allowed: false, status: 401, challenge: challengeFor({ realm, service, error }, needed) };
    },
  };
}

function tokenOf(request: HttpRequest): string | undefined {
  return /^bearer +([A-Za-z0-9._~+/=-]{1,65536})$/i.exec(request.authorization?.value.reveal() ?? "")?.[1];
}

function covers(grants: readonly Grant[], { type, name, action }: Access): boolean {
  return grants.some((grant) => grant.type === type && grant.name === name && grant.actions.includes(action));
}

interface Challenge {
  readonly realm: string;
  readonly service: string;
  readonly error: string | undefined;
}

/** Names come from paths that were checked against the grammar: nothing in them needs quoting. */
function challengeFor({ realm, service, error }: Challenge, needed: readonly Access[]): string {
  const names = new Map<string, string[]>();
  for (const { type, name, action } of needed) {
    const key = `${type}:${name}`;
    names.set(key, [...(names.get(key) ?? []), action]);
  }
  const scope = [...names].map(([name, actions]) => `${name}:${actions.join(",")}`).join(" ");
  const parts = [`realm="${realm}"`, `service="${service}"`];
  if (scope !== "") parts.push(`scope="${scope}"`);
  if (error !== undefined) parts.push(`error="${error}"`);
  return `Bearer ${parts.join(",")}`;
}
