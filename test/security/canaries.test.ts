import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect as show } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/async/clock.ts";
import { digestOf } from "../../src/spec/digest.ts";
import { goJson } from "../../src/spec/json.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { parseReference } from "../../src/spec/reference.ts";
import { Measurer } from "../../src/telemetry/derive/measurements.ts";
import { SpanMaker } from "../../src/telemetry/derive/spans.ts";
import { traceIdentity } from "../../src/telemetry/trace-context.ts";
import { create } from "../../src/verbs/create.ts";
import { openContext } from "../../src/verbs/context.ts";
import { answerWith, evilHost, type Arrived, type EvilHost } from "../support/evil-host.ts";
import { basicEntry } from "../support/hosts.ts";
import { runInProcess, type Ran } from "../support/in-process.ts";

// S12: a token of its own in every place that holds a secret. None of them may be seen anywhere.
const canaries = {
  password: "canary-password-8h2",
  identity: "canary-identity-8h2",
  registry: "canary-registry-8h2",
  bearer: "canary-bearer-8h2",
  signature: "canary-signature-8h2",
  state: "canary-state-8h2",
  proxy: "canary-proxy-8h2",
  rotated: "canary-rotated-8h2",
};
const forms = Object.values(canaries).flatMap((canary) => {
  const pairs = [canary, `me:${canary}`].map((text) => Buffer.from(text).toString("base64").replace(/=+$/, ""));
  return [canary, ...pairs];
});
const config = Buffer.from('{"architecture":"amd64","os":"linux"}');
const layer = Buffer.from("layer");
const manifest = goJson({
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.byteLength },
  layers: [{ mediaType: mediaTypes.ociLayerGzip, digest: digestOf(layer), size: layer.byteLength }],
});

type Stage = "token" | "manifest" | "blob" | "open" | "upload" | "push" | "none";
const stages: readonly Stage[] = ["none", "token", "manifest", "blob", "open", "upload", "push"];
const entries = {
  password: basicEntry("me", canaries.password),
  identity: { identitytoken: canaries.identity },
  registry: { registrytoken: canaries.registry },
};

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "waybill-canary-"))));
afterEach(() => rmSync(folder, { recursive: true }));

interface Plan {
  readonly stage: Stage;
  readonly status: number;
  readonly scheme: "bearer" | "basic";
  /** Where content is redirected to. */
  readonly store: string;
}

/** Everything that came, as an error's own words: a server that is as talkative as can be. */
function echo({ method, target, headers, body }: Arrived): string {
  return `you sent ${method} ${target} ${JSON.stringify(headers)} ${body} ${decodeURIComponent(body)}`;
}

function failWith(arrived: Arrived, status: number) {
  const text = echo(arrived);
  const headers = { "content-type": "application/json", "retry-after": "999999", warning: `299 - "${quoted(text)}"` };
  return [status, { headers, body: { errors: [{ code: "DENIED", message: text, detail: text }] } }] as const;
}

function quoted(text: string): string {
  return text.replace(/["\\]/g, "\\$&").replace(/[^\x20-\x7e]/g, "");
}

/** A registry with a token service, both of which tell everybody what they were told. */
function talkative(plan: Plan) {
  return evilHost((arrived, response) => {
    const { method, target, headers } = arrived;
    const path = target.replace(/^http:\/\/[^/]*/, "").split("?")[0] ?? "";
    const fails = (stage: Stage) => plan.stage === stage;
    const ok = (status: number, more: Record<string, string> = {}, body: unknown = "") =>
      answerWith(response, status, { headers: { warning: `299 - "${quoted(echo(arrived))}"`, ...more }, body });
    const fail = () => answerWith(response, ...failWith(arrived, plan.status));
    const host = String(headers["host"]);
    if (path === "/token") {
      if (fails("token")) return fail();
      return ok(200, {}, { token: canaries.bearer, refresh_token: canaries.rotated });
    }
    if (headers["authorization"] === undefined) {
      const challenge = plan.scheme === "basic" ? 'Basic realm="x"' : `Bearer realm="http://${host}/token",service="s"`;
      return answerWith(response, 401, { headers: { "www-authenticate": challenge } });
    }
    if (path.includes("/manifests/")) {
      if (method === "PUT") {
        if (fails("push")) return fail();
        return ok(201, { "docker-content-digest": digestOf(Buffer.from(arrived.body)) });
      }
      if (fails("manifest")) return fail();
      if (!path.includes("/source/")) return answerWith(response, 404);
      return ok(200, { "content-type": mediaTypes.ociManifest }, manifest);
    }
    if (path.includes("/blobs/sha256:")) {
      if (!path.includes("/source/") || method === "HEAD") return answerWith(response, 404);
      const location = `http://${plan.store}${path}?X-Amz-Signature=${canaries.signature}&x=1`;
      return answerWith(response, 307, { headers: { location } });
    }
    if (method === "POST") {
      if (fails("open")) return fail();
      return ok(202, { location: `/v2/target/blobs/uploads/1?_state=${canaries.state}` });
    }
    if (method === "PUT" || method === "PATCH") {
      if (fails("upload")) return fail();
      return ok(201, {
        "docker-content-digest": /sha256(?::|%3A)[0-9a-f]{64}/i.exec(target)?.[0].replace("%3A", ":") ?? "",
      });
    }
    return answerWith(response, method === "DELETE" ? 204 : 404);
  });
}

/** Where content lies: presigned addresses, and errors that quote them as S3's do. */
function objectStore(fails: boolean, status: number) {
  return evilHost((arrived, response) => {
    if (fails) return answerWith(response, ...failWith(arrived, status));
    const body = arrived.target.includes(digestOf(config)) ? config : layer;
    return answerWith(response, 200, { body });
  });
}

function files(path: string): readonly string[] {
  return readdirSync(path).flatMap((name) => {
    const inner = join(path, name);
    return statSync(inner).isDirectory() ? files(inner) : name === "config.json" ? [] : [readFileSync(inner, "utf8")];
  });
}

function home(auths: object): Record<string, string> {
  const path = join(folder, "docker");
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "config.json"), JSON.stringify({ auths }));
  return { HOME: path, DOCKER_CONFIG: path };
}

