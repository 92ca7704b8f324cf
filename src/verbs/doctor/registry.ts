import { hasCode } from "../../errors.ts";
import { drain } from "../../http/body.ts";
import type { LineReport } from "../../http/network.ts";
import type { HttpHeaders } from "../../http/send.ts";
import { accessTo, type Access } from "../../registry/access.ts";
import { signIn, type SignIn } from "../../registry/auth/sign-in.ts";
import type { CredentialSource } from "../../registry/credentials/credential.ts";
import { repositoryScope } from "../../registry/auth/scope.ts";
import { unknownRegistry } from "../../registry/quirks.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { essence } from "../../spec/media-type.ts";
import { formatReference, nameOf } from "../../spec/reference.ts";
import { intercept } from "../../http/send.ts";
import type { ContextOptions, openContext } from "../context.ts";
import type { Answers } from "./answers.ts";
import { Unreached, once } from "./check.ts";
import type { RegistryWanted } from "./subjects.ts";

/** How the registry's first page answered. */
export interface Ping {
  readonly url: string;
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly protocol: string;
}

/** Whether a first page looks like that of a registry, whoever it lets in. */
function isRegistry({ status, headers }: Ping): boolean {
  const isPage = essence(headers.get("content-type") ?? "") === "text/html";
  return (status >= 200 && status < 300 && !isPage) || status === 401 || status === 403;
}

/** A registry under examination. Each question is asked once, whoever wants its answer. */
export interface Patient extends RegistryWanted {
  readonly answers: Answers;
  readonly context: Context;
  readonly options: ContextOptions;
  /** Where its API is: settled for loopback, as far as it could be. */
  origin(): Promise<string>;
  /** What a connection goes through. @throws Unreached where there are no sockets to look at. */
  line(): Promise<LineReport>;
  /** @throws Unreached where there is no connection, or one that may not be used; what the wire throws. */
  ping(): Promise<Ping>;
  /** @throws Unreached unless its first page answers as a registry does. */
  reached(): Promise<void>;
  signIn(scopes: readonly string[]): Promise<SignIn>;
  /** @throws Unreached where this repository may not be read. */
  readable(repository: string): Promise<void>;
  /** What a reference names; `undefined` where it names nothing. */
  manifest(reference: RegistryWanted["references"][number]): Promise<Descriptor | undefined>;
  /** Its own view of a repository: what is learned here does not change how others are asked. */
  access(repository: string): Access;
}

export type Context = Awaited<ReturnType<typeof openContext>>;

export interface PatientOptions {
  readonly context: Context;
  readonly options: ContextOptions;
  readonly answers: Answers;
  readonly credentials: CredentialSource;
}

/** Asks nothing yet. */
export function patientFor(wanted: RegistryWanted, given: PatientOptions): Patient {
  const { host } = wanted;
  const { context, options, answers } = given;
  const { signal } = options;
  const baseUrl = context.endpoints.baseUrl(host);
  const bare = intercept(context.bareSend, context.endpoints.settleScheme);

  const firstPage = once(async (): Promise<Ping> => {
    const response = await bare({ method: "GET", url: `${baseUrl}/v2/`, operation: "ping", registry: host, signal });
    const { url, status, headers, protocol = "" } = response;
    await drain(response);
    return { url, status, headers, protocol };
  });

  const origin = once(async () => {
    if (!baseUrl.startsWith("http:")) return baseUrl;
    return firstPage().then(
      ({ url }) => new URL(url).origin,
      (error: unknown) => (hasCode(error, "tls_failed") ? baseUrl.replace("http:", "https:") : baseUrl),
    );
  });

  const line = once(async () => {
    if (!context.inspect) throw new Unreached();
    return context.inspect(await origin(), { signal });
  });

  const ping = once(async () => {
    const { failure, tls } = await line();
    if (failure || (tls?.mustBeTrusted && tls.distrust !== undefined)) throw new Unreached();
    return firstPage();
  });

  const signIns = new Map<string, Promise<SignIn>>();
  const tried = (scopes: readonly string[]): Promise<SignIn> => {
    const { trustRealms = [], clock, report } = options;
    const call = { ...given, baseUrl, send: bare, clock, report, trustRealms, signal };
    const known = signIns.get(scopes.join(" ")) ?? signIn(host, scopes, call);
    signIns.set(scopes.join(" "), known);
    return known;
  };

  const manifests = new Map<string, Promise<Descriptor | undefined>>();
  return {
    ...wanted,
    answers,
    context,
    options,
    origin,
    line,
    ping,
    async reached() {
      const page = await ping().catch(() => undefined);
      if (!page || !isRegistry(page)) throw new Unreached();
    },
    signIn: tried,
    async readable(repository) {
      const result = await tried([repositoryScope(repository, "pull")]).catch(() => undefined);
      if (!result || (result.missing ?? []).length > 0) throw new Unreached();
    },
    manifest(reference) {
      const name = formatReference(reference);
      const known = manifests.get(name) ?? resolved(context, reference, signal);
      manifests.set(name, known);
      return known;
    },
    access: (repository) => accessTo({ ...context, host, baseUrl, quirks: unknownRegistry() }, repository),
  };
}

async function resolved(
  context: Context,
  { location, ...reference }: RegistryWanted["references"][number],
  signal: AbortSignal,
): Promise<Descriptor | undefined> {
  const repository = context.registry(location.host).repository(location.repository);
  try {
    return await repository.resolve(nameOf({ location, ...reference }), { signal });
  } catch (error) {
    if (hasCode(error, "not_found")) return undefined;
    throw error;
  }
}
