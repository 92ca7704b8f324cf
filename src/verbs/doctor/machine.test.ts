import { describe, expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import { fakeEnvironment, type FakeEnvironmentOptions } from "../../../test/support/credential-environment.ts";
import { silent } from "../../telemetry/events.ts";
import { outcomeOf, type Check } from "./check.ts";
import type { Machine, Runtime } from "./machine.ts";
import { authorities } from "./machine/authorities.ts";
import { builder } from "./machine/builder.ts";
import { config } from "./machine/config.ts";
import { helpers } from "./machine/helpers.ts";
import { proxy } from "./machine/proxy.ts";
import { telemetry } from "./machine/telemetry.ts";
import { versions } from "./machine/versions.ts";

const file = "/home/u/.docker/config.json";
const usual: Runtime = { waybill: "1.0.0", node: "20.19.0", platform: "linux" };
const { signal } = new AbortController();

interface Given extends FakeEnvironmentOptions {
  readonly hosts?: readonly string[];
  readonly runtime?: Runtime;
  readonly caFiles?: readonly string[];
  readonly trySpan?: Machine["trySpan"];
}

async function found(check: Check<Machine>, given: Given = {}) {
  const { hosts = [], runtime = usual, caFiles = [], trySpan, ...rest } = given;
  const environment = fakeEnvironment(rest);
  const { env } = environment;
  const options = { env, clock: fakeClock(), random: () => 0, report: silent, signal, caFiles };
  const { findings } = await outcomeOf(check, { runtime, environment, options, hosts, trySpan }, signal);
  return findings.map(({ level, text, advice }) =>
    [level, text, ...(advice === undefined ? [] : [advice])].join(" | "),
  );
}

describe("versions", () => {
  test.each([
    ["20.19.0", "ok"],
    ["24.1.0", "ok"],
    ["20.18.9", "failure"],
    ["18.20.0", "failure"],
  ])("judges Node %s: %s", async (node, level) => {
    const [line] = await found(versions, { runtime: { ...usual, node } });
    expect(line).toContain(`${level} | waybill 1.0.0 on Node ${node}, linux`);
  });
});

describe("config", () => {
  const auths = { "ghcr.io": { auth: btoa("me:canary") }, "quay.io": {} };

  test("counts entries and shows the mode", async () => {
    const files = { [file]: { auths, credHelpers: { "1.ecr.example": "ecr-login" }, credsStore: "desktop" } };
    expect(await found(config, { files })).toEqual([
      `ok | ${file}: 2 entries, a helper for 1 host, desktop for the rest, mode 600`,
    ]);
  });

  test("warns of passwords that others can read, and only of those", async () => {
    const modes = { [file]: 0o644 };
    expect(await found(config, { files: { [file]: { auths } }, modes })).toEqual([
      expect.stringMatching(/^warning \| .*mode 644 \| .*chmod 600/),
    ]);
    expect(await found(config, { files: { [file]: { auths: { "quay.io": {} } } }, modes })).toEqual([
      expect.stringMatching(/^ok/),
    ]);
  });

  test("tells of a file that is not there, and fails for one that cannot be read, quoting nothing of it", async () => {
    expect(await found(config)).toEqual([`note | ${file} does not exist: no credentials from there`]);
    const [line] = await found(config, { files: { [file]: '{"auths": canary' } });
    expect(line).toMatch(/^failure \| Cannot read credentials/);
    expect(line).not.toContain("canary");
  });

  test("names the other places where they hold something", async () => {
    const env = { DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) };
    const files = { "/home/u/.config/containers/auth.json": { auths: {} } };
    expect(await found(config, { env, files })).toEqual([
      "ok | DOCKER_AUTH_CONFIG: 2 entries",
      `note | ${file} does not exist: no credentials from there`,
      "ok | /home/u/.config/containers/auth.json: 0 entries, mode 600",
    ]);
  });
});

describe("helpers", () => {
  const files = { [file]: { credHelpers: { "a.example": "one" }, credsStore: "two" } };
  const answering = (input: string) =>
    input === "a.example"
      ? { stdout: JSON.stringify({ Username: "me", Secret: "canary" }) }
      : { exitCode: 1, stdout: "credentials not found in native keychain" };

  test("asks each helper about the hosts that it serves, and shows no secret", async () => {
    const lines = await found(helpers, {
      files,
      hosts: ["a.example", "b.example"],
      helper: (_program, _action, input) => answering(input),
    });

    expect(lines).toEqual([
      "ok | docker-credential-one answers: has a.example",
      "ok | docker-credential-two answers: nothing for b.example",
    ]);
  });

  test("asks the helper for everything about Docker Hub where no host is known", async () => {
    const seen: string[] = [];
    await found(helpers, {
      files: { [file]: { credsStore: "two" } },
      helper: (_program, action, input) => (seen.push(`${action} ${input}`), answering(input)),
    });

    expect(seen).toEqual(["get https://index.docker.io/v1/"]);
  });

  test("fails for one helper and goes on with the others", async () => {
    const lines = await found(helpers, {
      files,
      hosts: ["a.example", "b.example"],
      helper: (program, _action, input) =>
        program.endsWith("one") ? { exitCode: 3, stdout: "locked" } : answering(input),
    });

    expect(lines).toEqual([
      expect.stringMatching(/^failure \| .*docker-credential-one.*"locked"/),
      expect.stringMatching(/^ok \| docker-credential-two/),
    ]);
  });

  test("leaves a malformed config file to the check that tells of it", async () => {
    const files = { [file]: "{" };

    expect([await found(helpers, { files }), await found(builder, { files })]).toEqual([
      [],
      ["note | no settings of a buildx builder apply"],
    ]);
    expect(await found(config, { files })).toEqual([
      `failure | Cannot read credentials in ${file}: it is not valid JSON | Mend ${file}, or take it away`,
    ]);
  });

  test("says that there is none", async () => {
    expect(await found(helpers)).toEqual(["note | none is configured for these registries"]);
  });
});