function expectNoCanary(...texts: readonly string[]): void {
  for (const text of texts) for (const form of forms) expect(text).not.toContain(form);
}

async function publishThrough(plan: Omit<Plan, "store">, entry: object, args: readonly string[]) {
  await using store = await objectStore(plan.stage === "blob", plan.status);
  await using registry = await talkative({ ...plan, store: store.host });
  const env = home({ [registry.host]: entry });
  const out = join(folder, "metadata.json");
  const run = [
    "create",
    ...args,
    "--metadata-file",
    out,
    "-t",
    `${registry.host}/target:1`,
    `${registry.host}/source:1`,
  ];
  const ran = await runInProcess(run, { env });
  return { ran, registry, store };
}

/** The canary did go over the wire, so that it could have come back. */
function expectSent({ arrived }: EvilHost, canary: string): void {
  const basic = Buffer.from(`me:${canary}`).toString("base64");
  const all = arrived.map((each) => `${String(each.headers["authorization"])} ${each.body}`).join("\n");
  expect([canary, basic].some((form) => all.includes(form))).toBe(true);
}

function decoded({ output }: Ran): string {
  // The payloads of JSON lines are in base64.
  return output.replace(/"(?:data|short)":"([A-Za-z0-9+/=]+)"/g, (_, text: string) =>
    Buffer.from(text, "base64").toString(),
  );
}

describe.each(Object.entries(entries))("S12 with the %s of a config file", (kind, entry) => {
  const scheme = "bearer";
  test.each(stages)("S12 create -D shows no secret when it fails at: %s", async (stage) => {
    // A session that is lost is opened anew, with waits.
    for (const status of stage === "upload" ? [400, 401, 403] : [400, 401, 403, 404]) {
      const { ran, registry } = await publishThrough({ stage, status, scheme }, entry, ["-D", "--progress", "plain"]);
      expectNoCanary(ran.output, ...files(folder));
      expectSent(registry, canaries[kind as keyof typeof canaries]);
      if (stage === "none") expect(ran.code).toBe(0);
      else if (kind !== "registry" || stage !== "token") expect(ran.code).not.toBe(0);
    }
  });

  test.each(stages)("S12 create --progress rawjson shows no secret when it fails at: %s", async (stage) => {
    const { ran } = await publishThrough({ stage, status: 403, scheme }, entry, ["-D", "--progress", "rawjson"]);
    expectNoCanary(ran.output, decoded(ran), ...files(folder));
  });
});

describe.each(["text", "json"])("S12 a log as %s", (format) => {
  test.each(stages)("S12 shows no secret at the level of traces when it fails at: %s", async (stage) => {
    for (const [at, scheme] of (["bearer", "basic"] as const).entries()) {
      const args = ["--log-level", "trace", "--log-format", format, "--progress", at === 0 ? "quiet" : "plain"];
      const { ran, registry } = await publishThrough({ stage, status: 400, scheme }, entries.password, args);
      expectNoCanary(ran.output, ...files(folder));
      expectSent(registry, canaries.password);
      expect(ran.stderr).toContain(format === "json" ? '"level":"debug"' : "DEBUG: ");
      for (const [url] of ran.stderr.matchAll(/https?:\/\/\S+\/v2\/\S*/g))
        expect(url).not.toMatch(/[?&](?:X-Amz|_state)/);
    }
  });
});

