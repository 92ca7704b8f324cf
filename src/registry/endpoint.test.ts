import { describe, expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { respond } from "../../test/support/responses.ts";
import { WaybillError, type Sent } from "../errors.ts";
import { readBody } from "../http/body.ts";
import { retry } from "../http/retry.ts";
import { intercept, Secret, type HttpRequest, type HttpResponse, type Send } from "../http/send.ts";
import { authorize } from "./auth/authorize.ts";
import { endpoints, type EndpointOptions } from "./endpoint.ts";

const url = "http://localhost:5000/v2/";
const nodeError = (code: string) => Object.assign(new Error(code), { code });
const get = (more: Partial<HttpRequest> = {}): HttpRequest => ({
  method: "GET",
  url,
  registry: "localhost:5000",
  ...more,
});
/** Over TLS a handshake that is reset has sent nothing of the request. */
const reset = (sent: Sent = "all") =>
  new WaybillError("connection_failed", "Cannot reach", { sent }, { cause: nodeError("ECONNRESET") });

type Answer = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

/** A port of this machine that answers by scheme. */
function port(answers: { http?: Answer; https?: Answer }, options: EndpointOptions = {}) {
  const log: string[] = [];
  const wire: Send = async (request) => {
    log.push(`${request.method} ${request.url} ${request.authorization ? "with credential" : "bare"}`);
    const { protocol } = new URL(request.url);
    const answer = protocol === "http:" ? answers.http : answers.https;
    if (!answer) throw reset(protocol === "http:" ? "all" : "nothing");
    return answer(request);
  };
  return { send: endpoints(options).settleScheme(wire), wire, log };
}

const ok: Answer = (request) => respond(request, 200, { body: "ok" });
const goRefusal: Answer = (request) =>
  respond(request, 400, { body: "Client sent an HTTP request to an HTTPS server.\n" });
const nginxRefusal: Answer = (request) =>
  respond(request, 400, { body: "<h1>400</h1>The plain HTTP request was sent to HTTPS port" });

describe("baseUrl", () => {
  test.each([
    ["docker.io", "https://registry-1.docker.io"],
    ["index.docker.io", "https://registry-1.docker.io"],
    ["ghcr.io", "https://ghcr.io"],
    ["10.0.0.5:5000", "https://10.0.0.5:5000"],
    ["localhost:5000", "http://localhost:5000"],
    ["LOCALHOST", "http://localhost"],
    ["127.1.2.3:1", "http://127.1.2.3:1"],
    ["[::1]:5000", "http://[::1]:5000"],
    ["localhost.evil.test", "https://localhost.evil.test"],
    ["127.0.0.1.evil.test", "https://127.0.0.1.evil.test"],
    ["plain.test:80", "http://plain.test:80"],
    ["builder.test", "http://builder.test"],
    ["localhost:9", "https://localhost:9"],
    ["localhost:99999", "https://localhost:99999"],
  ])("of %s is %s", (host, wanted) => {
    const settings = { ca: [], keypairs: [], mirrors: [] };
    const builder = new Map([
      ["builder.test", { ...settings, http: true }],
      ["localhost:9", { ...settings, http: false }],
    ]);
    expect(endpoints({ plainHttp: ["plain.test:80"], builder }).baseUrl(host)).toBe(wanted);
  });

  test.each(["https://reg.example", "reg.example/path", "reg example", "", "reg:port", "reg:99999", "-x"])(
    "cannot be made plain for %j",
    (host) => {
      expect(() => endpoints({ plainHttp: [host] })).toThrow(
        expect.objectContaining({
          code: "invalid_argument",
          message: `Cannot use --plain-http "${host}": it is not host[:port]`,
        }),
      );
    },
  );
});

describe("settleScheme", () => {
  test("stays with HTTP when the port answers it, at no extra request", async () => {
    const { send, log } = port({ http: ok });

    await Promise.all([send(get()), send(get())]);
    await send(get({ method: "POST" }));

    expect(log).toEqual([`GET ${url} bare`, `GET ${url} bare`, `POST ${url} bare`]);
  });

  test.each([
    ["Go", goRefusal],
    ["nginx", nginxRefusal],
    ["a reset", undefined],
    ["a TLS alert", () => Promise.reject(new WaybillError("not_a_registry", "Cannot understand"))],
  ])("turns to TLS when the port refuses HTTP as %s does, and remembers it", async (_, http) => {
    const { send, log } = port({ ...(http && { http }), https: ok });

    expect((await send(get())).url).toBe("https://localhost:5000/v2/");
    await send(get({ ledBy: "http://localhost:5000" as HttpRequest["ledBy"] & string }));

    expect(log).toEqual([
      `GET ${url} bare`,
      "GET https://localhost:5000/v2/ bare",
      "GET https://localhost:5000/v2/ bare",
    ]);
  });

  test("tries TLS when a HEAD gets a 400 that cannot explain itself, and keeps the 400 when there is no TLS", async () => {
    const refused: Answer = (request) => respond(request, 400);
    expect((await port({ http: refused, https: ok }).send(get({ method: "HEAD" }))).status).toBe(200);

    const plain = port({ http: refused });
    expect((await plain.send(get({ method: "HEAD" }))).status).toBe(400);
    await plain.send(get({ method: "HEAD" }));
    expect(plain.log).toHaveLength(3);
  });

  test("gives a 400 for another reason back whole, however long", async () => {
    const body = "x".repeat(10_000);
    const { send, log } = port({ http: (request) => respond(request, 400, { body }), https: ok });

    expect(Buffer.from(await readBody(await send(get()), 20_000)).toString()).toBe(body);
    expect(log).toHaveLength(1);
  });

  test("disposes of a 400 whose body breaks before it has said why", async () => {
    let isDisposed = false;
    async function* broken() {
      yield Buffer.from("Client sent");
      throw reset();
    }
    const dispose = async () => void (isDisposed = true);
    const answer: Answer = (request) => ({ ...respond(request, 400), body: broken(), [Symbol.asyncDispose]: dispose });

    await expect(port({ http: answer }).send(get())).rejects.toMatchObject({ code: "connection_failed" });
    expect(isDisposed).toBe(true);
  });

  test("tells the first failure when neither scheme answers, and settles nothing", async () => {
    const answers: { http?: Answer } = {};
    const { send } = port(answers);

    await expect(send(get())).rejects.toMatchObject({ code: "connection_failed" });
    answers.http = ok;
    expect((await send(get())).status).toBe(200);
  });

  test("does not try TLS when nobody listens, except where no port was named", async () => {
    const closed = () =>
      Promise.reject(new WaybillError("connection_failed", "Cannot reach", {}, { cause: nodeError("ECONNREFUSED") }));
    const named = port({ http: closed, https: ok });

    await expect(named.send(get())).rejects.toMatchObject({ code: "connection_failed" });
    expect(named.log).toHaveLength(1);
    expect((await port({ http: closed, https: ok }).send(get({ url: "http://localhost/v2/" }))).url).toBe(
      "https://localhost/v2/",
    );
  });

  test("says that the certificate is not trusted when the port speaks TLS with such a one", async () => {
    const untrusted = () =>
      Promise.reject(
        new WaybillError("tls_failed", "Cannot trust", {}, { cause: nodeError("DEPTH_ZERO_SELF_SIGNED_CERT") }),
      );

    await expect(port({ https: untrusted }).send(get())).rejects.toMatchObject({ code: "tls_failed" });
  });

  const afterHandshake: readonly [string, WaybillError][] = [
    ["is reset", new WaybillError("connection_failed", "Cannot reach over TLS", { sent: "all" })],
    ["is not answered", new WaybillError("timeout", "Cannot finish", { sent: "all", phase: "headers" })],
    ["stands still", new WaybillError("timeout", "Cannot finish", { sent: "some", phase: "idle" })],
  ];
  test.each(afterHandshake)("stays with TLS when a request over it %s", async (_name, failure) => {
    const { send, log } = port({ https: () => Promise.reject(failure) });
    await expect(send(get())).rejects.toBe(failure);
    await expect(send(get())).rejects.toBe(failure);
    expect(log).toEqual([
      `GET ${url} bare`,
      ...Array.from({ length: 2 }, () => `GET ${url.replace("http:", "https:")} bare`),
    ]);
  });

  test("tells the reset, not the TLS trouble, when the port speaks HTTP and was reset by chance", async () => {
    const noTls = () =>
      Promise.reject(new WaybillError("tls_failed", "Cannot speak", {}, { cause: nodeError("EPROTO") }));

    await expect(port({ https: noTls }).send(get())).rejects.toMatchObject({ code: "connection_failed" });
  });

  test("goes to TLS at once when certificates are kept for the port", async () => {
    const { send, log } = port({ https: ok }, { hasCertificates: async (host) => host === "localhost:5000" });

    await send(get());
    expect(log).toEqual(["GET https://localhost:5000/v2/ bare"]);
  });

  test("lets a POST wait for the request that settles the scheme", async () => {
    const { send, log } = port({ http: goRefusal, https: ok });

    await Promise.all([send(get()), send(get({ method: "POST" })), send(get({ method: "PUT" }))]);

    expect(log.filter((line) => line.includes("http:"))).toEqual([`GET ${url} bare`]);
  });

  test("leaves other hosts, TLS and named plain ones alone", async () => {
    const { send, log } = port({ http: goRefusal }, { plainHttp: ["localhost:7"] });
    const urls = ["http://plain.test/v2/", "http://localhost:7/v2/"];

    for (const other of urls) expect((await send(get({ url: other }))).status).toBe(400);
    expect(log).toHaveLength(2);
  });

  test("adds that a named plain host may speak TLS where it has answered nothing", async () => {
    const alert = () => Promise.reject(new WaybillError("not_a_registry", "Cannot understand", { sent: "all" }));
    const advice = 'If "localhost:5000" speaks TLS, leave --plain-http out';
    const options = { plainHttp: ["localhost:5000"] };

    for (const answers of [{}, { http: alert }])
      await expect(port(answers, options).send(get())).rejects.toMatchObject({ context: { advice, sent: "all" } });
  });

  test("lets a named plain host that may speak TLS be asked as often as one that refuses connections", async () => {
    const { wire, log } = port({});
    const clock = fakeClock();
    const again = retry({ clock, random: () => 0, report: () => undefined });
    const send = intercept(wire, again, endpoints({ plainHttp: ["localhost:5000"] }).settleScheme);

    const failed = send(get()).catch((error: unknown) => error);
    await clock.advanceSlowly(60_000, 1000);

    expect(await failed).toMatchObject({ context: { advice: expect.stringContaining("--plain-http") } });
    expect(log).toHaveLength(5);
  });

  test("adds nothing to the error of a named plain host that has answered, or was not reached", async () => {
    const options = { plainHttp: ["localhost:5000"] };
    let asked = 0;
    const answering = port({ http: (request) => (asked++ === 0 ? ok(request) : Promise.reject(reset())) }, options);
    const closed = port({ http: () => Promise.reject(reset("nothing")) }, options);

    await answering.send(get());

    for (const { send } of [answering, closed]) await expect(send(get())).rejects.not.toHaveProperty("context.advice");
  });

  test("lets no credential out before the scheme is settled", async () => {
    const wants = (request: HttpRequest) =>
      respond(request, request.authorization ? 200 : 401, { headers: { "www-authenticate": "Basic" } });
    const { wire, log } = port({ http: goRefusal, https: wants });
    const credentials = async () => ({ kind: "basic", username: "u", password: new Secret("p"), source: "x" }) as const;
    const send = intercept(
      wire,
      endpoints().settleScheme,
      authorize({ credentials, clock: fakeClock(), report: () => undefined }),
    );

    const seen = await Promise.all([send(get()), send(get()), send(get({ method: "PUT" }))]);

    expect(seen.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(log.filter((line) => line.endsWith("with credential")).every((line) => line.includes(" https:"))).toBe(true);
  });
});
