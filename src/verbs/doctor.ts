import { openScope, type Scope } from "../async/scope.ts";
import { hasCode } from "../errors.ts";
import { credentialChain } from "../registry/credentials/chain.ts";
import { nodeCredentialEnvironment } from "../registry/credentials/environment.ts";
import { formatReference } from "../spec/reference.ts";
import { openContext, type ContextOptions, type OpenContext } from "./context.ts";
import { watchAnswers } from "./doctor/answers.ts";
import { askingOnce } from "./doctor/ask-once.ts";
import { machineChecks, type Machine, type Runtime } from "./doctor/machine.ts";
import { registryChecks } from "./doctor/registry-checks.ts";
import { patientFor, type PatientOptions } from "./doctor/patient.ts";
import { layoutCheck, sectionOf, type Section } from "./doctor/sections.ts";
import { configuredRegistries, parseWanted, type Subjects, type Wanted } from "./doctor/subjects.ts";

export type { Finding, Level } from "./doctor/check.ts";
export type { Section } from "./doctor/sections.ts";

export interface DoctorOptions extends ContextOptions {
  readonly runtime: Runtime;
  readonly trySpan?: Machine["trySpan"];
}

/**
 * Looks at this machine, at registries and at layouts, and says what would go wrong. What is independent is looked at at the
 * same time; sections come in a stable order, each as soon as it and those before it are whole. Writes nothing, but into
 * uploads that are cancelled where `wanted.probes` asks for it. Requests are not repeated: what is told is what was seen.
 *
 * Without references: the machine, and the registries that docker's config has credentials for.
 *
 * @throws WaybillError `invalid_reference`, `invalid_argument` before anything is asked; `cancelled`, `timeout` by the signal.
 */
export async function* examine(wanted: Wanted, options: DoctorOptions): AsyncGenerator<Section> {
  const named = parseWanted(wanted);
  const environment = askingOnce(options.environment ?? nodeCredentialEnvironment(options.env));
  const isNamed = named.registries.length + named.layouts.length > 0;
  const subjects = isNamed ? named : { ...named, registries: await configuredRegistries(environment) };
  const answers = watchAnswers(options.clock);
  await using scope = openScope({ signal: options.signal });
  const { signal } = scope;
  const own = { ...options, environment, signal, observe: answers.observe, attempts: 1 };
  await using context = await usableContext(own);
  const hosts = subjects.registries.map(({ host }) => host);
  const machine: Machine = { runtime: options.runtime, environment, options: own, hosts, trySpan: options.trySpan };
  const sections = [
    scope.spawn(() => sectionOf({ kind: "machine", subject: "" }, machineChecks, machine, signal)),
    ...(context
      ? aboutRegistries(subjects, scope, {
          context,
          options: own,
          answers,
          credentials: credentialChain(environment, own),
        })
      : []),
    ...(context ? aboutLayouts(subjects, scope, context) : []),
  ];
  for (const section of sections) yield await section;
  options.signal.throwIfAborted();
}

/** Nothing where settings on this machine are broken: its own checks say which. */
async function usableContext(options: ContextOptions): Promise<OpenContext | undefined> {
  try {
    return await openContext(options);
  } catch (error) {
    if (hasCode(error, "invalid_config", "io_failed")) return undefined;
    throw error;
  }
}

function aboutRegistries({ registries }: Subjects, scope: Scope, options: PatientOptions): readonly Promise<Section>[] {
  return registries.map((wanted) =>
    scope.spawn((signal) =>
      sectionOf({ kind: "registry", subject: wanted.host }, registryChecks, patientFor(wanted, options), signal),
    ),
  );
}

function aboutLayouts({ layouts }: Subjects, scope: Scope, context: OpenContext): readonly Promise<Section>[] {
  const checks = [layoutCheck(context)];
  return layouts.map((reference) =>
    scope.spawn((signal) =>
      sectionOf({ kind: "layout", subject: formatReference(reference) }, checks, reference, signal),
    ),
  );
}
