import { hashSync } from "bcryptjs";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import { respond } from "../../../test/support/responses.ts";
import { Secret, type HttpRequest, type Send } from "../../http/send.ts";
import { basicAuth } from "../../server/basic-auth.ts";
import { bearerAuth } from "../../server/bearer-auth.ts";
import { createMemoryStorage } from "../../server/memory-storage.ts";
import { parseHtpasswd } from "../../server/passwords.ts";
import { createRegistry, type RegistryOptions } from "../../server/registry.ts";
import { silent } from "../../telemetry/events.ts";
import type { Credential } from "../credentials/credential.ts";
import { signIn, type SignInOptions } from "./sign-in.ts";

const clock = fakeClock();
const passwords = parseHtpasswd(`me:${hashSync("canary-right", 4)}\n`, clock);
const scopes = ["repository:a/b:pull,push"];
const me = (password = "canary-right"): Credential => ({
  kind: "basic",
  username: "me",
  password: new Secret(password),
  source: "auths in /c.json",
});

const registryWith = (auth: RegistryOptions["auth"] & object) => createRegistry(createMemoryStorage(), { auth, clock });

async function tried(send: Send, credential?: Credential, more: Partial<SignInOptions> = {}) {
  const requests: HttpRequest[] = [];
  const counted: Send = (request) => (requests.push(request), send(request));
  const baseUrl = "https://r.example";
  const options = { send: counted, baseUrl, credentials: async () => credential, clock, report: silent, ...more };
  const result = await signIn("r.example", scopes, options);
  return { result, methods: requests.map(({ method, url }) => `${method} ${new URL(url).pathname}`) };
}

describe("signIn", () => {
  test("asks a registry that lets everybody in once", async () => {
    const { result, methods } = await tried(createRegistry(createMemoryStorage(), { clock }), me());

    expect(result).toEqual({ scheme: "none" });
    expect(methods).toEqual(["GET /v2/"]);
  });

  test("tells what a token gives, from where, and whose it is, and only reads", async () => {
    const { result, methods } = await tried(registryWith(bearerAuth(passwords, { clock })), me());

    expect(result).toEqual({
      scheme: "bearer",
      account: { username: "me", source: "auths in /c.json" },
      service: "https://r.example/token",
      missing: [],
    });
    expect(methods).toEqual(["GET /v2/", "POST /token"]);
  });

  test("tells which scopes an anonymous token does not give", async () => {
    const auth = bearerAuth(passwords, { clock, anonymousPull: true });

    expect((await tried(registryWith(auth))).result).toMatchObject({ missing: scopes });
  });

  test("knows nothing of a token that does not tell", async () => {
    const send: Send = async (request) => {
      if (request.operation === "token") return respond(request, 200, { body: { token: "opaque" } });
      return respond(request, 401, { headers: { "www-authenticate": 'Bearer realm="https://r.example/token?x=1"' } });
    };

    const { result } = await tried(send, me());

    expect(result).toEqual({
      scheme: "bearer",
      account: { username: "me", source: "auths in /c.json" },
      service: "https://r.example/token",
    });
  });

  test("shows a password to a registry without tokens, which says whether it is good", async () => {
    const send = registryWith(basicAuth(passwords));

    expect((await tried(send, me())).result).toEqual({
      scheme: "basic",
      account: { username: "me", source: "auths in /c.json" },
    });
    await expect(tried(send, me("canary-wrong"))).rejects.toMatchObject({
      code: "auth_denied",
      message: expect.stringContaining("refuses the credential from auths in /c.json"),
    });
    await expect(tried(send)).rejects.toMatchObject({
      code: "auth_required",
      context: { advice: expect.stringContaining("waybill login r.example -u USER --password-stdin") },
    });
  });

  test("shows a registry's own token the same way", async () => {
    const token: Credential = { kind: "registry-token", token: new Secret("canary-token"), source: "x" };
    const taken: Send = async (request) =>
      respond(request, request.authorization?.value.reveal() === "Bearer canary-token" ? 200 : 401, {
        headers: { "www-authenticate": 'Bearer realm="https://r.example/token"' },
      });

    expect((await tried(taken, token)).result).toMatchObject({ scheme: "bearer", account: { source: "x" } });
    const other: Credential = { ...token, token: new Secret("canary-other") };
    await expect(tried(taken, other)).rejects.toMatchObject({ code: "auth_denied" });
  });

  test("passes on what the token service says of a wrong password, without the password", async () => {
    const denied = tried(registryWith(bearerAuth(passwords, { clock })), me("canary-wrong"));

    await expect(denied).rejects.toMatchObject({ code: "auth_denied" });
    await denied.catch((error: unknown) => expect(String(error)).not.toContain("canary"));
  });

  test("keeps a password from a token service on a foreign host", async () => {
    const auth = bearerAuth(passwords, { clock, realm: "https://evil.example/token" });

    await expect(tried(registryWith(auth), me())).rejects.toMatchObject({ code: "realm_untrusted" });
  });

  test("says so where a registry asks without saying for what", async () => {
    await expect(tried(async (request) => respond(request, 401), me())).rejects.toMatchObject({ code: "rejected" });
  });
});