describe("proxy", () => {
  test("shows what is set, without its password", async () => {
    const env = { HTTPS_PROXY: "http://me:canary@proxy.example:3128", no_proxy: "a.example, 10.0.0.0/8" };
    expect(await found(proxy, { env })).toEqual([
      "ok | HTTPS_PROXY: https by proxy.example:3128, http by none; NO_PROXY has 2 entries",
    ]);
  });

  test("fails for what is no address, without quoting it", async () => {
    const [line] = await found(proxy, { env: { HTTPS_PROXY: "http://canary@:x" } });
    expect(line).toMatch(/^failure \| Cannot use the proxy/);
    expect(line).not.toContain("canary");
  });

  test("says that none is set", async () => {
    expect(await found(proxy)).toEqual(["note | no proxy is set"]);
  });
});

describe("authorities", () => {
  test("counts them by where they come from", async () => {
    const [line] = await found(authorities);
    expect(line).toMatch(/^ok \| \d+ certificates: \d+ of Node, \d+ of the system$/);
  });

  test("fails for a file that holds none, or is not there", async () => {
    expect(await found(authorities, { caFiles: ["/x.pem"] })).toEqual([
      expect.stringMatching(/^failure \| Cannot read "\/x.pem": there is no such file/),
    ]);
    expect(await found(authorities, { env: { NODE_EXTRA_CA_CERTS: "/x.pem" }, files: { "/x.pem": "none" } })).toEqual([
      expect.stringMatching(/^failure/),
    ]);
  });

  test("warns of Node's switch, which has no effect", async () => {
    const [line] = await found(authorities, { env: { NODE_TLS_REJECT_UNAUTHORIZED: "0" } });
    expect(line).toMatch(/^warning \| .*has no effect/);
  });
});

describe("builder", () => {
  test("tells of settings that apply, and of a file that is malformed", async () => {
    const instance = (toml: string) => ({ Nodes: [{ Files: { "buildkitd.toml": btoa(toml) } }] });
    const env = { BUILDX_BUILDER: "ci" };
    const path = "/home/u/.docker/buildx/instances/ci";

    expect(await found(builder)).toEqual(["note | no settings of a buildx builder apply"]);
    expect(
      await found(builder, {
        env,
        files: { [path]: instance('[registry."a.example"]\nhttp = true\nmirrors = ["m.example"]') },
      }),
    ).toEqual(["ok | settings for a.example (plain HTTP, mirrors m.example)"]);
    expect(await found(builder, { env, files: { [path]: instance("[[[") } })).toEqual([
      expect.stringMatching(/^failure \| .*malformed/),
    ]);
  });
});

describe("telemetry", () => {
  const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://me:canary@collector.example:4318/canary" };
  const sends =
    (spansSent: number, ...whats: readonly string[]) =>
    async () => ({
      spansSent,
      spansDropped: 0,
      problems: whats.map((what) => ({ what, count: 1 })),
      lastFailed: true,
    });
  const never = () => expect.unreachable();

  test.each<[string, Readonly<Record<string, string>>, string]>([
    ["nothing", {}, "note | off: no OTEL_* variable asks for it"],
    ["the switch", { ...endpoint, OTEL_SDK_DISABLED: "true" }, "note | off: no OTEL_* variable asks for it"],
    ["the console", { OTEL_TRACES_EXPORTER: "console" }, "note | traces to stderr, metrics to nowhere"],
    [
      "metrics alone",
      { ...endpoint, OTEL_TRACES_EXPORTER: "none" },
      "note | traces to nowhere, metrics to collector.example:4318",
    ],
    [
      "a sampler that keeps nothing",
      { ...endpoint, OTEL_TRACES_SAMPLER: "always_off" },
      "note | traces to collector.example:4318, metrics to collector.example:4318; the sampler keeps no span",
    ],
  ])("sends no span where %s is set", async (_name, env, line) => {
    expect(await found(telemetry, { env, trySpan: never })).toEqual([line]);
  });

  test("says that a span arrived, and shows no more than the host", async () => {
    const lines = await found(telemetry, { env: endpoint, trySpan: sends(1) });
    expect(lines).toEqual(["ok | a span arrived at collector.example:4318"]);
  });

  test.each([
    [sends(0, "the connection was refused"), "the connection was refused"],
    [sends(1, "it answered 503"), "it answered 503"],
    [sends(0), "nothing was heard in time"],
  ])("warns of what went wrong, no more", async (trySpan, seen) => {
    const [line] = await found(telemetry, { env: endpoint, trySpan });
    expect(line).toContain(`warning | no span arrived at collector.example:4318: ${seen} | `);
  });

  test("warns of each variable that cannot be used", async () => {
    const env = { ...endpoint, OTEL_TRACES_SAMPLER: "x" };
    const lines = await found(telemetry, { env, trySpan: sends(1) });
    expect(lines).toEqual([expect.stringMatching(/^warning \| .*OTEL_TRACES_SAMPLER/), expect.stringMatching(/^ok/)]);
  });
});
