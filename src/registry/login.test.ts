import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { fakeEnvironment, type FakeEnvironmentOptions } from "../../test/support/credential-environment.ts";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { respond } from "../../test/support/responses.ts";
import { Secret, type HttpRequest, type HttpResponse } from "../http/send.ts";
import type { WaybillEvent } from "../telemetry/events.ts";
import { endpoints } from "./endpoint.ts";
import { credentialChain } from "./credentials/chain.ts";
import { login, logout, storedUser } from "./login.ts";

const path = "/home/u/.docker/config.json";
const auth = Buffer.from("u:canary-pw").toString("base64");

function onlyFor(value: string) {
  return (request: HttpRequest): HttpResponse =>
    respond(request, request.authorization?.value.reveal() === value ? 200 : 401, {
      headers: { "www-authenticate": 'Basic realm="r"' },
    });
}

function machine(options: FakeEnvironmentOptions = {}, answer = onlyFor(`Basic ${auth}`)) {
  const environment = fakeEnvironment(options);
  const events: WaybillEvent[] = [];
  const clock = fakeClock();
  const shared = { environment, clock, report: (event: WaybillEvent) => void events.push(event), ...endpoints() };
  const enter = (host: string, password = "canary-pw") =>
    login(host, "u", new Secret(password), { ...shared, send: async (request) => answer(request) });
  return {
    environment,
    events,
    enter,
    find: credentialChain(environment, { clock }),
    file: () => environment.files.get(path),
  };
}

describe("login", () => {
  test("stores the password as docker writes it and warns how to avoid that, when there is no helper", async () => {
    const { enter, events, file, find } = machine();

    expect(await enter("reg.example:5000")).toEqual({ storedIn: path, isPlain: true });

    expect(file()).toBe(`{\n\t"auths": {\n\t\t"reg.example:5000": {\n\t\t\t"auth": "${auth}"\n\t\t}\n\t}\n}`);
    expect(events.at(-1)).toMatchObject({ type: "warning", message: expect.stringContaining("credsStore") as string });
    expect(await find("reg.example:5000")).toMatchObject({ username: "u" });
  });

  test("is what counts from then on when the host was written in another way before", async () => {
    const old = { auth: Buffer.from("old:x").toString("base64") };
    const { enter, find } = machine({
      files: { [path]: { auths: { "https://reg.example": old, "reg.example/v1/": old } } },
    });

    await enter("reg.example");
    expect(await find("reg.example")).toMatchObject({ username: "u" });
  });

  test("keeps every other member, their order, the indentation and the end of the file", async () => {
    const before =
      '{\n  "HttpHeaders": {\n    "X": "y"\n  },\n  "auths": {\n    "a.io": {\n      "auth": "eDp5"\n    }\n  },\n  "__proto__": 1,\n  "plugins": {}\n}\n';
    const { enter, file } = machine({ files: { [path]: before } });

    await enter("https://reg.example/v2/");

    expect(file()).toBe(
      before.replace('"eDp5"\n    }', `"eDp5"\n    },\n    "reg.example": {\n      "auth": "${auth}"\n    }`),
    );
  });

  test("gives it to the helper that is configured, under docker's name, and leaves an empty entry", async () => {
    const { enter, environment, file, events } = machine({ files: { [path]: { credsStore: "desktop" } } });

    expect(await enter("docker.io")).toEqual({ storedIn: "docker-credential-desktop", isPlain: false });

    const server = "https://index.docker.io/v1/";
    expect(environment.calls).toEqual([
      `docker-credential-desktop store ${JSON.stringify({ ServerURL: server, Username: "u", Secret: "canary-pw" })}`,
    ]);
    expect(JSON.parse(file()!)).toEqual({ credsStore: "desktop", auths: { [server]: {} } });
    expect(events.filter(({ type }) => type === "warning")).toEqual([]);
  });

  test.each([
    [401, "auth_denied"],
    [404, "not_a_registry"],
    [503, "unavailable"],
  ])("stores nothing when the registry answers %i", async (status, code) => {
    const { enter, file, environment } = machine({ files: { [path]: { credsStore: "x" } } }, (request) =>
      respond(request, status),
    );

    await expect(enter("reg.example")).rejects.toMatchObject({ code });
    expect([file(), environment.calls]).toEqual(['{"credsStore":"x"}', []]);
  });

  test.each([
    ["the registry", "Basic"],
    ["its token service", 'Bearer realm="https://reg.example/token"'],
  ])("says that user name or password were refused when %s does so", async (_by, challenge) => {
    const { enter } = machine({}, (request) =>
      respond(request, 401, { headers: { "www-authenticate": challenge }, body: "{}" }),
    );

    await expect(enter("reg.example")).rejects.toMatchObject({
      code: "auth_denied",
      message: 'Cannot log in to "reg.example": the registry refused the user name or the password',
      context: { status: 401, advice: expect.stringContaining("access token") as string },
    });
  });

  test.each(["", "reg example", "ftp://reg.example", "reg.example/path", "-x", "256.1.1.1"])(
    "refuses the host %j",
    async (host) => {
      await expect(machine().enter(host)).rejects.toMatchObject({ code: "invalid_argument" });
    },
  );

  test("does not touch a config file that is malformed", async () => {
    const { enter, file } = machine({ files: { [path]: "[1]" } });

    await expect(enter("reg.example")).rejects.toMatchObject({
      code: "invalid_config",
      context: { advice: "Mend that file, or take it away" },
    });
    expect(file()).toBe("[1]");
  });

  test("shows the password nowhere when things fail (S12)", async () => {
    const failing = machine({
      files: { [path]: { credsStore: "x" } },
      helper: () => ({ exitCode: 1, stdout: "no room for canary-pw" }),
    });
    const refused = machine({}, (request) => respond(request, 401, { headers: { "www-authenticate": "Basic" } }));

    const errors = await Promise.all(
      [failing.enter("reg.example"), refused.enter("reg.example")].map((it) => it.catch((error: unknown) => error)),
    );

    expect(
      inspect([errors, failing.events, refused.events], { depth: 9, showHidden: true }) + JSON.stringify(errors),
    ).not.toContain("canary");
  });
});

