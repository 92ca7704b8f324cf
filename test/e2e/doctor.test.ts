import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Ajv } from "ajv";
import { hashSync } from "bcryptjs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/async/clock.ts";
import { headersFrom } from "../../src/http/headers.ts";
import type { HttpRequest, Send } from "../../src/http/send.ts";
import { basicAuth, bearerAuth, parseHtpasswd } from "../../src/server/index.ts";
import { runInProcess, type RanOptions } from "../support/in-process.ts";
import { respond } from "../support/responses.ts";
import { pushSmallImage, startRegistry, type RunningOptions } from "../support/running-registry.ts";
import { socketServer } from "../support/socket-server.ts";

const clock = systemClock();
const passwords = parseHtpasswd(`me:${hashSync("canary-right", 4)}\n`, clock);
const pem = (name: string) => readFileSync(join(import.meta.dirname, "../fixtures/tls", name));
const certFile = join(import.meta.dirname, "../fixtures/tls/cert.pem");
const schema = JSON.parse(readFileSync(join(import.meta.dirname, "../../schema/doctor-1.json"), "utf8")) as object;
const isValid = new Ajv({ allErrors: true }).compile(schema);

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "waybill-doctor-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Finding {
  readonly check: string;
  readonly level: string;
  readonly text: string;
  readonly advice?: string;
}
interface Section {
  readonly kind: string;
  readonly subject: string;
  readonly findings: readonly Finding[];
  readonly skipped: readonly string[];
}

/** Runs it with `--json`, holds the result against the schema, and looks for planted secrets. */
async function examined(args: readonly string[], options: RanOptions = {}) {
  const { code, stdout, output, stderr } = await runInProcess(["doctor", "--json", ...args], options);
  const document = JSON.parse(stdout) as { readonly isWell: boolean; readonly sections: readonly Section[] };
  isValid(document);
  expect(isValid.errors).toBeNull();
  expect(output).not.toContain("canary");
  expect(code).toBe(document.isWell ? 0 : 1);
  for (const { check, level, advice } of document.sections.flatMap(({ findings }) => findings))
    if (level === "warning" || level === "failure") expect(advice, check).toBeTruthy();
  const last = document.sections.at(-1)!;
  const told = (check: string, section = last) =>
    section.findings.filter((it) => it.check === check).map(({ level, text }) => `${level}: ${text}`);
  const advice = (check: string) => last.findings.find((it) => it.check === check)?.advice;
  return { code, stderr, sections: document.sections, machine: document.sections[0]!, last, told, advice };
}

/** The environment of somebody who is logged in to `host`. */
function loggedIn(host: string, password = "canary-right"): Readonly<Record<string, string>> {
  const config = mkdtempSync(join(folder, "docker-"));
  const auths = { [host]: { auth: btoa(`me:${password}`) } };
  writeFileSync(join(config, "config.json"), JSON.stringify({ auths }), { mode: 0o600 });
  return { DOCKER_CONFIG: config };
}

/** Every request that the registry heard of. */
function listening(options: RunningOptions = {}) {
  const heard: HttpRequest[] = [];
  const wrap =
    (next: Send): Send =>
    async (request) => {
      heard.push(request);
      return (options.wrap ?? ((it) => it))(next)(request);
    };
  return { heard, start: () => startRegistry({ ...options, wrap }) };
}

/** A registry whose answers all have `headers` instead of their own. */
const withHeaders =
  (headers: () => Readonly<Record<string, string>>) =>
  (next: Send): Send =>
  async (request) => {
    const response = await next(request);
    const own = Object.fromEntries(response.headers.names().map((name) => [name, response.headers.get(name) ?? ""]));
    return { ...response, headers: headersFrom({ ...own, ...headers() }) };
  };

