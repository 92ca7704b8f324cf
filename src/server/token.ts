import { createHmac, timingSafeEqual } from "node:crypto";
import * as v from "valibot";
import { parseJson } from "../spec/json.ts";

const grantSchema = v.object({ type: v.string(), name: v.string(), actions: v.array(v.string()) });
const claimsSchema = v.object({
  iss: v.string(),
  aud: v.string(),
  sub: v.string(),
  nbf: v.number(),
  exp: v.number(),
  use: v.picklist(["access", "refresh"]),
  access: v.array(grantSchema),
});

/** Rights on one name. Spec: distribution, "Token scope". */
export type Grant = v.InferOutput<typeof grantSchema>;
/** What a token says. Times are seconds since the Unix epoch. */
export type Claims = v.InferOutput<typeof claimsSchema>;

/** Only this header is ever written or read: a token cannot choose its algorithm or key. */
const header = encode(JSON.stringify({ alg: "HS256", typ: "JWT" }));

/** A JWT that only holders of `key` can make. Spec: RFC 7519, RFC 7515. */
export function signToken(claims: Claims, key: Uint8Array): string {
  const signed = `${header}.${encode(JSON.stringify(claims))}`;
  return `${signed}.${signatureOf(signed, key).toString("base64url")}`;
}

/** What `token` says; `undefined` where it was not made with `key`, is not for `audience`, or `now` (in seconds) is outside its life. */
export function readToken(
  token: string,
  key: Uint8Array,
  { audience, now }: { audience: string; now: number },
): Claims | undefined {
  const parts = token.length > 64 * 1024 ? [] : token.split(".");
  const [head, payload, signature] = parts;
  if (parts.length !== 3 || head !== header || payload === undefined || signature === undefined) return undefined;
  const given = Buffer.from(signature, "base64url");
  const right = signatureOf(`${head}.${payload}`, key);
  if (given.byteLength !== right.byteLength || !timingSafeEqual(given, right)) return undefined;
  const claims = v.safeParse(
    claimsSchema,
    parseJson(Buffer.from(payload, "base64url"), { what: "token", maxBytes: 64 * 1024 }),
  );
  if (!claims.success || claims.output.aud !== audience) return undefined;
  return claims.output.nbf <= now && now < claims.output.exp ? claims.output : undefined;
}

/** Reads `repository:a/b:pull,push`; `undefined` for anything else. The name may hold colons, as in `host:5000/a`. */
export function parseScope(text: string): Grant | undefined {
  const match = /^([a-z]{1,64})(?:\([a-z0-9]{1,64}\))?:([^\s]{1,512}):([a-z*,]{1,128})$/.exec(text);
  if (!match) return undefined;
  const [, type = "", name = "", actions = ""] = match;
  return { type, name, actions: [...new Set(actions.split(",").filter((action) => action !== ""))] };
}

function signatureOf(text: string, key: Uint8Array): Buffer {
  return createHmac("sha256", key).update(text).digest();
}

function encode(text: string): string {
  return Buffer.from(text).toString("base64url");
}
