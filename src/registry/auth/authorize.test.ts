import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import { respond, textOf } from "../../../test/support/responses.ts";
import { readBody } from "../../http/body.ts";
import { WaybillError } from "../../errors.ts";
import { Secret, type HttpRequest, type HttpResponse, type Send } from "../../http/send.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { UnreadableCredentials, type Credential } from "../credentials/credential.ts";
import { authorize, type AuthorizeOptions } from "./authorize.ts";
import { covers } from "../../spec/scope.ts";

const origin = "https://reg.example";
const basic = (username = "u", password = "canary-password"): Credential => ({
  kind: "basic",
  username,
  password: new Secret(password),
  source: "auths in /c.json",
});
const pull = (repository = "a/b", more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: "GET",
  url: `${origin}/v2/${repository}/manifests/1`,
  registry: "reg.example",
  scopes: [`repository:${repository}:pull`],
  ...more,
});

interface WorldOptions extends Partial<AuthorizeOptions> {
  readonly realm?: string;
  readonly lifeSeconds?: number;
  /** Answers a token request otherwise; nothing for the usual answer. */
  readonly onToken?: (
    request: HttpRequest,
    seen: { scopes: readonly string[]; count: number },
  ) => HttpResponse | undefined;
  /** Answers a registry request otherwise. */
  readonly onRegistry?: (request: HttpRequest, authorization: string | undefined) => HttpResponse | undefined;
  /** What the registry's challenge says after the realm. */
  readonly challenge?: string;
}

/** A registry that wants tokens, its token service, and us before them. */
function world(options: WorldOptions = {}) {
  const clock = fakeClock();
  const log: string[] = [];
  const events: WaybillEvent[] = [];
  const tokens = new Map<string, { scopes: readonly string[]; until: number; who: string }>();
  const { realm = `${origin}/token`, lifeSeconds = 300 } = options;
  let count = 0;

  async function tokenAnswer(request: HttpRequest): Promise<HttpResponse> {
    const form = new URLSearchParams(request.method === "POST" ? await textOf(request) : new URL(request.url).search);
    const scopes = form.getAll("scope").flatMap((it) => it.split(" "));
    const who =
      request.authorization?.value.reveal() ?? form.get("password") ?? form.get("refresh_token") ?? "anonymous";
    log.push(`${request.method} token ${scopes.join(" ")}`);
    count += 1;
    const special = options.onToken?.(request, { scopes, count });
    if (special) return special;
    tokens.set(`t${count}`, { scopes, until: clock.now() + lifeSeconds * 1000, who });
    return respond(request, 200, { body: { token: `t${count}`, expires_in: lifeSeconds } });
  }

  function registryAnswer(request: HttpRequest): HttpResponse {
    const value = request.authorization?.value.reveal();
    log.push(`${request.method} ${new URL(request.url).pathname} ${value ?? "bare"}`);
    const special = options.onRegistry?.(request, value);
    if (special) return special;
    const token = tokens.get(value?.replace("Bearer ", "") ?? "");
    if (token && token.until > clock.now() && covers(token.scopes, request.scopes ?? []))
      return respond(request, 200, { body: "ok" });
    const challenge = `Bearer realm="${realm}",service="reg"${options.challenge ?? `,scope="${request.scopes?.join(" ") ?? ""}"`}`;
    return respond(request, 401, { headers: { "WWW-Authenticate": challenge } });
  }

  const wire: Send = async (request) => {
    if (request.authorization) expect(request.authorization.origin).toBe(new URL(request.url).origin);
    return request.operation === "token" ? tokenAnswer(request) : registryAnswer(request);
  };
  const report = (event: WaybillEvent) => void events.push(event);
  const send = authorize({ clock, report, credentials: async () => basic(), ...options })(wire);
  return { send, wire, log, events, clock, tokens };
}