describe("waybill doctor", () => {
  test("finds nothing wrong with a registry that works, and only reads", async () => {
    const { heard, start } = listening();
    await using registry = await start();
    await pushSmallImage(`${registry.host}/team/app:1`, "amd64");
    heard.length = 0;

    const { code, sections, told, last } = await examined([`${registry.host}/team/app:1`]);

    expect(code).toBe(0);
    expect(sections.map(({ kind, subject }) => [kind, subject])).toEqual([
      ["machine", ""],
      ["registry", registry.host],
    ]);
    expect(last.findings.map(({ check }) => check)).toEqual([
      "connection",
      "tls",
      "http",
      "clock",
      "pull",
      "push",
      "manifest",
      "referrers",
      "limits",
      "unasked",
    ]);
    expect(last.findings.filter(({ level }) => level !== "ok" && level !== "note")).toEqual([]);
    expect(told("manifest")[0]).toMatch(/^ok: team\/app:1 is sha256:/);
    expect(told("referrers")[0]).toMatch(/^ok: the registry lists them/);
    expect(told("unasked")[0]).toMatch(/^note: deletes tags; not known without a write: mounts, immutable tags/);
    expect(heard.filter(({ method }) => method !== "GET" && method !== "HEAD")).toEqual([]);
  });

  test("shows a line for each finding, what to do below it, and how many there are", async () => {
    await using registry = await startRegistry();

    const { code, stdout } = await runInProcess(["doctor", `${registry.host}/app:none`], { env: { LANG: "C.UTF-8" } });

    expect(code).toBe(0);
    expect(stdout).toMatch(/^This machine\n {2}✓ versions {5}waybill 0\.0\.0 on Node /);
    expect(stdout).toContain(`\n\n${registry.host}\n  ✓ connection   to 127.0.0.1 in `);
    expect(stdout).toContain(
      "\n  ! manifest     app:none is not there\n                 right for a new tag; as a source it must be pushed first\n",
    );
    expect(stdout).toMatch(/\n\n\d+ ok, 1 warning, 0 failures\n$/);
  });

  test.each([
    [{ LANG: "C.UTF-8", TERM: "xterm" }, true, "  \u001b[32m✓\u001b[39m versions"],
    [{ LANG: "C.UTF-8", NO_COLOR: "1" }, true, "  ✓ versions"],
    [{ LANG: "C.UTF-8", TERM: "dumb" }, true, "  + versions"],
    [{ LANG: "C" }, false, "  + versions"],
  ])("marks lines as %j with a terminal: %j can show", async (env, isTTY, line) => {
    const { stdout } = await runInProcess(["doctor"], { env, isTTY });
    expect(stdout).toContain(line);
  });

  test.each([
    ["always", {}, true],
    ["never", { FORCE_COLOR: "1" }, false],
    ["auto", { FORCE_COLOR: "1" }, true],
    ["auto", {}, false],
  ])("with --color %s and %j colours: %s", async (color, env, isColoured) => {
    const ran = await runInProcess(["doctor", "--color", color, "127.0.0.1:1"], { env });
    expect(ran.stdout.includes("\u001b[")).toBe(isColoured);
  });

  test("looks at the registries of docker's config when nothing is named", async () => {
    await using registry = await startRegistry({ auth: bearerAuth(passwords, { clock }) });
    const env = loggedIn(registry.host);

    const { code, last, told, machine } = await examined([], { env });

    expect([code, last.subject]).toEqual([0, registry.host]);
    expect(told("config", machine)[0]).toMatch(/^ok: .*config\.json: 1 entry, mode 600$/);
    expect(told("pull")).toEqual([
      expect.stringMatching(/^ok: the credential is taken: as me, auths in .*config\.json$/),
    ]);
    expect(last.findings.map(({ check }) => check)).not.toContain("push");
  });

  describe("about rights", () => {
    test("tells whose credential from where lets pull and push", async () => {
      await using registry = await startRegistry({ auth: bearerAuth(passwords, { clock }) });

      const { code, told } = await examined([`${registry.host}/app:1`], {
        env: loggedIn(registry.host),
      });

      expect(code).toBe(0);
      expect(told("pull")).toEqual([expect.stringMatching(/^ok: app: as me, auths in .*config\.json$/)]);
      expect(told("push")).toEqual(["ok: app: the token allows it"]);
    });

    test("fails for a password that the token service refuses", async () => {
      await using registry = await startRegistry({ auth: bearerAuth(passwords, { clock }) });

      const { code, told, stderr, last } = await examined([`${registry.host}/app:1`], {
        env: loggedIn(registry.host, "canary-wrong"),
      });

      expect(code).toBe(1);
      expect(last.skipped).toEqual(["push", "manifest", "referrers"]);
      expect(told("pull")).toEqual([
        expect.stringMatching(/^failure: Cannot get a token .*401 to the credential from auths in /),
      ]);
      expect(stderr).toBe(`ERROR: Cannot publish like this: pull at ${registry.host} failed\n`);
    });

    test("warns, not more, of a push that an anonymous token does not allow", async () => {
      await using registry = await startRegistry({ auth: bearerAuth(passwords, { clock, anonymousPull: true }) });

      const { code, told, advice } = await examined([`${registry.host}/app:1`]);

      expect(code).toBe(0);
      expect(told("pull")).toEqual(["ok: app: anonymous"]);
      expect(told("push")).toEqual(["warning: app: not allowed"]);
      expect(advice("push")).toContain(`waybill login ${registry.host} -u USER --password-stdin`);
    });

    test("asks a registry without tokens whether the password is good", async () => {
      await using registry = await startRegistry({ auth: basicAuth(passwords) });

      const good = await examined([`${registry.host}/app:1`], { env: loggedIn(registry.host) });
      const bad = await examined([`${registry.host}/app:1`], { env: loggedIn(registry.host, "canary-wrong") });
      const none = await examined([`${registry.host}/app:1`]);

      expect(good.told("pull")[0]).toMatch(/^ok: app: as me/);
      expect(good.told("push")[0]).toMatch(/^note: app: only a write would show \(--probe /);
      expect(bad.told("pull")[0]).toMatch(/^failure: .*refuses the credential from auths in /);
      expect(none.told("pull")[0]).toMatch(/^failure: .*wants a credential, and there is none/);
      expect(none.advice("pull")).toContain(`waybill login ${registry.host} -u USER --password-stdin`);
    });

    test("fails for a credential helper that is not there, for the machine and for its registry alone", async () => {
      await using guarded = await startRegistry({ auth: basicAuth(passwords) });
      await using open = await startRegistry();
      const file = join(mkdtempSync(join(folder, "helper-")), "config.json");
      writeFileSync(file, JSON.stringify({ credHelpers: { [guarded.host]: "waybill-none" } }));

      const { machine, told, sections } = await examined([`${guarded.host}/app:1`, `${open.host}/app:1`], {
        env: { DOCKER_CONFIG: join(file, "..") },
      });

      expect(told("helpers", machine)).toEqual([
        expect.stringMatching(/^failure: .*docker-credential-waybill-none.*it is not on the PATH/),
      ]);
      expect(told("pull", sections[1])[0]).toMatch(/^failure: .*not on the PATH/);
      expect(told("pull", sections[2])).toEqual(["ok: app: anybody"]);
    });
  });

  describe("about TLS", () => {
    const secure = (cert = "cert.pem") => startRegistry({ tls: { cert: pem(cert), key: pem("key.pem") } });

    test("shows an authority that is not trusted, and looks no further", async () => {
      await using registry = await secure();

      const { code, told, advice, last } = await examined([`${registry.host}/app:1`]);

      expect(code).toBe(1);
      expect(told("tls")).toEqual([
        expect.stringMatching(
          /^failure: TLSv1\.3, waybill test by waybill test, until 2126-10-30 .*: it vouches for itself$/,
        ),
      ]);
      expect(advice("tls")).toContain(`--ca-file FILE, or add --insecure ${registry.host}`);
      expect(last.findings.map(({ check }) => check)).toEqual(["connection", "tls", "http2"]);
      expect(last.skipped).toEqual(["http", "clock", "pull", "push", "manifest", "referrers", "limits"]);
    });

    test("trusts what --ca-file names, and warns of what --insecure lets through", async () => {
      await using registry = await secure();

      const trusted = await examined(["--ca-file", certFile, registry.host]);
      const unchecked = await examined(["--insecure", registry.host, registry.host]);

      expect([trusted.code, trusted.told("tls")[0]?.slice(0, 3), trusted.told("http")[0]]).toEqual([
        0,
        "ok:",
        "ok: HTTP/1.1 200, lets anybody in",
      ]);
      expect(trusted.told("authorities", trusted.machine)[0]).toContain(`1 of --ca-file ${certFile}`);
      expect([unchecked.code, unchecked.told("tls")[0]?.slice(0, 8)]).toEqual([0, "warning:"]);
      expect(unchecked.advice("tls")).toContain("--insecure");
    });

    test("tells a certificate that has expired from one of an unknown authority", async () => {
      await using registry = await secure("expired.pem");

      const { told, advice } = await examined(["--ca-file", join(certFile, "../expired.pem"), registry.host]);

      expect(told("tls")).toEqual([
        expect.stringMatching(/^failure: .*until 2020-02-01 \(-\d+ days\): it has expired$/),
      ]);
      expect(advice("tls")).toContain("clock");
    });

    test("fails for a port that speaks something else", async () => {
      await using server = await socketServer((socket) => void socket.resume().end("SSH-2.0-x\r\n"));

      const { code, told, last } = await examined([`127.0.0.1:${server.port}`]);

      expect(code).toBe(1);
      expect(told("http")).toEqual([expect.stringMatching(/^failure: Cannot understand /)]);
      expect(last.skipped).toContain("pull");
    });
  });

  describe("about what a registry answers", () => {
    test.each([
      [10_000, /^ok: /],
      [-45_000, /^warning: the registry's clock is 4[45] s behind of ours$/],
      [-600_000, /^failure: the registry's clock is 10 min behind of ours$/],
      [900_000, /^failure: the registry's clock is 15 min ahead of ours$/],
    ])("judges a clock that is %d ms apart", async (skewMs, line) => {
      await using registry = await startRegistry({
        wrap: withHeaders(() => ({ date: new Date(clock.now() + skewMs).toUTCString() })),
      });

      expect((await examined([registry.host])).told("clock")).toEqual([expect.stringMatching(line)]);
    });

    test("tells what is left of its limits, and warns when that is little", async () => {
      let remaining = 76;
      await using registry = await startRegistry({
        wrap: withHeaders(() => ({
          "ratelimit-limit": "100;w=21600",
          "ratelimit-remaining": `${remaining};w=21600`,
          "docker-ratelimit-source": "192.0.2.7",
        })),
      });

      const many = await examined([`${registry.host}/app:1`]);
      remaining = 3;
      const few = await examined([`${registry.host}/app:1`]);

      expect(many.told("limits")).toEqual(["ok: 76 of 100 requests left in 6 h, counted for 192.0.2.7"]);
      expect(few.told("limits")).toEqual(["warning: 3 of 100 requests left in 6 h, counted for 192.0.2.7"]);
    });

    test("notices where the referrers API is missing", async () => {
      await using registry = await startRegistry({ referrers: false });
      await pushSmallImage(`${registry.host}/app:1`, "amd64");

      const { code, told } = await examined([`${registry.host}/app:1`]);

      expect([code, told("referrers")]).toEqual([0, ["note: no API: a fallback tag lists them, 0 of app"]]);
    });

    test.each([
      [503, {}, /^failure: HTTP\/1\.1 503$/],
      [429, {}, /^failure: HTTP\/1\.1 429$/],
      [404, {}, /^failure: HTTP\/1\.1 404$/],
      [200, { "content-type": "text/html" }, /^failure: HTTP\/1\.1 200, a web page$/],
      [302, {}, /^warning: HTTP\/1\.1 302$/],
    ])("judges a first page that is %d %j", async (status, headers, line) => {
      await using registry = await startRegistry({
        wrap: () => async (request) => respond(request, status, { headers, body: "x" }),
      });

      const { told, last } = await examined([`${registry.host}/app:1`]);

      expect(told("http")).toEqual([expect.stringMatching(line)]);
      expect(last.skipped).toContain("pull");
    });

    test.each([/\/v2\/$/, /\/manifests\//])("asks for %s once, though it is told to try again", async (path) => {
      const busy = (next: Send): Send => {
        return async (request) =>
          path.test(request.url) ? respond(request, 503, { headers: { "retry-after": "30" } }) : next(request);
      };
      const { heard, start } = listening({ wrap: busy });
      await using registry = await start();

      await examined([`${registry.host}/app:1`]);

      expect(heard.filter(({ url }) => path.test(url))).toHaveLength(1);
    });

    test("fails where nobody listens", async () => {
      const registry = await startRegistry();
      await registry[Symbol.asyncDispose]();

      const { code, told, last } = await examined([`${registry.host}/app:1`]);

      expect([code, told("connection")]).toEqual([
        1,
        [`failure: Cannot reach "${registry.host}": the connection was refused`],
      ]);
      expect(last.findings.map(({ check }) => check)).toEqual(["connection"]);
    });

    test("lets nothing of it steer a terminal", async () => {
      const evil = "\u001b]52;c;aGk=\u0007\u202e";
      const detail = JSON.stringify({ errors: [{ code: "DENIED", message: evil }] });
      await using registry = await startRegistry({
        wrap: (next) => async (request) =>
          request.url.includes("/manifests/") ? respond(request, 403, { body: detail }) : next(request),
      });

      for (const args of [[], ["--json"]]) {
        const { output } = await runInProcess(["doctor", ...args, `${registry.host}/app:1`], {
          isTTY: true,
          env: { NO_COLOR: "1" },
        });
        expect(output).toContain("DENIED");
        expect(output).not.toMatch(/[^\P{Cc}\n]|\p{Cf}/u);
      }
    });
  });

  describe("--probe", () => {
    test("tries an upload and takes it back, and writes nothing else", async () => {
      const { heard, start } = listening({ auth: bearerAuth(passwords, { clock }) });
      await using registry = await start();

      const { code, told } = await examined(["--probe", `${registry.host}/team/app`], {
        env: loggedIn(registry.host),
      });

      expect(code).toBe(0);
      expect(told("probe")).toEqual(["ok: team/app: upload opened, 1024 bytes sent, 1024 held, cancelled"]);
      expect(told("pull")[0]).toMatch(/^ok: team\/app: as me/);
      const writes = heard.filter(({ method, url }) => !["GET", "HEAD"].includes(method) && !url.includes("/token"));
      expect(
        writes.map(({ method, url }) => `${method} ${new URL(url).pathname.replace(/uploads\/.+/, "uploads/ID")}`),
      ).toEqual(
        expect.arrayContaining([
          "POST /v2/team/app/blobs/uploads/",
          "PATCH /v2/team/app/blobs/uploads/ID",
          "DELETE /v2/team/app/blobs/uploads/ID",
        ]),
      );
      expect(writes.filter(({ method }) => method === "PUT")).toEqual([]);
    });

    test("fails where the account may not write", async () => {
      await using registry = await startRegistry({ readOnly: true });

      const { code, told } = await examined(["--probe", `${registry.host}/app`]);

      expect([code, told("probe")[0]?.slice(0, 8)]).toEqual([1, "failure:"]);
    });
  });

  test("tells of several registries in the order in which they were named, whoever answers first", async () => {
    const slow =
      (next: Send): Send =>
      async (request) => {
        await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
        return next(request);
      };
    await using first = await startRegistry({ wrap: slow });
    await using second = await startRegistry();

    const { sections } = await examined([`${first.host}/a:1`, `${second.host}/b:1`, `${first.host}/c:1`]);

    expect(sections.map(({ subject }) => subject)).toEqual(["", first.host, second.host]);
    expect(sections[1]?.findings.filter(({ check }) => check === "manifest").map(({ text }) => text)).toEqual([
      "a:1 is not there",
      "c:1 is not there",
    ]);
  });

  test("looks at a layout", async () => {
    const { told, last, code } = await examined([`oci-layout://${folder}/none:1`]);

    expect([last.kind, last.subject, code]).toEqual(["layout", `oci-layout://${folder}/none:1`, 0]);
    expect(told("layout")[0]).toMatch(/^warning: 1 is not there/);
  });

  test("looks at the machine alone where its settings keep registries from being asked", async () => {
    const config = mkdtempSync(join(folder, "builder-"));
    mkdirSync(join(config, "buildx/instances"), { recursive: true });
    writeFileSync(join(config, "buildx/instances/ci"), "{");

    const { code, sections, told, machine } = await examined(["127.0.0.1:1/a:1"], {
      env: { DOCKER_CONFIG: config, BUILDX_BUILDER: "ci" },
    });

    expect([code, sections.length]).toEqual([1, 1]);
    expect(told("builder", machine)[0]).toMatch(/^failure: Cannot read /);
  });

  test.each([
    [["A//b"], 2],
    [["--probe", "a.example/b:1"], 2],
    [["--plain-http", "a b", "x"], 2],
    [["--nonsense"], 2],
    [["--builder", "none", "a.example"], 2],
    [["--cert-file", "x", "a.example"], 2],
  ])("refuses %j with exit code %d, without a result", async (args, code) => {
    const ran = await runInProcess(["doctor", ...args]);
    expect([ran.code, ran.stdout]).toEqual([code, ""]);
  });

  test("ends in time where --timeout says so, though a registry never answers", async () => {
    await using server = await socketServer((socket) => void socket.resume());

    const { code, stderr } = await runInProcess(["doctor", "--timeout", "100ms", `127.0.0.1:${server.port}`]);

    expect([code, stderr]).toEqual([8, expect.stringContaining("it was not done after 0.1 s")]);
    await expect.poll(() => server.open).toBe(0);
  });
});
