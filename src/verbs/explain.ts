import { watchForCommands, type ShownCommand } from "./explain/command.ts";
import { excerptOf } from "./explain/excerpt.ts";
import { watchForExit } from "./explain/exit-code.ts";
import { kinds, type Failure, type Kind } from "./explain/failure.ts";
import { knownFailures } from "./explain/failures.ts";
import { readLines, type Line, type Reading, type ReadingLimits } from "./explain/lines.ts";
import { watchFor, type Sighting } from "./explain/sightings.ts";
import type { Place } from "./explain/signs.ts";

/** A known failure in a log. Excerpts are foreign text, without what looks like a secret. */
export interface Finding {
  readonly failure: Failure;
  /** Where it shows first, and where a crash's trace names the place that it is known by. */
  readonly excerpts: readonly { readonly line: number; readonly text: string }[];
  /** How often it shows. */
  readonly count: number;
}

/** What a log says. */
export interface Explanation {
  /** The gravest first, then in the order of the log. */
  readonly findings: readonly Finding[];
  /** The command that failed, as Waybill takes it. */
  readonly command?: ShownCommand;
  /** The version of buildx that the log names, such as `0.12.1`. */
  readonly buildxVersion?: string;
  readonly read: Reading;
}

/** How many failures are known. */
export const knownCount = knownFailures.length;

/**
 * Looks for known failures in a log of `docker buildx imagetools`, or of ours. Reads it once, holding a line at a time.
 *
 * @throws whatever `log` throws.
 */
export async function explain(log: AsyncIterable<Uint8Array | string>, limits?: ReadingLimits): Promise<Explanation> {
  const failures = watchFor(knownFailures);
  const exits = watchForExit();
  const commands = watchForCommands();
  let buildxVersion: string | undefined;
  const see = (line: Line): void => {
    for (const watch of [failures, exits, commands]) watch.see(line);
    buildxVersion ??= /\bdocker\/buildx v?(\d{1,4}\.\d{1,4}\.\d{1,4}[\w.+-]{0,40})/.exec(line.text)?.[1];
  };
  const read = await readLines(log, see, limits);
  const findings = [...failures.sightings(), ...exits.sightings()].map(findingOf).sort(byImportance);
  const command = commands.near(findings[0]?.excerpts[0]?.line ?? Number.POSITIVE_INFINITY);
  return { findings, read, ...(command && { command }), ...(buildxVersion !== undefined && { buildxVersion }) };
}

/** Stable: what is equally grave stays in the order of the log. */
function byImportance(a: Finding, b: Finding): number {
  return rankOf(a.failure.kind) - rankOf(b.failure.kind);
}

function rankOf(kind: Kind): number {
  return kinds.indexOf(kind);
}

function findingOf({ failure, place, frame, count }: Sighting): Finding {
  const places: readonly Place[] = frame ? [place, frame] : [place];
  return { failure, count, excerpts: places.map((it) => ({ line: it.line, text: excerptOf(it) })) };
}