describe("authorize", () => {
  test("sends the first request bare, then gets one token and repeats it", async () => {
    const { send, log } = world();

    expect((await send(pull())).status).toBe(200);
    expect(log).toEqual([
      "GET /v2/a/b/manifests/1 bare",
      "POST token repository:a/b:pull",
      "GET /v2/a/b/manifests/1 Bearer t1",
    ]);
  });

  test("asks a registry that challenges nobody without credentials", async () => {
    const { send, log } = world({
      credentials: async () => expect.unreachable("no credential is needed"),
      onRegistry: (request) => respond(request, 200),
    });

    await send(pull());
    expect(log).toEqual(["GET /v2/a/b/manifests/1 bare"]);
  });

  test("brings the token along at once when the challenge is known, for every scope of the run", async () => {
    const { send, log } = world({ scopesFor: () => ["repository:c/d:push", "repository:a/b:pull"] });

    await send(pull());
    await send(pull("c/d", { method: "POST", scopes: ["repository:c/d:push"] }));

    expect(log.slice(1)).toEqual([
      "POST token repository:a/b:pull repository:c/d:push",
      "GET /v2/a/b/manifests/1 Bearer t1",
      "POST /v2/c/d/manifests/1 Bearer t1",
    ]);
  });

  test("gets one token when many requests are in flight at first", async () => {
    const { send, log } = world({ scopesFor: () => ["repository:a/b:pull", "repository:c/d:pull"] });

    const seen = await Promise.all([pull(), pull(), pull("c/d"), pull("c/d")].map((request) => send(request)));

    expect(seen.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    expect(log.filter((line) => line.includes("token"))).toHaveLength(1);
  });

  test("goes on as nobody when a malformed file hides who we are, with one warning", async () => {
    const malformed = new UnreadableCredentials("invalid_config", "Cannot read credentials in /c.json: x");
    const { send, log, events } = world({ credentials: () => Promise.reject(malformed) });

    expect((await send(pull())).status).toBe(200);
    expect((await send(pull("c/d"))).status).toBe(200);

    expect(log[1]).toBe("GET token repository:a/b:pull");
    const message = "Cannot read credentials in /c.json: x; going on without, as long as no registry wants a login";
    expect(events.filter(({ type }) => type === "warning")).toMatchObject([{ message, isUrgent: true }]);
  });

  test.each<[string, WorldOptions]>([
    ["the token service refuses nobody", { onToken: (request) => respond(request, 401) }],
    ["its token is not enough", { onRegistry: (request, value) => (value ? respond(request, 401) : undefined) }],
    [
      "the registry wants a password",
      { onRegistry: (request) => respond(request, 401, { headers: { "www-authenticate": "Basic" } }) },
    ],
  ])("says which file is malformed when it hides who we are and %s", async (_, refusing) => {
    const malformed = new UnreadableCredentials("invalid_config", "Cannot read credentials in /c.json: x");
    const { send } = world({ credentials: () => Promise.reject(malformed), ...refusing });

    await expect(send(pull())).rejects.toBe(malformed);
  });

  test("asks anonymously by GET when there is no credential, whatever host the realm is on (S02)", async () => {
    const { send, log } = world({ credentials: async () => undefined, realm: "https://elsewhere.test/token" });

    expect((await send(pull())).status).toBe(200);
    expect(log[1]).toBe("GET token repository:a/b:pull");
  });

  test("keeps a credential from a foreign realm and names the flag (S02)", async () => {
    const { send, log } = world({ realm: "https://evil.test/token" });

    await expect(send(pull())).rejects.toMatchObject({
      code: "realm_untrusted",
      context: { advice: expect.stringContaining("--trust-realm evil.test") as string },
    });
    expect(log).toEqual(["GET /v2/a/b/manifests/1 bare"]);
    expect((await world({ realm: "https://evil.test/token", trustRealms: ["evil.test"] }).send(pull())).status).toBe(
      200,
    );
  });

  test("renews a token at 80 % of its life, before it is refused", async () => {
    const { send, log, clock } = world({ lifeSeconds: 100 });
    await send(pull());

    clock.advance(79_000);
    await send(pull());
    clock.advance(2_000);
    await send(pull());

    expect(log.slice(2)).toEqual([
      "GET /v2/a/b/manifests/1 Bearer t1",
      "GET /v2/a/b/manifests/1 Bearer t1",
      "POST token repository:a/b:pull",
      "GET /v2/a/b/manifests/1 Bearer t2",
    ]);
  });

  test("goes on with a token that still lives when its renewal fails for the moment", async () => {
    const { send, clock } = world({
      lifeSeconds: 100,
      onToken: (request, { count }) => (count > 1 ? respond(request, 503) : undefined),
    });
    await send(pull());

    clock.advance(90_000);
    expect((await send(pull())).status).toBe(200);
    clock.advance(20_000);
    await expect(send(pull())).rejects.toMatchObject({ code: "unavailable" });
  });

  test("renews once and repeats the whole body when tokens are refused amid a push (F01)", async () => {
    const { send, log, tokens } = world();
    const bodies: string[] = [];
    const push = (text: string) => {
      const open = async function* () {
        bodies.push(text);
        yield Buffer.from(text);
      };
      return send(pull("a/b", { method: "PUT", operation: "upload-body", body: { sizeBytes: text.length, open } }));
    };
    await send(pull());
    tokens.clear();

    const seen = await Promise.all([push("one"), push("two")]);

    expect(seen.map(({ status }) => status)).toEqual([200, 200]);
    expect(log.filter((line) => line.includes("token"))).toHaveLength(2);
    expect(log.slice(-2)).toEqual(Array(2).fill("PUT /v2/a/b/manifests/1 Bearer t2"));
  });

  test("gives the refusal back when it stays after two rounds (F02)", async () => {
    const { send, log } = world({
      scopesFor: () => ["repository:c/d:pull"],
      onRegistry: (request) =>
        respond(request, 401, { headers: { "www-authenticate": `Bearer realm="${origin}/token"` }, body: "why" }),
    });

    const seen = await send(pull());

    expect(seen.status).toBe(401);
    expect(Buffer.from(await readBody(seen, 1000)).toString()).toBe("why");
    expect(log.filter((line) => line.startsWith("GET /v2/"))).toHaveLength(3);
    expect(log.filter((line) => line.includes("token"))).toEqual([
      "POST token repository:a/b:pull repository:c/d:pull",
      "POST token repository:a/b:pull",
    ]);
  });

  test("asks once more when a token went void before its first use, and no more than that", async () => {
    const invalid = (voids: number) => {
      const seen = new Set<string>();
      return world({
        challenge: ',scope="repository:a/b:pull",error="invalid_token"',
        onRegistry(request, value) {
          if (value) seen.add(value);
          const challenge = `Bearer realm="${origin}/token",service="reg",error="invalid_token"`;
          return seen.size <= voids ? respond(request, 401, { headers: { "WWW-Authenticate": challenge } }) : undefined;
        },
      });
    };
    const once = invalid(1);
    expect((await once.send(pull())).status).toBe(200);
    const always = invalid(9);
    expect((await always.send(pull())).status).toBe(401);
    expect(always.log.filter((line) => line.includes(" token "))).toHaveLength(2);
  });

  test("asks with the missing scope first when a service looks at one scope only, and remembers it (F06)", async () => {
    const { send, log, tokens } = world({ scopesFor: () => ["repository:src:pull"] });
    const mount = pull("a/b", { method: "POST", scopes: ["repository:a/b:pull,push", "repository:src:pull"] });
    const first = pull("src");
    await send(first);
    for (const token of tokens.values()) token.scopes = token.scopes.slice(0, 1);

    expect((await send(mount)).status).toBe(200);
    const before = log.length;
    expect((await send(mount)).status).toBe(200);

    expect(log.length).toBe(before + 1);
  });

  test("asks for the request's own scopes when the service refuses the token of the whole run", async () => {
    const { send, log } = world({
      scopesFor: () => ["repository:forbidden:pull"],
      onToken: (request, { scopes }) =>
        scopes.length > 1 ? respond(request, 403, { body: { message: "denied" } }) : undefined,
    });

    expect((await send(pull())).status).toBe(200);
    expect((await send(pull("c/d"))).status).toBe(200);
    expect(log.filter((line) => line.includes("forbidden"))).toHaveLength(2);
    expect((await send(pull())).status).toBe(200);
    expect(log.filter((line) => line.includes("forbidden"))).toHaveLength(2);
  });

  test("sends a wrong password for two sets of scopes at most, however many repositories want a token", async () => {
    const repositories = ["a", "b", "c", "d", "e", "f"];
    const scopesFor = () => repositories.map((it) => `repository:${it}:pull`);
    const { send, log } = world({ scopesFor, onToken: (request) => respond(request, 401) });

    const first = await Promise.allSettled(repositories.map((it) => send(pull(it))));
    const later = await Promise.allSettled(repositories.map((it) => send(pull(it))));

    for (const result of [...first, ...later])
      expect(result).toMatchObject({ status: "rejected", reason: { code: "auth_denied", context: { status: 401 } } });
    expect(log.filter((line) => line.includes(" token "))).toHaveLength(4);
  });

  test("asks on for the others when a service refused two repositories with 403, and when one 401 was for its scopes", async () => {
    const repositories = ["a", "b", "c", "d"];
    for (const status of [401, 403]) {
      const { send } = world({
        scopesFor: () => repositories.map((it) => `repository:${it}:pull`),
        onToken: (request, { scopes }) => (scopes.length > 1 ? respond(request, status) : undefined),
      });
      const answers = await Promise.all(repositories.map((it) => send(pull(it))));
      expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200, 200]);
    }
  });

  test("takes a 403 that says insufficient_scope for a refusal", async () => {
    const { send } = world({
      onRegistry: (request, authorization) =>
        authorization === undefined
          ? respond(request, 403, {
              headers: { "www-authenticate": `Bearer realm="${origin}/token",error="insufficient_scope"` },
            })
          : undefined,
    });

    expect((await send(pull())).status).toBe(200);
  });

  test("takes the ping's challenge when a 401 says nothing, asked for once (F07)", async () => {
    const { send, log } = world({
      onRegistry: (request, authorization) =>
        authorization === undefined && request.operation !== "ping" ? respond(request, 401) : undefined,
    });

    const seen = await Promise.all([send(pull()), send(pull())]);

    expect(seen.map(({ status }) => status)).toEqual([200, 200]);
    expect(log.filter((line) => line === "GET /v2/ bare")).toHaveLength(1);
  });

  test("falls back to GET where POST is not known, and remembers it (F04)", async () => {
    for (const status of [400, 401, 404, 405, 411, 415, 501]) {
      const { send, log } = world({
        lifeSeconds: 60,
        onToken: (request) => (request.method === "POST" ? respond(request, status) : undefined),
      });

      expect((await send(pull())).status).toBe(200);
      expect((await send(pull("c/d"))).status).toBe(200);
      expect(log.filter((line) => line.includes("token")).map((line) => line.slice(0, 4))).toEqual([
        "POST",
        "GET ",
        "GET ",
      ]);
    }
  });

  test("falls back to GET where a gateway answers POST with a page that forbids it, and takes a service's own word", async () => {
    const answersOf = async (type: string) => {
      const headers = { "content-type": type };
      const { send, log } = world({
        onToken: (request) => (request.method === "POST" ? respond(request, 403, { headers }) : undefined),
      });
      const answer = await send(pull()).catch((error: unknown) => error);
      return [answer, log.filter((line) => line.includes("token")).length];
    };
    expect(await answersOf("text/html; charset=utf-8")).toMatchObject([{ status: 200 }, 2]);
    expect(await answersOf("application/json")).toMatchObject([{ code: "auth_denied", context: { status: 403 } }, 1]);
  });

  test("does not call a token service unavailable that lacks what it is asked for", async () => {
    const { send } = world({ onToken: (request) => respond(request, 501) });
    await expect(send(pull())).rejects.toMatchObject({ code: "rejected", context: { status: 501 } });
  });

  test("answers Basic with the credential, at once from then on", async () => {
    const expected = `Basic ${Buffer.from("u:canary-password").toString("base64")}`;
    const { send, log } = world({
      onRegistry: (request, value) =>
        respond(request, value === expected ? 200 : 401, { headers: { "www-authenticate": 'Basic realm="r"' } }),
    });

    expect([(await send(pull())).status, (await send(pull())).status]).toEqual([200, 200]);
    expect(log).toHaveLength(3);
  });

  test("gives the refusal back when Basic is asked for and there is no credential, or a wrong one", async () => {
    for (const credentials of [async () => undefined, async () => basic()]) {
      const { send, log } = world({
        credentials,
        onRegistry: (request) => respond(request, 401, { headers: { "www-authenticate": "Basic" } }),
      });

      expect((await send(pull())).status).toBe(401);
      expect(log.length).toBeLessThanOrEqual(2);
    }
  });

  test("sends a registry token as it is, and asks no token service", async () => {
    const { send, log } = world({
      credentials: async () => ({ kind: "registry-token", token: new Secret("given"), source: "x" }),
      onRegistry: (request, value) => (value === "Bearer given" ? respond(request, 200) : undefined),
    });

    expect((await send(pull())).status).toBe(200);
    expect(log).toEqual(["GET /v2/a/b/manifests/1 bare", "GET /v2/a/b/manifests/1 Bearer given"]);
  });

  test("uses the rotated identity token from then on (F14)", async () => {
    const used: (string | null)[] = [];
    const { send, wire } = world();
    void send;
    const rotating: Send = async (request) => {
      if (request.operation !== "token") return wire(request);
      const form = new URLSearchParams(await textOf(request));
      used.push(form.get("refresh_token"));
      const inner = await wire(request);
      const answer = JSON.parse(Buffer.from(await readBody(inner, 1000)).toString()) as object;
      return respond(request, 200, { body: { ...answer, refresh_token: `rotated${used.length}` } });
    };
    const identity: Credential = { kind: "identity-token", token: new Secret("first"), source: "x" };
    const clocked = authorize({ clock: fakeClock(), report: () => undefined, credentials: async () => identity })(
      rotating,
    );

    await clocked(pull());
    await clocked(pull("c/d"));

    expect(used).toEqual(["first", "rotated1"]);
  });

  test("keeps the tokens of two accounts of one host apart", async () => {
    const { send, log, tokens } = world({
      credentials: async (_, repository) => basic(repository, `pw-${repository}`),
      scopesFor: () => ["repository:a:pull", "repository:b:pull"],
    });

    await Promise.all([send(pull("a")), send(pull("b"))]);
    await send(pull("a"));

    expect([...tokens.values()].map(({ who, scopes }) => [who, scopes])).toEqual([
      ["pw-a", ["repository:a:pull"]],
      ["pw-b", ["repository:b:pull"]],
    ]);
    expect(log.at(-1)).toMatch(/Bearer/);
  });

  test("answers no challenge of a place that the registry redirected or led to (S01, S04)", async () => {
    const challenge = { headers: { "www-authenticate": 'Basic realm="give"' } };
    const redirected = world({
      onRegistry: (request) => respond(request, 401, { ...challenge, url: "https://evil.test/x" }),
    });
    const other = world({ onRegistry: (request) => respond(request, 401, challenge) });
    const led = pull("a", { url: "https://evil.test/upload", ledBy: origin as HttpRequest["ledBy"] & string });

    expect((await redirected.send(pull())).status).toBe(401);
    expect((await other.send(led)).status).toBe(401);
    expect((await other.send(pull("a", { url: "https://evil.test/upload" }))).status).toBe(401);
    expect((await other.send({ method: "GET", url: `${origin}/x` })).status).toBe(401);
    expect((await other.send(pull("a", { url: `${origin}:8443/v2/` }))).status).toBe(401);
    const downgraded = pull("a", { url: "http://reg.example/upload", ledBy: origin as HttpRequest["ledBy"] & string });
    expect((await other.send(downgraded)).status).toBe(401);
    expect([...redirected.log, ...other.log].every((line) => line.endsWith(" bare"))).toBe(true);
  });

  test("counts nothing of the request as sent when the token service cannot be reached", async () => {
    const { send } = world({
      onToken: () => {
        throw new WaybillError("connection_failed", "Cannot connect", { sent: "all" });
      },
    });

    await expect(send(pull())).rejects.toMatchObject({
      code: "connection_failed",
      message: 'Cannot get a token for "reg.example": Cannot connect',
      context: { sent: "nothing" },
    });
  });

  test.each([
    [429, "rate_limited"],
    [503, "unavailable"],
    [403, "auth_denied"],
    [302, "rejected"],
  ])("fails by kind when the token service answers %i", async (status, code) => {
    const { send } = world({
      onToken: (request) =>
        respond(request, status, { headers: { "retry-after": "7" }, body: { errors: [{ message: "because" }] } }),
    });

    await expect(send(pull())).rejects.toMatchObject({
      code,
      context: { status, detail: "because", retryAfterMs: 7000 },
    });
  });

  test("tells whoever has a refused credential to log in again", async () => {
    const { send } = world({ onToken: (request) => respond(request, 401) });

    await expect(send(pull())).rejects.toMatchObject({
      code: "auth_denied",
      context: { advice: "Log in again with: waybill login reg.example -u USER --password-stdin" },
    });
  });

  test("says once which credential a registry refuses", async () => {
    const { send, events } = world({
      onRegistry: (request) => respond(request, 401, { headers: { "WWW-Authenticate": 'Basic realm="x"' } }),
    });

    expect((await send(pull())).status).toBe(401);
    expect((await send(pull("c/d"))).status).toBe(401);
    expect(events.filter(({ type }) => type === "warning")).toEqual([
      {
        type: "warning",
        message: "reg.example refuses the credential from auths in /c.json",
        isUrgent: true,
        at: expect.any(Number),
      },
    ]);
  });

  test("says nothing of the credential where its token is refused", async () => {
    const { send, events } = world({
      onRegistry: (request) => respond(request, 401, { headers: { "WWW-Authenticate": `Bearer realm="${origin}/t"` } }),
    });

    expect((await send(pull())).status).toBe(401);
    expect(events.filter(({ type }) => type === "warning")).toEqual([]);
  });

  test("says nothing of credentials where none was sent", async () => {
    const { send, events } = world({
      credentials: async () => undefined,
      onRegistry: (request) => respond(request, 401, { headers: { "WWW-Authenticate": 'Basic realm="x"' } }),
    });

    expect((await send(pull())).status).toBe(401);
    expect(events.filter(({ type }) => type === "warning")).toEqual([]);
  });

  test("tells an anonymous user to log in when the service refuses", async () => {
    const { send } = world({ credentials: async () => undefined, onToken: (request) => respond(request, 401) });

    await expect(send(pull())).rejects.toMatchObject({
      code: "auth_required",
      context: { advice: "Log in with: waybill login reg.example -u USER --password-stdin" },
    });
  });

  test.each([
    "",
    "<html>",
    "[]",
    '{"token":""}',
    '{"token":"a b"}',
    '{"token":"a\\r\\nx: y"}',
    '{"token":3}',
    "[".repeat(1000),
  ])("rejects the token answer %j", async (body) => {
    await expect(world({ onToken: (request) => respond(request, 200, { body }) }).send(pull())).rejects.toMatchObject({
      code: "rejected",
    });
  });

  test("stops reading when the token answer is longer than 1 MiB", async () => {
    const body = `{"token":"${"a".repeat(2 ** 20)}"}`;

    await expect(world({ onToken: (request) => respond(request, 200, { body }) }).send(pull())).rejects.toMatchObject({
      code: "too_large",
    });
  });

  test.each([
    [undefined, 60],
    [1, 60],
    ["120", 120],
    [1e9, 3600],
    ["soon", 60],
    [null, 60],
  ])("takes expires_in %j for a life of %i seconds (F05)", async (expires, seconds) => {
    const { send, log, clock } = world({
      onToken: (request) => respond(request, 200, { body: { access_token: "fixed", expires_in: expires } }),
      onRegistry: (request, value) => (value ? respond(request, 200) : undefined),
    });
    await send(pull());

    clock.advance(seconds * 800 - 1);
    await send(pull());
    expect(log.filter((line) => line.includes("token"))).toHaveLength(1);
    clock.advance(1);
    await send(pull());
    expect(log.filter((line) => line.includes("token"))).toHaveLength(2);
  });

  test("tells for debugging where the credential came from and what a token does not grant (F15)", async () => {
    const claims = Buffer.from(
      JSON.stringify({ access: [{ type: "repository", name: "a/b", actions: null }] }),
    ).toString("base64url");
    const { send, events } = world({
      onToken: (request) => respond(request, 200, { body: { token: `h.${claims}.s` } }),
      onRegistry: (request, value) => (value ? respond(request, 200) : undefined),
    });

    await send(pull());

    expect(events.map((event) => event.type === "debug" && event.message)).toEqual([
      "credential for reg.example from auths in /c.json",
      "the token service of reg.example did not grant repository:a/b:pull",
    ]);
  });

  test("stops when the caller's signal aborts, and leaves others their token", async () => {
    const stop = new AbortController();
    let answerNow: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (answerNow = resolve));
    const { wire } = world();
    const slow: Send = async (request) => {
      if (request.operation === "token") await held;
      return wire(request);
    };
    const send = authorize({ clock: fakeClock(), report: () => undefined, credentials: async () => basic() })(slow);
    const [first, second] = [send(pull("a/b", { signal: stop.signal })), send(pull())];
    await new Promise((resolve) => setImmediate(resolve));

    stop.abort(new WaybillError("cancelled", "Cannot go on: stopped"));
    await expect(first).rejects.toMatchObject({ code: "cancelled" });
    answerNow();
    expect((await second).status).toBe(200);
  });

  test("shows no secret in errors and events when every party misbehaves (S12)", async () => {
    const echo = (text: string) => (request: HttpRequest) =>
      respond(request, 403, { body: { errors: [{ message: text }] } });
    const secrets = [
      "canary-password",
      Buffer.from("u:canary-password").toString("base64"),
      encodeURIComponent("canary-password"),
    ];
    const shown: unknown[] = [];
    for (const text of secrets) {
      const { send, events } = world({ onToken: echo(`you sent ${text}`) });
      shown.push(await send(pull()).catch((error: unknown) => error), events);
      const refused = world({
        onToken: () => {
          throw new WaybillError("connection_failed", "Cannot connect");
        },
      });
      shown.push(await refused.send(pull()).catch((error: unknown) => error), refused.events);
    }

    const text = inspect(shown, { depth: 20, showHidden: true }) + JSON.stringify(shown);
    expect(text).not.toContain("canary");
    expect(text).not.toContain(secrets[1]);
    expect(text).toContain("[redacted]");
  });
});
