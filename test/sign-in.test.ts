import { hashSync } from "bcryptjs";
import { describe, expect, test } from "vitest";
import { collect } from "../src/content/collect.ts";
import { openBody, readBody } from "../src/http/body.ts";
import { intercept, Secret, type HttpRequest, type Interceptor, type Send } from "../src/http/send.ts";
import { authorize } from "../src/registry/auth/authorize.ts";
import { login } from "../src/registry/login.ts";
import { credentialChain } from "../src/registry/credentials/chain.ts";
import { endpoints } from "../src/registry/endpoint.ts";
import { basicAuth } from "../src/server/basic-auth.ts";
import { bearerAuth } from "../src/server/bearer-auth.ts";
import { createMemoryStorage } from "../src/server/memory-storage.ts";
import { parseHtpasswd } from "../src/server/passwords.ts";
import { createRegistry } from "../src/server/registry.ts";
import { parseReference } from "../src/spec/reference.ts";
import { silent } from "../src/telemetry/events.ts";
import { fakeEnvironment } from "./support/credential-environment.ts";
import { create } from "../src/verbs/create.ts";
import { fakeClock } from "./support/fake-clock.ts";
import { pushImage } from "./support/images.ts";
import { simulate } from "./support/simulation.ts";

const host = "localhost:5000";
const htpasswd = `u:${hashSync("pw", 4)}\n`;

/** Our client before our registry, which asks for sign-in in one of its ways. */
function world(kind: "basic" | "bearer", lifetimeMs = 60_000) {
  const clock = fakeClock();
  const passwords = parseHtpasswd(htpasswd, clock);
  const auth = kind === "basic" ? basicAuth(passwords) : bearerAuth(passwords, { clock, lifetimeMs });
  const registry = createRegistry(createMemoryStorage(), { auth, clock });
  const log: string[] = [];
  const wire: Send = (request) => {
    log.push(`${request.method} ${new URL(request.url).pathname}`);
    return registry(request);
  };
  const environment = fakeEnvironment();
  const places = endpoints();
  const credentials = credentialChain(environment, { clock });
  const send = intercept(wire, places.settleScheme, authorize({ credentials, clock, report: silent }));
  const enter = (password: string) =>
    login(host, "u", new Secret(password), { ...places, send: wire, environment, clock, report: silent });
  const open: HttpRequest = {
    method: "POST",
    url: `${places.baseUrl(host)}/v2/a/b/blobs/uploads/`,
    registry: host,
    scopes: ["repository:a/b:pull,push"],
    operation: "upload-open",
  };
  return { send, enter, log, clock, open };
}

describe.each(["basic", "bearer"] as const)("a registry with %s sign-in", (kind) => {
  test("lets us in after a login, and from then on at once", async () => {
    const { send, enter, log, open } = world(kind);

    await enter("pw");
    expect((await send(open)).status).toBe(202);
    const before = log.length;
    expect((await send(open)).status).toBe(202);

    expect(log.length).toBe(before + 1);
  });

  test("refuses a wrong password at login, and us without one", async () => {
    const { send, enter, open } = world(kind);

    await expect(enter("wrong")).rejects.toMatchObject({ code: "auth_denied" });
    const seen = await send(open).then(
      async (response) => (await readBody(response, 1e5)) && response.status,
      (error: { code?: string }) => error.code,
    );
    expect([401, "auth_required"]).toContain(seen);
  });
});

test("a token that expired in the middle is renewed and the upload goes on (F01)", async () => {
  const { send, enter, clock, open, log } = world("bearer", 5000);
  await enter("pw");
  const location = (await send(open)).headers.get("location")!;
  const url = new URL(location, open.url).href;

  clock.advance(10_000);
  const seen = await send({ ...open, method: "PATCH", url, body: Buffer.from("half"), operation: "upload-body" });

  expect(seen.status).toBe(202);
  expect(log.slice(-3).map((line) => line.split(" ")[0])).toEqual(["PATCH", "POST", "PATCH"]);
});

test("a publish asks for rights to its own places, whatever its context was used for before", async () => {
  const asked: string[] = [];
  const watched: Interceptor = (next) => async (request) => {
    if (request.operation !== "token") return next(request);
    const body = await collect(openBody(request).body, 1e5);
    asked.push(new URLSearchParams(Buffer.from(body).toString()).get("scope") ?? "");
    return next({ ...request, body });
  };
  const storages = { "r.example": createMemoryStorage() };
  const simulation = await simulate({ storages, faults: () => watched });
  const source = await simulation.context.open(parseReference("r.example/from").location);
  await simulation.settle(pushImage(source, { tags: ["1"] }));
  const publishTo = (tag: string) =>
    simulation.settle(create({ sources: ["r.example/from:1"], tags: [tag] }, simulation.context));
  await publishTo("r.example/first:1");
  asked.length = 0;

  await publishTo("r.example/second:1");
  await publishTo("r.example/second:2");

  expect(asked).toEqual(["repository:from:pull repository:second:pull,push"]);
});
