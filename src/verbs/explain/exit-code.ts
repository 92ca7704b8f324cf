import type { Failure } from "./failure.ts";
import type { Line } from "./lines.ts";
import type { Sighting } from "./sightings.ts";

/** What Waybill's exit codes mean and what follows. Code 0 is no failure. */
export const meanings: Readonly<Record<number, readonly [meaning: string, instead: string]>> = {
  1: ["it failed for a reason that its last lines say", "Read the line that begins with ERROR, and the hint below it"],
  2: ["the command was not understood", "Correct the command; waybill COMMAND --help has examples"],
  3: [
    "it failed after some tag had moved",
    "Run the same command again, or put the tags back: users may see the new image",
  ],
  4: [
    "the credential is missing or may not do this",
    "waybill login HOST -u USER --password-stdin, then waybill doctor HOST/REPOSITORY",
  ],
  5: ["a rate limit or a quota is used up", "Wait as long as its last lines say, or have the limit raised"],
  6: ["something that was named is not there", "Correct the name, or push what should be there first"],
  7: ["a precondition does not hold: nothing was moved", "Look who else writes these tags"],
  8: [
    "a registry or the network failed for the moment",
    "Run the same command again; waybill doctor HOST looks closer",
  ],
  70: ["a bug in Waybill", "Report it with its last lines, the command, and what waybill --version says"],
  129: [
    "it was ended by SIGHUP: its terminal or connection was closed",
    "Run the same command again, in tmux or with setsid: what is there is not sent again",
  ],
  130: ["it was interrupted", "Run the same command again: what is there is not sent again"],
  143: [
    "it was ended by SIGTERM, mostly by a pipeline's time limit",
    "Run it again with more time; --timeout ends it in order",
  ],
};

/** Watches for the exit code of Waybill itself. */
export interface ExitWatch {
  see(line: Line): void;
  sightings(): readonly Sighting[];
}

/** Makes a watch that has seen nothing. A code counts once the log has named Waybill; the last one is told. */
export function watchForExit(): ExitWatch {
  let isOurs = false;
  let last: Sighting | undefined;
  return {
    see(line) {
      isOurs ||= /\bwaybill\b/.test(line.text);
      const match = isOurs ? /\bexit(?:ed with)? (?:code|status):? (\d{1,3})\b/i.exec(line.text) : null;
      const failure = match && failureOf(Number(match[1]));
      if (!failure) return;
      const place = { line: line.number, text: line.text, at: match.index, length: match[0].length };
      last = { failure, place, count: 1 };
    },
    sightings: () => (last ? [last] : []),
  };
}

function failureOf(code: number): Failure | undefined {
  const [meaning, instead] = meanings[code] ?? [];
  if (meaning === undefined || instead === undefined) return undefined;
  return {
    id: `exit-${code}`,
    kind: "outcome",
    about: `Waybill ended with exit code ${code}: ${meaning}`,
    signs: [],
    cause: "Every exit code of Waybill has one meaning; waybill --help lists them.",
    instead,
  };
}
