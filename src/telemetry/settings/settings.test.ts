import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isSampled } from "./sampler.ts";
import { telemetrySettings } from "./settings.ts";

type Env = Record<string, string>;
const on = { OTEL_TRACES_EXPORTER: "otlp" };
const asked = (env: Env) => telemetrySettings(env);
const settings = (env: Env) => telemetrySettings({ ...on, ...env }).settings!;
const warnings = (env: Env) => telemetrySettings({ ...on, ...env }).warnings;

describe("telemetrySettings is off", () => {
  test.each<[string, Env]>([
    ["nothing is set", {}],
    ["only attributes are, as docker sets them for its plugins", { OTEL_RESOURCE_ATTRIBUTES: "a=b" }],
    ["only the trace of a pipeline is", { TRACEPARENT: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" }],
    ["both exporters are none", { OTEL_TRACES_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" }],
    ["an exporter is empty, which is the same as not set", { OTEL_TRACES_EXPORTER: " " }],
    [
      "an endpoint is set, but the exporters are none",
      {
        OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318",
        OTEL_TRACES_EXPORTER: "none",
        OTEL_METRICS_EXPORTER: "none",
      },
    ],
  ])("when %s", (_name, env) => expect(asked(env)).toEqual({ warnings: [] }));

  test.each(["true", "TRUE", " True "])("when the SDK is disabled, whatever else is set: %j", (value) => {
    expect(asked({ ...on, OTEL_SDK_DISABLED: value })).toEqual({ warnings: [] });
  });

  test("and says why when the endpoint is no address", () => {
    const { settings: none, warnings: told } = asked({ OTEL_EXPORTER_OTLP_ENDPOINT: "collector:4318" });
    expect(none).toBeUndefined();
    expect(told).toEqual([
      "Cannot use OTEL_EXPORTER_OTLP_ENDPOINT: it is not an address that begins with http:// or https://",
    ]);
  });
});

describe("telemetrySettings is on", () => {
  const both = { traces: 1, metrics: 1 };
  test.each<[Env, { traces: number; metrics: number }]>([
    [{ OTEL_TRACES_EXPORTER: "otlp" }, { traces: 1, metrics: 0 }],
    [{ OTEL_METRICS_EXPORTER: "console" }, { traces: 0, metrics: 1 }],
    [{ OTEL_TRACES_EXPORTER: "otlp,console" }, { traces: 2, metrics: 0 }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" }, both],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c/t" }, { traces: 1, metrics: 0 }],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318", OTEL_METRICS_EXPORTER: "none" },
      { traces: 1, metrics: 0 },
    ],
    [{ OTEL_SDK_DISABLED: "false", OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" }, both],
  ])("for %j", (env, { traces, metrics }) => {
    const { settings: found, warnings: told } = asked(env);
    expect([found?.traces.length, found?.metrics.length, told]).toEqual([traces, metrics, []]);
  });

  test("with the defaults of the specification", () => {
    expect(settings({})).toEqual({
      traces: [
        {
          kind: "otlp",
          encoding: "protobuf",
          url: "http://localhost:4318/v1/traces",
          headers: {},
          timeoutMs: 10_000,
          compression: "none",
        },
      ],
      metrics: [],
      resource: {},
      sampler: { followsParent: true, ratio: 1 },
      limits: {
        attributeCount: 128,
        eventCount: 128,
        linkCount: 128,
        attributePerEventCount: 128,
        attributePerLinkCount: 128,
      },
      batch: { delayMs: 5000, timeoutMs: 30_000, queueSize: 2048, batchSize: 512 },
      metricsEach: { intervalMs: 60_000, timeoutMs: 30_000 },
      temporality: "cumulative",
      traceContext: true,
      logLevel: "info",
    });
  });
});

test("takes a time that is longer than Node's timers can be for the longest", () => {
  const long = "9999999999";
  const times = [
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_BSP_EXPORT_TIMEOUT",
    "OTEL_METRIC_EXPORT_INTERVAL",
    "OTEL_METRIC_EXPORT_TIMEOUT",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
  ];
  const env = { OTEL_TRACES_EXPORTER: "otlp", ...Object.fromEntries(times.map((name) => [name, long])) };
  const [longest, { batch, metricsEach, traces }] = [2 ** 31 - 1, settings(env)];
  expect(batch).toMatchObject({ delayMs: longest, timeoutMs: longest });
  expect(metricsEach).toEqual({ intervalMs: longest, timeoutMs: longest });
  expect(traces).toMatchObject([{ timeoutMs: longest }]);
});

describe("the OTLP exporter", () => {
  const url = (env: Env, signal: "traces" | "metrics" = "traces") => {
    const [first] = asked({ OTEL_TRACES_EXPORTER: "otlp", OTEL_METRICS_EXPORTER: "otlp", ...env }).settings![signal];
    return first?.kind === "otlp" ? first.url : undefined;
  };

  test.each<[Env, string]>([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c.example" }, "https://c.example/v1/traces"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c.example/otlp/" }, "https://c.example/otlp/v1/traces"],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://c.example/own" }, "https://c.example/own"],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "https://c.example" }, "https://c.example/"],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "what", OTEL_EXPORTER_OTLP_ENDPOINT: "http://c" }, "http://c/v1/traces"],
  ])("asks at %j", (env, expected) => expect(url(env)).toBe(expected));

  test("takes a signal's own variables before the common ones", () => {
    const env = {
      OTEL_METRICS_EXPORTER: "otlp",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_METRICS_PROTOCOL: "http/protobuf",
      OTEL_EXPORTER_OTLP_TIMEOUT: "100",
      OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: "200",
      OTEL_EXPORTER_OTLP_COMPRESSION: "gzip",
      OTEL_EXPORTER_OTLP_TRACES_COMPRESSION: "none",
      OTEL_EXPORTER_OTLP_HEADERS: "a=1,api-key=s%20ecret",
      OTEL_EXPORTER_OTLP_TRACES_HEADERS: "A=2",
      OTEL_EXPORTER_OTLP_CERTIFICATE: "/ca.pem",
      OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY: "/key.pem",
      OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: "/cert.pem",
    };
    const { traces, metrics } = settings(env);
    expect(traces).toEqual([
      {
        kind: "otlp",
        encoding: "json",
        url: "http://localhost:4318/v1/traces",
        headers: { a: "2", "api-key": "s ecret" },
        timeoutMs: 100,
        compression: "none",
        certificate: "/ca.pem",
        clientKey: "/key.pem",
        clientCertificate: "/cert.pem",
      },
    ]);
    expect(metrics).toMatchObject([{ encoding: "protobuf", timeoutMs: 200, compression: "gzip" }]);
    expect(warnings(env)).toEqual([]);
  });

  test.each<[Env, string]>([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "http://c.example:4317" }, "http://c.example:4318/v1/traces"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "https://c.example:9000" }, "https://c.example:9000/v1/traces"],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c.example:4317" }, "http://c.example:4318/v1/traces"],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: "c.example:4317" }, "https://c.example:4318/v1/traces"],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: "c.example:4317", OTEL_EXPORTER_OTLP_INSECURE: "true" },
      "http://c.example:4318/v1/traces",
    ],
    [{}, "http://localhost:4318/v1/traces"],
  ])("speaks HTTP to the same host where gRPC is asked for, with one warning: %j", (env, expected) => {
    const grpc = { ...env, OTEL_EXPORTER_OTLP_PROTOCOL: "grpc" };
    expect(url(grpc)).toBe(expected);
    expect(warnings({ ...grpc, OTEL_METRICS_EXPORTER: "otlp" })).toEqual([
      `Cannot use OTEL_EXPORTER_OTLP_PROTOCOL: grpc is not spoken here; http/protobuf to ${new URL(expected).host} is`,
    ]);
  });
});

