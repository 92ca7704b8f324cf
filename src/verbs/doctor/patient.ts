import { rememberedBy } from "../../async/remembered.ts";
import { hasCode } from "../../errors.ts";
import { intercept } from "../../http/send.ts";
import { accessTo, type Access } from "../../registry/access.ts";
import { repositoryScope } from "../../spec/scope.ts";
import { signIn, type SignIn } from "../../registry/auth/sign-in.ts";
import type { CredentialSource } from "../../registry/credentials/credential.ts";
import { unknownRegistry } from "../../registry/quirks.ts";
import type { Descriptor } from "../../spec/descriptor.ts";
import { formatReference, nameOf } from "../../spec/reference.ts";
import type { ContextOptions, OpenContext } from "../context.ts";
import type { Answers } from "./answers.ts";
import { Unreached } from "./check.ts";
import { reachFor, type Reach } from "./reach.ts";
import type { RegistryWanted } from "./subjects.ts";

/** A registry under examination. Each question is asked once, whoever wants its answer. */
export interface Patient extends RegistryWanted, Reach {
  readonly answers: Answers;
  readonly context: OpenContext;
  readonly options: ContextOptions;
  signIn(scopes: readonly string[]): Promise<SignIn>;
  /** @throws Unreached where this repository may not be read. */
  readable(repository: string): Promise<void>;
  /** What a reference names; `undefined` where it names nothing. */
  manifest(reference: Named): Promise<Descriptor | undefined>;
  /** Its own view of a repository: what is learned here does not change how others are asked. */
  access(repository: string): Access;
}

type Named = RegistryWanted["references"][number];

export interface PatientOptions {
  readonly context: OpenContext;
  readonly options: ContextOptions;
  readonly answers: Answers;
  readonly credentials: CredentialSource;
}

/** Asks nothing yet. */
export function patientFor(wanted: RegistryWanted, given: PatientOptions): Patient {
  const { host } = wanted;
  const { context, options, answers } = given;
  const { signal, clock, report, trustRealms = [] } = options;
  const baseUrl = context.endpoints.baseUrl(host);
  const send = intercept(context.bareSend, context.endpoints.settleScheme);
  const wire = { ...given, baseUrl, send, clock, report, trustRealms, signal };
  const signedIn = rememberedBy(
    (scopes: readonly string[]) => scopes.join(" "),
    (scopes) => signIn(host, scopes, wire),
  );
  return {
    ...wanted,
    ...reachFor(host, wire),
    answers,
    context,
    options,
    signIn: signedIn,
    async readable(repository) {
      const result = await signedIn([repositoryScope(repository, "pull")]).catch(() => undefined);
      if (!result || (result.missing ?? []).length > 0) throw new Unreached();
    },
    manifest: rememberedBy(formatReference, (reference: Named) => resolved(context, reference, signal)),
    access: (repository) => accessTo({ ...context, host, baseUrl, quirks: unknownRegistry() }, repository),
  };
}

async function resolved(context: OpenContext, reference: Named, signal: AbortSignal): Promise<Descriptor | undefined> {
  const { host, repository } = reference.location;
  try {
    return await context.registry(host).repository(repository).resolve(nameOf(reference), { signal });
  } catch (error) {
    if (hasCode(error, "not_found")) return undefined;
    throw error;
  }
}