test("S12 what a registry says is still told, without the secret in it", async () => {
  const plan = { stage: "open", status: 400, scheme: "bearer" } as const;
  const { ran } = await publishThrough(plan, entries.password, ["--progress", "plain"]);
  expect(ran.stderr).toContain("you sent POST");
  expect(ran.stderr).toContain("[redacted]");
});

test.each(["open", "upload", "manifest", "none"] as const)(
  "S12 Basic shows no password when it fails at: %s",
  async (stage) => {
    const { ran, registry } = await publishThrough({ stage, status: 400, scheme: "basic" }, entries.password, ["-D"]);
    expectNoCanary(ran.output, ...files(folder));
    expectSent(registry, canaries.password);
  },
);

test.each([429, 503])("S12 a registry that asks to wait for days with %i shows no secret", async (status) => {
  const { ran } = await publishThrough({ stage: "manifest", status, scheme: "bearer" }, entries.password, ["-D"]);
  expect(ran.code).not.toBe(0);
  expectNoCanary(ran.output, ...files(folder));
});

test.each(["token", "manifest", "none"] as const)(
  "S12 inspect -D shows no secret when it fails at: %s",
  async (stage) => {
    await using store = await objectStore(false, 403);
    await using registry = await talkative({ stage, status: 403, scheme: "bearer", store: store.host });
    const env = home({ [registry.host]: entries.identity });
    for (const args of [[], ["--raw"], ["--format", "{{json .}}"]]) {
      const ran = await runInProcess(["inspect", "-D", ...args, `${registry.host}/source:1`], { env });
      expectNoCanary(ran.output);
    }
  },
);

test.each([
  ["none", 0],
  ["token", 4],
] as const)("S12 login -D shows no password when it fails at: %s", async (stage, code) => {
  await using registry = await talkative({ stage, status: 401, scheme: "bearer", store: "127.0.0.1:1" });
  const env = home({});
  const args = ["login", "-D", registry.host, "-u", "me", "--password-stdin"];
  const ran = await runInProcess(args, { env, input: `${canaries.password}\n` });
  if (stage !== "none") expect(ran.code).toBe(code);
  expectNoCanary(ran.output, ...files(folder));
});

test.each([
  ["-p", canaries.password],
  [`-p${canaries.password}`, ""],
  ["--password", canaries.password],
  [`--password=${canaries.password}`, ""],
])("S13 login takes no password from the command line and does not repeat it: %s", async (...flags) => {
  const ran = await runInProcess(["login", "r.example", "-u", "me", ...flags.filter(Boolean)], { env: home({}) });
  expect(ran.code).toBe(2);
  expect(ran.stderr).toContain("--password-stdin");
  expectNoCanary(ran.output);
});

describe("S12 proxies", () => {
  const target = "registry.example";

  test.each([407, 403, 502, 200])("S12 a proxy that answers %i shows no proxy credential", async (status) => {
    await using proxy = await evilHost((arrived, response) => answerWith(response, ...failWith(arrived, status)));
    const env = { ...home({}), http_proxy: `http://me:${canaries.proxy}@${proxy.host}` };
    const args = ["inspect", "-D", "--timeout", "1s", "--plain-http", target, `${target}/app:1`];
    const ran = await runInProcess(args, { env });
    expect(ran.code).not.toBe(0);
    expect(proxy.arrived[0]?.headers["proxy-authorization"]).toBe(
      `Basic ${Buffer.from(`me:${canaries.proxy}`).toString("base64")}`,
    );
    expectNoCanary(ran.output);
  });

  test.each([
    `http://me:${canaries.proxy}@[bad`,
    `http://me:${canaries.proxy}@host:99999999`,
    `http://me:${canaries.proxy} x@ho st:1`,
    `ftp://me:${canaries.proxy}@host`,
  ])("S12 a proxy that is no proxy is named as such, without its credential: %s", async (url) => {
    const ran = await runInProcess(["inspect", "-D", `${target}/app:1`], { env: { ...home({}), https_proxy: url } });
    expect(ran.stderr).toMatch(/^ERROR: .*(?:proxy|PROXY)/m);
    expect(ran.code).not.toBe(70);
    expectNoCanary(ran.output);
  });

  test("S12 a percent sign in a proxy's password is a percent sign", async () => {
    await using proxy = await evilHost((_arrived, response) => answerWith(response, 404));
    const env = { ...home({}), http_proxy: `http://me:100%@${proxy.host}` };
    await runInProcess(["inspect", "--plain-http", target, `${target}/app:1`], { env });
    expect(proxy.arrived[0]?.headers["proxy-authorization"]).toBe(`Basic ${Buffer.from("me:100%").toString("base64")}`);
  });
});

