import * as v from "valibot";
import type { Secret } from "../../http/send.ts";
import { parseJson } from "../../spec/json.ts";
import { covers, formatScope, mergeScopes } from "../../spec/scope.ts";

const accessSchema = v.object({
  access: v.array(v.object({ type: v.string(), name: v.string(), actions: v.nullish(v.array(v.string()), []) })),
});

/** The scopes that a token says it gives, where it is a JWT that tells. Read only, not verified. */
export function grantedScopes(token: Secret): readonly string[] | undefined {
  const claims = v.safeParse(accessSchema, claimsOf(token.reveal()));
  return claims.success
    ? claims.output.access.map((it) => formatScope({ ...it, actions: it.actions ?? [] }))
    : undefined;
}

/**
 * The scopes among `wanted` that a token does not give, where the token is a JWT that tells. Read only, not verified: good
 * for an explanation, never for a decision. A token service may quietly grant less than was asked.
 */
export function notGranted(token: Secret, wanted: readonly string[]): readonly string[] {
  const held = grantedScopes(token);
  return held ? wanted.filter((scope) => !covers(held, [scope])) : [];
}

/** What the tokens of a run said that they give, by registry. */
export interface GrantedByTokens {
  note(registry: string, scopes: readonly string[]): void;
  has(registry: string, scope: string): boolean;
}

/** Empty: nobody has said anything. */
export function grantedByTokens(): GrantedByTokens {
  const granted = new Map<string, readonly string[]>();
  return {
    note: (registry, scopes) => void granted.set(registry, mergeScopes([...(granted.get(registry) ?? []), ...scopes])),
    has: (registry, scope) => covers(granted.get(registry) ?? [], [scope]),
  };
}

function claimsOf(token: string): unknown {
  const [, payload, signature] = token.split(".", 4);
  if (payload === undefined || signature === undefined || payload.length > 256 * 1024) return undefined;
  try {
    return parseJson(Buffer.from(payload, "base64url"), { maxBytes: 256 * 1024, maxDepth: 16 });
  } catch {
    return undefined;
  }
}
