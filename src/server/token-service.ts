import { wallTime, type Clock } from "../async/clock.ts";
import type { HttpRequest, Send } from "../http/send.ts";
import { json, respond, type Answer } from "./answer.ts";
import { answerOrRefuse } from "./answer-or-refuse.ts";
import { readBasic, type Passwords } from "./passwords.ts";
import { refusal } from "./refusal.ts";
import { wholeBody } from "./request-body.ts";
import { parseScope, readToken, signToken, type Grant } from "./token.ts";

const maxFormBytes = 64 * 1024;
const maxScopes = 64;
const refreshLifetimeMs = 24 * 60 * 60_000;
const actionsOf: Readonly<Record<string, readonly string[]>> = {
  repository: ["pull", "push", "delete"],
  registry: ["*"],
};

/** Who gives tokens to whom, and what they are worth. */
export interface Issuer {
  readonly passwords: Passwords;
  readonly clock: Clock;
  readonly key: Uint8Array;
  readonly service: string;
  readonly lifetimeMs: number;
  readonly anonymousPull: boolean;
}

/** Hands out tokens: GET with Basic credentials or none, POST with an OAuth2 form (`password`, `refresh_token`). */
export function createTokenService(issuer: Issuer): Send {
  return async (request) => respond(request, await answerOrRefuse(() => answer(request, issuer)));
}

async function answer(request: HttpRequest, issuer: Issuer): Promise<Answer> {
  if (request.method === "GET") return answerGet(request, issuer);
  if (request.method === "POST") return answerPost(request, issuer);
  throw refusal(405, "UNSUPPORTED", "Cannot give token: use GET or POST", { headers: { allow: "GET, POST" } });
}

async function answerGet(request: HttpRequest, issuer: Issuer): Promise<Answer> {
  const { searchParams } = new URL(request.url);
  const given = readBasic(request.authorization?.value);
  if (request.authorization !== undefined && !given) throw unauthorized();
  if (given && !(await issuer.passwords.check(given.name, given.password))) throw unauthorized();
  if (!given && !issuer.anonymousPull) throw unauthorized();
  const offline = searchParams.get("offline_token") === "true";
  return issue(issuer, { user: given?.name, scopes: searchParams.getAll("scope"), offline });
}

async function answerPost(request: HttpRequest, issuer: Issuer): Promise<Answer> {
  const form = new URLSearchParams(Buffer.from(await wholeBody(request, maxFormBytes)).toString("utf8"));
  const user = await userOf(form, issuer);
  if (user === undefined) throw unauthorized();
  return issue(issuer, { user, scopes: form.getAll("scope"), offline: form.get("access_type") === "offline" });
}

async function userOf(form: URLSearchParams, issuer: Issuer): Promise<string | undefined> {
  if (form.get("grant_type") === "password") {
    const [name, password] = [form.get("username") ?? "", form.get("password") ?? ""];
    return (await issuer.passwords.check(name, password)) ? name : undefined;
  }
  if (form.get("grant_type") !== "refresh_token")
    throw refusal(400, "UNSUPPORTED", "Cannot give token: grant_type is not supported");
  const now = wallTime(issuer.clock) / 1000;
  const claims = readToken(form.get("refresh_token") ?? "", issuer.key, { audience: issuer.service, now });
  return claims?.use === "refresh" ? claims.sub : undefined;
}

interface Wish {
  /** Absent for somebody who did not say who it is. */
  readonly user: string | undefined;
  readonly scopes: readonly string[];
  readonly offline: boolean;
}

function issue(issuer: Issuer, { user, scopes, offline }: Wish): Answer {
  const now = Math.floor(wallTime(issuer.clock) / 1000);
  const lifetime = Math.floor(issuer.lifetimeMs / 1000);
  const base = { iss: issuer.service, aud: issuer.service, sub: user ?? "", nbf: now };
  const access = granted(scopes, user !== undefined);
  const token = signToken({ ...base, exp: now + lifetime, use: "access", access }, issuer.key);
  const refresh = () =>
    signToken({ ...base, exp: now + refreshLifetimeMs / 1000, use: "refresh", access: [] }, issuer.key);
  const issued_at = new Date(now * 1000).toISOString();
  const body = { token, access_token: token, expires_in: lifetime, issued_at };
  return json(offline && user !== undefined ? { ...body, refresh_token: refresh() } : body, {
    "cache-control": "no-store",
  });
}

/** Of what was asked for, what may be had. Several scopes may stand in one parameter, parted by spaces. */
function granted(scopes: readonly string[], isUser: boolean): Grant[] {
  const wanted = scopes.flatMap((scope) => scope.split(" ")).slice(0, maxScopes);
  return wanted.flatMap((text) => {
    const grant = parseScope(text);
    if (!grant) return [];
    const possible = isUser ? (actionsOf[grant.type] ?? []) : grant.type === "repository" ? ["pull"] : [];
    const actions = grant.actions.filter((action) => possible.includes(action));
    return actions.length === 0 ? [] : [{ ...grant, actions }];
  });
}

function unauthorized() {
  const headers = { "www-authenticate": 'Basic realm="token"' };
  return refusal(401, "UNAUTHORIZED", "Cannot give token: name or password is wrong", { headers });
}