describe("what cannot be understood is one warning and counts as not set", () => {
  test.each<[string, string]>([
    ["OTEL_TRACES_SAMPLER", "jaeger_remote"],
    ["OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon"],
    ["OTEL_EXPORTER_OTLP_TIMEOUT", "10s"],
    ["OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "secret"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=%E0%A4%A"],
    ["OTEL_EXPORTER_OTLP_HEADERS", "a=b%0d%0ac"],
    ["OTEL_BSP_MAX_QUEUE_SIZE", "0"],
    ["OTEL_BSP_SCHEDULE_DELAY", "-1"],
    ["OTEL_METRIC_EXPORT_INTERVAL", "soon"],
    ["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1e3"],
    ["OTEL_PROPAGATORS", "b3"],
    ["OTEL_LOG_LEVEL", "loud"],
    ["OTEL_RESOURCE_ATTRIBUTES", "a"],
    ["OTEL_SDK_DISABLED", "yes"],
  ])("%s=%s", (name, value) => {
    const told = warnings({ [name]: value });
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`Cannot use ${name}: `);
    const rest = name === "OTEL_PROPAGATORS" ? { traceContext: false } : {};
    expect(settings({ [name]: value })).toEqual({ ...settings({}), ...rest });
  });

  test("a sampler's argument, where there is a sampler that has one", () => {
    const env = { OTEL_TRACES_SAMPLER: "traceidratio", OTEL_TRACES_SAMPLER_ARG: "half" };
    expect(warnings(env)).toHaveLength(1);
    expect(settings(env).sampler).toEqual({ followsParent: false, ratio: 1 });
    expect(warnings({ OTEL_TRACES_SAMPLER_ARG: "half" })).toEqual([]);
  });

  test("a value that may be a secret is not quoted", () => {
    const [told] = warnings({ OTEL_EXPORTER_OTLP_HEADERS: "authorization: Bearer s3cret" });
    expect(told).not.toContain("s3cret");
  });

  test("an exporter that is not known is left out, the others stay", () => {
    const { settings: found, warnings: told } = asked({ OTEL_TRACES_EXPORTER: "zipkin,otlp" });
    expect(found?.traces).toHaveLength(1);
    expect(told).toEqual(['Cannot use OTEL_TRACES_EXPORTER: "zipkin" is not one of otlp, console, none']);
  });
});