describe("S12 files that are wrong", () => {
  const broken: readonly (readonly [string, string])[] = [
    ["no JSON", `{"auths":{"r.example":{"auth":"${canaries.password}"`],
    ["no base64", `{"auths":{"r.example":{"auth":"%${canaries.password}%"}}}`],
    ["a list", `{"auths":["${canaries.password}"]}`],
    ["a number for a context", `{"currentContext":7,"auths":{"r.example":{"auth":"${canaries.password}"}}}`],
    ["a blank in a token", `{"auths":{"r.example":{"identitytoken":"${canaries.identity} x"}}}`],
    ["an object for a name", `{"auths":{"r.example":{"username":{"x":"${canaries.password}"}}}}`],
  ];

  test.each(broken)("S12 a config file with %s is not quoted in any form of the error", async (_what, text) => {
    const env = { HOME: folder, DOCKER_CONFIG: folder };
    writeFileSync(join(folder, "config.json"), text);
    const ran = await runInProcess(["inspect", "-D", "r.example/app:1", "--timeout", "1s"], { env });
    expectNoCanary(ran.output);
    expectNoCanary(...shown(await errorOf(env)));
  });

  test("S12 a builder's file with a key in it is not quoted in any form of the error", async () => {
    const env = { HOME: folder, DOCKER_CONFIG: folder, BUILDX_BUILDER: "b" };
    mkdirSync(join(folder, "buildx/instances"), { recursive: true });
    const file = { Nodes: [{ Files: { "key.pem": canaries.registry, x: 7 } }] };
    writeFileSync(join(folder, "buildx/instances/b"), JSON.stringify(file));
    const error = await errorOf(env);
    expect(error).toMatchObject({ code: "invalid_config" });
    expectNoCanary(...shown(error));
  });

  async function errorOf(env: Record<string, string>): Promise<unknown> {
    const { signal } = new AbortController();
    await using registry = await talkative({ stage: "none", status: 400, scheme: "bearer", store: "" });
    const options = { clock: systemClock(), random: () => 0, env, report: () => undefined, signal };
    try {
      await using context = await openContext({ ...options, plainHttp: ["r.example"] });
      await (await context.open(parseReference(`${registry.host}/source:1`).location)).manifest("1");
      return undefined;
    } catch (error) {
      return error;
    }
  }

  function shown(error: unknown): readonly string[] {
    return [show(error, { depth: Infinity, showHidden: true }), JSON.stringify(error), String(error)].map(String);
  }
});

test("S12 errors of every stage show no secret, however they are printed", async () => {
  for (const stage of stages) {
    await using store = await objectStore(stage === "blob", 400);
    await using registry = await talkative({ stage, status: 400, scheme: "bearer", store: store.host });
    const env = home({ [registry.host]: entries.password });
    const { signal } = new AbortController();
    await using context = await openContext({
      clock: systemClock(),
      random: () => 0,
      env,
      report: () => undefined,
      signal,
    });
    const place = (name: string) => context.open(parseReference(`${registry.host}/${name}`).location);
    const blob = { mediaType: mediaTypes.ociLayerGzip, digest: digestOf(layer), size: layer.byteLength };
    const attempts = [
      (await place("source")).manifest("1"),
      (await place("target")).pushBlob(blob, async function* () {
        yield layer;
      }),
      (async () => {
        await using content = await (await place("source")).fetch(blob);
        for await (const _ of content.body) continue;
      })(),
    ];
    for (const { reason } of (await Promise.allSettled(attempts)) as { reason?: unknown }[]) {
      const all = [show(reason, { depth: Infinity, showHidden: true }), JSON.stringify(reason) ?? "", String(reason)];
      expectNoCanary(...all);
    }
  }
});

test("S12 spans and measurements of every stage hold no secret", async () => {
  const kinds = Object.values(entries);
  for (const [at, stage] of [...stages, ...stages].entries()) {
    const scheme = at < stages.length ? "bearer" : "basic";
    await using store = await objectStore(stage === "blob", 400);
    await using registry = await talkative({ stage, status: 400, scheme, store: store.host });
    const env = home({ [registry.host]: scheme === "basic" ? entries.password : kinds[at % kinds.length]! });
    const { signal } = new AbortController();
    const told: object[] = [];
    const [maker, measurer] = [new SpanMaker(traceIdentity()), new Measurer()];
    const report = (event: Parameters<SpanMaker["take"]>[0]) =>
      void told.push(event, maker.take(event) ?? {}, ...measurer.take(event));
    await using context = await openContext({ clock: systemClock(), random: () => 0, env, report, signal });
    const publish = { sources: [`${registry.host}/source:1`], tags: [`${registry.host}/target:1`] };
    await create(publish, context).catch(() => undefined);
    expect(told.length).toBeGreaterThan(10);
    expectNoCanary(JSON.stringify(told));
    for (const [url] of JSON.stringify(told).matchAll(/"url\.full":"[^"]*"/g)) expect(url).not.toContain("?");
  }
});
