import { pairs, quote, type Variables } from "./variables.ts";

export type Signal = "traces" | "metrics";

/** Where and how one signal is sent by OTLP over HTTP. */
export interface OtlpSettings {
  readonly kind: "otlp";
  readonly encoding: "protobuf" | "json";
  readonly url: string;
  /** May hold secrets. */
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly compression: "gzip" | "none";
  /** Paths of PEM files. */
  readonly certificate?: string;
  readonly clientKey?: string;
  readonly clientCertificate?: string;
}

const prefix = "OTEL_EXPORTER_OTLP";

/** The variables of `what`, the signal's own before the common one. */
function namesOf(signal: Signal, what: string): readonly [string, string] {
  return [`${prefix}_${signal.toUpperCase()}_${what}`, `${prefix}_${what}`];
}

/** Whether an endpoint that can be used is set, for the signal or for all. */
export function hasEndpoint(variables: Variables, signal: Signal): boolean {
  const isGrpc = protocolOf(variables, signal) === "grpc";
  return namesOf(signal, "ENDPOINT").some((name) => endpoint(variables, signal, name, isGrpc) !== undefined);
}

/** Spec: OpenTelemetry Protocol Exporter 1.50. gRPC is not spoken: the same host is asked over HTTP, at the usual port for that. */
export function otlpSettings(variables: Variables, signal: Signal): OtlpSettings {
  const protocol = protocolOf(variables, signal);
  const url = urlOf(variables, signal, protocol === "grpc");
  const files = {
    certificate: variables.text(...namesOf(signal, "CERTIFICATE"))?.value,
    clientKey: variables.text(...namesOf(signal, "CLIENT_KEY"))?.value,
    clientCertificate: variables.text(...namesOf(signal, "CLIENT_CERTIFICATE"))?.value,
  };
  if (protocol === "grpc") {
    const name = variables.text(...namesOf(signal, "PROTOCOL"))?.name ?? "";
    variables.warn(name, `grpc is not spoken here; http/protobuf to ${new URL(url).host} is`);
  }
  return {
    kind: "otlp",
    encoding: protocol === "http/json" ? "json" : "protobuf",
    url,
    headers: headersOf(variables, signal),
    timeoutMs: variables.delayMs(namesOf(signal, "TIMEOUT"), 1, 10_000),
    compression: variables.choice(namesOf(signal, "COMPRESSION"), ["gzip", "none"], "none"),
    ...(files.certificate !== undefined && { certificate: files.certificate }),
    ...(files.clientKey !== undefined && { clientKey: files.clientKey }),
    ...(files.clientCertificate !== undefined && { clientCertificate: files.clientCertificate }),
  };
}

function protocolOf(variables: Variables, signal: Signal): "http/protobuf" | "http/json" | "grpc" {
  return variables.choice(namesOf(signal, "PROTOCOL"), ["http/protobuf", "http/json", "grpc"], "http/protobuf");
}

function urlOf(variables: Variables, signal: Signal, isGrpc: boolean): string {
  const [own, common] = namesOf(signal, "ENDPOINT");
  const ownUrl = endpoint(variables, signal, own, isGrpc);
  // The signal's own endpoint is used as it is; gRPC's has no path, and HTTP needs one.
  if (ownUrl) return isGrpc && ownUrl.pathname === "/" ? below(ownUrl, signal) : ownUrl.href;
  return below(endpoint(variables, signal, common, isGrpc) ?? new URL("http://localhost:4318"), signal);
}

function below(base: URL, signal: Signal): string {
  const url = new URL(base);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/${signal}`;
  return url.href;
}

function endpoint(variables: Variables, signal: Signal, name: string, isGrpc: boolean): URL | undefined {
  const text = variables.text(name)?.value;
  if (text === undefined) return undefined;
  const hasScheme = /^https?:\/\//i.test(text);
  const scheme = variables.text(...namesOf(signal, "INSECURE"))?.value.toLowerCase() === "true" ? "http" : "https";
  const whole = !hasScheme && isGrpc ? `${scheme}://${text}` : text;
  if (!/^https?:\/\//i.test(whole) || !URL.canParse(whole)) {
    variables.warn(name, "it is not an address that begins with http:// or https://");
    return undefined;
  }
  const url = new URL(whole);
  if (isGrpc && url.port === "4317") url.port = "4318";
  return url;
}

function headersOf(variables: Variables, signal: Signal): Readonly<Record<string, string>> {
  const [own, common] = namesOf(signal, "HEADERS");
  return { ...headersIn(variables, common), ...headersIn(variables, own) };
}

const headerName = /^[\w!#$%&'*+.^`|~-]{1,256}$/;
const headerValue = /^[\t\x20-\x7e\x80-\xff]{0,8192}$/;

function headersIn(variables: Variables, name: string): Readonly<Record<string, string>> {
  const text = variables.text(name)?.value;
  if (text === undefined) return {};
  try {
    const headers = pairs(text).map(([key, value]) => [key.toLowerCase(), value] as const);
    const wrong = headers.find(([key, value]) => !headerName.test(key) || !headerValue.test(value));
    if (!wrong) return Object.fromEntries(headers);
    variables.warn(name, `header ${quote(wrong[0])} cannot be sent`);
  } catch {
    variables.warn(name, "it is not of the form key=value,key=value");
  }
  return {};
}
