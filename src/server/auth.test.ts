import { hash } from "bcryptjs";
import { beforeAll, describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { readBody } from "../http/body.ts";
import { Secret, type Method, type Send } from "../http/send.ts";
import { originOf } from "../http/url.ts";
import { digestOf } from "../spec/digest.ts";
import { basicAuth } from "./basic-auth.ts";
import { bearerAuth, type BearerAuthOptions } from "./bearer-auth.ts";
import { createMemoryStorage } from "./memory-storage.ts";
import { parseHtpasswd } from "./passwords.ts";
import { createRegistry, type RegistryOptions } from "./registry.ts";

const base = "http://registry.example";
const bytes = Buffer.from("hello");
const digest = digestOf(bytes);
let htpasswd = "";

beforeAll(async () => {
  htpasswd = `# users\nann:${await hash("secret", 4)}\nbob:${await hash("pass:word", 4)}\n`;
});

function asking(send: Send) {
  return async (method: Method, path: string, { as, body }: { as?: string; body?: Uint8Array } = {}) => {
    const authorization = as === undefined ? undefined : { origin: originOf(base), value: new Secret(as) };
    const url = new URL(path, base).href;
    const response = await send({ method, url, ...(authorization && { authorization }), ...(body && { body }) });
    const text = Buffer.from(await readBody(response, 1e6)).toString();
    return {
      status: response.status,
      headers: response.headers,
      json: text.startsWith("{") ? (JSON.parse(text) as unknown) : undefined,
    };
  };
}

function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString("base64")}`;
}

describe("basicAuth", () => {
  function registry(options: { anonymousPull?: boolean } = {}, more: RegistryOptions = {}) {
    const auth = basicAuth(parseHtpasswd(htpasswd, fakeClock()), options);
    return asking(createRegistry(createMemoryStorage(), { auth, ...more }));
  }

  test("basicAuth admits its users, passwords with colons too, and nobody else", async () => {
    const ask = registry();
    const statuses = [];
    for (const as of [
      basic("ann", "secret"),
      basic("bob", "pass:word"),
      basic("ann", "wrong"),
      basic("eve", "secret"),
      "Basic !",
      undefined,
    ]) {
      statuses.push((await ask("GET", "/v2/", as === undefined ? {} : { as })).status);
    }
    expect(statuses).toEqual([200, 200, 401, 401, 401, 401]);
  });

  test("basicAuth challenges in the API's form", async () => {
    const refused = await registry()("GET", "/v2/a/tags/list");
    expect(refused.headers.get("www-authenticate")).toBe('Basic realm="registry"');
    expect(refused.json).toMatchObject({ errors: [{ code: "UNAUTHORIZED" }] });
  });

  test("basicAuth with anonymousPull lets everybody read content, and only that", async () => {
    const ask = registry({ anonymousPull: true });
    await ask("POST", `/v2/a/blobs/uploads/?digest=${digest}`, { as: basic("ann", "secret"), body: bytes });
    expect((await ask("GET", `/v2/a/blobs/${digest}`)).status).toBe(200);
    expect((await ask("POST", "/v2/a/blobs/uploads/")).status).toBe(401);
    expect((await ask("DELETE", `/v2/a/blobs/${digest}`)).status).toBe(401);
    expect((await ask("GET", "/v2/_catalog")).status).toBe(401);
    expect((await ask("GET", `/v2/a/blobs/${digest}`, { as: basic("ann", "wrong") })).status).toBe(401);
  });

  test("an upload belongs to the user who opened it", async () => {
    const ask = registry();
    const location = (await ask("POST", "/v2/a/blobs/uploads/", { as: basic("ann", "secret") })).headers.get(
      "location",
    )!;
    expect((await ask("GET", location, { as: basic("bob", "pass:word") })).status).toBe(404);
    expect((await ask("GET", location, { as: basic("ann", "secret") })).status).toBe(204);
  });
});

describe("bearerAuth", () => {
  function registry(options: Partial<BearerAuthOptions> = {}) {
    const clock = fakeClock();
    const auth = bearerAuth(parseHtpasswd(htpasswd, clock), { clock, ...options });
    return { clock, ask: asking(createRegistry(createMemoryStorage(), { auth })) };
  }

  async function tokenFor(
    ask: ReturnType<typeof asking>,
    scopes: readonly string[],
    as = basic("ann", "secret"),
  ): Promise<string> {
    const query = scopes.map((scope) => `scope=${encodeURIComponent(scope)}`).join("&");
    const given = await ask("GET", `/token?service=waybill&${query}`, { as });
    expect(given.status).toBe(200);
    return `Bearer ${(given.json as { token: string }).token}`;
  }

  test("bearerAuth names realm, service and the scope that is missing", async () => {
    const refused = await registry().ask("POST", `/v2/a/blobs/uploads/?mount=${digest}&from=b`);
    expect(refused.status).toBe(401);
    expect(refused.headers.get("www-authenticate")).toBe(
      `Bearer realm="${base}/token",service="waybill",scope="repository:a:pull,push repository:b:pull"`,
    );
  });

  test.each(['x",realm="http://evil.example/', "a\r\nb", "€", "a/../b", ""])(
    "bearerAuth takes nothing of a mount's source that is no repository into its challenge: %j",
    async (from) => {
      const query = new URLSearchParams({ mount: digest, from });
      const refused = await registry().ask("POST", `/v2/a/blobs/uploads/?${query.toString()}`);
      expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
        401,
        `Bearer realm="${base}/token",service="waybill",scope="repository:a:pull,push"`,
      ]);
    },
  );

  test("bearerAuth lets a token do what it was asked for, and nothing else", async () => {
    const { ask } = registry();
    const as = await tokenFor(ask, ["repository:a:pull,push"]);
    expect((await ask("POST", `/v2/a/blobs/uploads/?digest=${digest}`, { as, body: bytes })).status).toBe(201);
    expect((await ask("GET", `/v2/a/blobs/${digest}`, { as })).status).toBe(200);
    const refused = await ask("DELETE", `/v2/a/blobs/${digest}`, { as });
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining('error="insufficient_scope"'),
    ]);
    expect((await ask("GET", `/v2/b/blobs/${digest}`, { as })).status).toBe(401);
    expect((await ask("GET", "/v2/", { as })).status).toBe(200);
  });

  test("bearerAuth mounts only from where the token may read, also when no source is named", async () => {
    const { ask } = registry();
    const owner = await tokenFor(ask, ["repository:secret:pull,push"]);
    await ask("POST", `/v2/secret/blobs/uploads/?digest=${digest}`, { as: owner, body: bytes });
    const narrow = await tokenFor(ask, ["repository:a:pull,push"]);
    expect((await ask("POST", `/v2/a/blobs/uploads/?mount=${digest}&from=secret`, { as: narrow })).status).toBe(401);
    expect((await ask("POST", `/v2/a/blobs/uploads/?mount=${digest}`, { as: narrow })).status).toBe(202);
    const wide = await tokenFor(ask, ["repository:a:pull,push", "repository:secret:pull"]);
    expect((await ask("POST", `/v2/a/blobs/uploads/?mount=${digest}`, { as: wide })).status).toBe(201);
  });

  test("bearerAuth takes several scopes in one parameter", async () => {
    const { ask } = registry();
    const as = await tokenFor(ask, ["repository:a:pull repository:b:pull"]);
    expect((await ask("GET", "/v2/b/tags/list", { as })).status).toBe(404);
  });

  test("bearerAuth lets a token expire on the clock", async () => {
    const { ask, clock } = registry({ lifetimeMs: 60_000 });
    const as = await tokenFor(ask, ["repository:a:pull"]);
    clock.advance(59_000);
    expect((await ask("GET", "/v2/", { as })).status).toBe(200);
    clock.advance(2_000);
    const refused = await ask("GET", "/v2/", { as });
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining("invalid_token"),
    ]);
  });

  test("bearerAuth gives tokens by form, and new ones for a refresh token", async () => {
    const { ask } = registry();
    const form = (fields: Record<string, string>) => ({ body: Buffer.from(new URLSearchParams(fields).toString()) });
    const password = { grant_type: "password", username: "ann", password: "secret", access_type: "offline" };
    const first = await ask(
      "POST",
      "/token",
      form({ ...password, service: "waybill", client_id: "test", scope: "repository:a:pull" }),
    );
    const { refresh_token: refresh } = first.json as { refresh_token: string };
    const renewed = { grant_type: "refresh_token", refresh_token: refresh, scope: "repository:a:pull" };
    const second = await ask("POST", "/token", form(renewed));
    const as = `Bearer ${(second.json as { access_token: string }).access_token}`;
    expect((await ask("GET", "/v2/a/tags/list", { as })).status).toBe(404);
    expect((await ask("GET", "/v2/a/tags/list", { as: `Bearer ${refresh}` })).status).toBe(401);
    expect((await ask("POST", "/token", form({ ...renewed, refresh_token: as.slice(7) }))).status).toBe(401);
    expect((await ask("POST", "/token", form({ ...password, password: "wrong" }))).status).toBe(401);
    expect((await ask("POST", "/token", form({ grant_type: "authorization_code" }))).status).toBe(400);
  });

  test("bearerAuth gives nobody a token without a password, unless reading is open to all", async () => {
    expect((await registry().ask("GET", "/token?scope=repository:a:pull")).status).toBe(401);
    const { ask } = registry({ anonymousPull: true });
    const given = await ask("GET", "/token?scope=repository:a:pull,push");
    const as = `Bearer ${(given.json as { token: string }).token}`;
    expect((await ask("GET", "/v2/a/tags/list", { as })).status).toBe(404);
    expect((await ask("POST", "/v2/a/blobs/uploads/", { as })).status).toBe(401);
    expect((await ask("GET", "/token", { as: basic("ann", "wrong") })).status).toBe(401);
  });

  test("bearerAuth wants a key of 32 bytes", () => {
    const clock = fakeClock();
    expect(() => bearerAuth(parseHtpasswd(htpasswd, clock), { clock, key: Buffer.alloc(16) })).toThrow(RangeError);
  });
});

describe("parseHtpasswd", () => {
  test("parseHtpasswd refuses hashes that are not bcrypt and names the line, not its content", () => {
    const weak = "ann:$apr1$r31.....$HqJZimcKQFAMYayBlzkrA/\n";
    expect(() => parseHtpasswd(`\n${weak}`, fakeClock())).toThrow(/line 2 /);
    expect(() => parseHtpasswd(weak, fakeClock())).not.toThrow(/apr1/);
  });

  test("a password that was right is remembered, a wrong one is checked again", async () => {
    const clock = fakeClock();
    const passwords = parseHtpasswd(htpasswd, clock);
    expect(await passwords.check("ann", "secret")).toBe(true);
    expect(await passwords.check("ann", "secret")).toBe(true);
    expect(await passwords.check("ann", "wrong")).toBe(false);
    clock.advance(600_000);
    expect(await passwords.check("ann", "secret")).toBe(true);
  });
});
