import { inScope } from "../../async/scope.ts";
import { WaybillError } from "../../errors.ts";
import { nameOf, type Reference } from "../../spec/reference.ts";
import type { Context } from "../context.ts";
import { ok, outcomeOf, warning, type Check, type Finding } from "./check.ts";

/** What was found about one subject. */
export interface Section {
  readonly kind: "machine" | "registry" | "layout";
  /** The registry's `host[:port]`, or the layout as a reference; empty for the machine. */
  readonly subject: string;
  /** In the order of the checks. */
  readonly findings: readonly Finding[];
  /** Checks that could not be made because something else must work first. */
  readonly skipped: readonly string[];
}

/** Makes all checks alongside. */
export async function sectionOf<S>(
  head: Pick<Section, "kind" | "subject">,
  checks: readonly Check<S>[],
  subject: S,
  signal: AbortSignal,
): Promise<Section> {
  const outcomes = await inScope(
    (scope) => Promise.all(checks.map((check) => scope.spawn(() => outcomeOf(check, subject, signal)))),
    { signal },
  );
  return {
    ...head,
    findings: outcomes.flatMap(({ findings }) => findings),
    skipped: outcomes.filter(({ isSkipped }) => isSkipped).map(({ check }) => check),
  };
}

/** Whether a layout can be read, and names the image. */
export function layoutCheck(context: Context): Check<Reference> {
  return {
    name: "layout",
    async run(reference) {
      const store = await context.open(reference.location);
      try {
        const { digest, mediaType } = await store.resolve(nameOf(reference), { signal: context.signal });
        return ok(`${nameOf(reference)} is ${digest}, ${mediaType}`, { digest, mediaType });
      } catch (error) {
        if (!(error instanceof WaybillError) || error.code !== "not_found") throw error;
        return warning(
          `${nameOf(reference)} is not there`,
          "right for a new tag; as a source it must be written first",
        );
      }
    },
  };
}
