import * as v from "valibot";
import type { Secret } from "../../http/send.ts";
import { parseJson } from "../../spec/json.ts";
import { covers, formatScope } from "./scope.ts";

const accessSchema = v.object({
  access: v.array(v.object({ type: v.string(), name: v.string(), actions: v.nullish(v.array(v.string()), []) })),
});

/**
 * The scopes among `wanted` that a token does not give, where the token is a JWT that tells. Read only, not verified: good
 * for an explanation, never for a decision. A token service may quietly grant less than was asked.
 */
export function notGranted(token: Secret, wanted: readonly string[]): readonly string[] {
  const claims = v.safeParse(accessSchema, claimsOf(token.reveal()));
  if (!claims.success) return [];
  const held = claims.output.access.map((it) => formatScope({ ...it, actions: it.actions ?? [] }));
  return wanted.filter((scope) => !covers(held, [scope]));
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