test("service name and attributes describe the resource, the name before the attributes", () => {
  const env = { OTEL_RESOURCE_ATTRIBUTES: "service.name=a,team=rel%2Ceng", OTEL_SERVICE_NAME: "b" };
  expect(settings(env).resource).toEqual({ "service.name": "b", team: "rel,eng" });
});

test("telemetrySettings never throws, whatever is in the environment", () => {
  const names = ["TRACES_EXPORTER", "METRICS_EXPORTER", "TRACES_SAMPLER", "TRACES_SAMPLER_ARG", "PROPAGATORS"].concat(
    ["ENDPOINT", "PROTOCOL", "HEADERS", "TIMEOUT", "TRACES_ENDPOINT"].map((name) => `EXPORTER_OTLP_${name}`),
    ["RESOURCE_ATTRIBUTES", "SERVICE_NAME", "LOG_LEVEL", "SDK_DISABLED", "BSP_MAX_QUEUE_SIZE"],
  );
  const value = fc.oneof(fc.string(), fc.constantFrom("otlp", "grpc", "http://x:4317", "a=b,c=%41", "0.5", "12"));
  const env = fc.dictionary(fc.constantFrom(...names.map((name) => `OTEL_${name}`)), value);
  fc.assert(fc.property(env, (given) => void telemetrySettings(given)));
});

describe("isSampled", () => {
  const high = "0af7651916cd43dd84ffffffffffffff";
  const low = "0af7651916cd43dd8400000000000000";

  test("keeps a share of traces by the end of their ids", () => {
    const keeps = (ratio: number, id: string) => isSampled({ followsParent: false, ratio }, id);
    expect([keeps(1, low), keeps(0.5, low), keeps(0.5, high), keeps(0, high)]).toEqual([true, false, true, false]);
  });

  test("follows the parent where it is told to", () => {
    const parent = { sampled: false };
    expect(isSampled({ followsParent: true, ratio: 1 }, high, parent)).toBe(false);
    expect(isSampled({ followsParent: false, ratio: 1 }, high, parent)).toBe(true);
    expect(isSampled({ followsParent: true, ratio: 0 }, high, { sampled: true })).toBe(true);
    expect(isSampled({ followsParent: true, ratio: 0 }, high)).toBe(false);
  });
});