describe("logout", () => {
  test("removes the entry however the host is written, and nothing else", async () => {
    const auths = {
      "https://index.docker.io/v1/": { auth },
      "docker.io": {},
      "docker.io/team": { auth },
      "docker.io.evil.test": { auth },
    };
    const { environment, file } = machine({ files: { [path]: { auths, x: 1 } } });

    expect(await logout("docker.io", environment)).toBe(true);
    expect(JSON.parse(file()!)).toEqual({
      auths: { "docker.io/team": { auth }, "docker.io.evil.test": { auth } },
      x: 1,
    });
    expect(await logout("docker.io", environment)).toBe(false);
  });

  test("makes the helper forget", async () => {
    const { environment, file } = machine({
      files: { [path]: { credHelpers: { "reg.example": "own" }, auths: { "reg.example": {} } } },
    });

    expect(await logout("reg.example", environment)).toBe(true);
    expect(environment.calls).toEqual(["docker-credential-own erase reg.example"]);
    expect(file()).toBe('{"credHelpers":{"reg.example":"own"},"auths":{}}');
  });
});

describe("storedUser", () => {
  const entry = { auth: Buffer.from("ann:x").toString("base64") };

  test.each([
    ["nothing is stored", {}, undefined],
    ["the file holds a credential", { auths: { "reg.example:5000": entry } }, "ann"],
    ["the host is written in another way", { auths: { "https://reg.example:5000/v2/": entry } }, "ann"],
    ["only a path of the host has one", { auths: { "reg.example:5000/path": entry } }, undefined],
    ["it is a token", { auths: { "reg.example:5000": { identitytoken: "t" } } }, undefined],
    ["it cannot be read", { auths: { "reg.example:5000": { auth: "?" } } }, undefined],
  ])("names whom login would replace when %s", async (_, config, user) => {
    const environment = fakeEnvironment({ files: { [path]: config } });
    expect(await storedUser("reg.example:5000", environment)).toBe(user);
  });

  test("asks the helper that the file names, and offers nobody where it fails", async () => {
    const files = { [path]: { credsStore: "store", auths: { "reg.example": entry } } };
    const answers = [{ stdout: '{"Username":"bob","Secret":"s"}' }, { stdout: "locked", exitCode: 1 }];
    const environment = fakeEnvironment({ files, helper: () => answers.shift()! });

    expect(await storedUser("reg.example", environment)).toBe("bob");
    expect(await storedUser("reg.example", environment)).toBeUndefined();
  });

  test("refuses before anybody is asked what login would refuse afterwards", async () => {
    await expect(storedUser("a/b/c", fakeEnvironment())).rejects.toMatchObject({ code: "invalid_argument" });
    const broken = fakeEnvironment({ files: { [path]: "{" } });
    await expect(storedUser("reg.example", broken)).rejects.toMatchObject({ code: "invalid_config" });
  });
});
