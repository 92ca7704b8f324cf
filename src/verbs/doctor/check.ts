import { WaybillError, type ErrorCode } from "../../errors.ts";
import { generalAdvice } from "../advice.ts";

/** How good a finding is. `note`: nothing that could be better, or something that cannot be known. */
export type Level = "ok" | "note" | "warning" | "failure";

/** What a check found: one line. Texts are partly foreign. */
export interface Said {
  readonly level: Level;
  readonly text: string;
  /** What to do about it. */
  readonly advice?: string;
  /** The same in numbers and names, for programs. Never a secret. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

export interface Finding extends Said {
  /** The check's name. */
  readonly check: string;
}

/** One thing to look at. Reads only, unless its name says otherwise. */
export interface Check<Subject> {
  /** Stable: scripts may ask for it. */
  readonly name: string;
  /**
   * @throws Unreached where something else must work first, which another check tells of. Other errors of ours are findings:
   * failures.
   */
  run(subject: Subject): Promise<Said | readonly Said[]>;
}

/** What a check needs does not work. */
export class Unreached extends Error {
  override readonly name = "Unreached";
}

/** What came of one check. */
export interface Outcome {
  readonly check: string;
  readonly findings: readonly Finding[];
  /** True where it could not be made: something else must work first. */
  readonly isSkipped: boolean;
}

/** Makes one check. @throws what is no finding: `signal`'s own end, mistakes of ours. */
export async function outcomeOf<S>(check: Check<S>, subject: S, signal: AbortSignal): Promise<Outcome> {
  const told = (said: readonly Said[]) => said.map((it) => ({ check: check.name, ...it }));
  try {
    const said = await orFailed(async () => check.run(subject), signal);
    return { check: check.name, findings: told(isList(said) ? said : [said]), isSkipped: false };
  } catch (error) {
    if (error instanceof Unreached) return { check: check.name, findings: [], isSkipped: true };
    throw error;
  }
}

function isList(said: Said | readonly Said[]): said is readonly Said[] {
  return Array.isArray(said);
}

/**
 * A finding for each item, alongside; what fails for one is its finding.
 *
 * @throws Unreached where no item could be looked at.
 */
export async function saidOfEach<T>(
  items: readonly T[],
  signal: AbortSignal,
  look: (item: T) => Promise<Said>,
): Promise<readonly Said[]> {
  const all = await Promise.all(items.map((item) => orFailed(async () => look(item), signal).catch(unlessUnreached)));
  const said = all.filter((it) => it !== undefined);
  if (items.length > 0 && said.length === 0) throw new Unreached();
  return said;
}

function unlessUnreached(error: unknown): undefined {
  if (!(error instanceof Unreached)) throw error;
}

async function orFailed<T>(look: () => Promise<T>, signal: AbortSignal): Promise<T | Said> {
  try {
    return await look();
  } catch (error) {
    if (!(error instanceof WaybillError) || signal.aborted) throw error;
    return failed(error);
  }
}

/** An error as a finding. What nobody has advice for can at least be looked at. */
export function failed(error: WaybillError): Said {
  const { code, message, context } = error;
  const advice =
    context.advice ?? generalAdvice(code) ?? passing[code] ?? "look with -D at what was asked and answered";
  return failure(message, advice, { code });
}

const passing: Partial<Record<ErrorCode, string>> = {
  timeout: "try again later, and see whether the network or a proxy is slow",
  unavailable: "the registry fails at the moment: try again later",
};

export function ok(text: string, facts: Said["facts"] = {}): Said {
  return { level: "ok", text, facts };
}

export function note(text: string, facts: Said["facts"] = {}): Said {
  return { level: "note", text, facts };
}

export function warning(text: string, advice: string, facts: Said["facts"] = {}): Said {
  return { level: "warning", text, advice, facts };
}

export function failure(text: string, advice: string, facts: Said["facts"] = {}): Said {
  return { level: "failure", text, advice, facts };
}
