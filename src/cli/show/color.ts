/** What `--color` may say. */
export const colorModes = ["auto", "always", "never"] as const;

export type ColorMode = (typeof colorModes)[number];

/**
 * Whether text is coloured: as asked; else never where `NO_COLOR` is set, always where `FORCE_COLOR` is, and by default where
 * the output is a terminal that can. Set and empty counts as not set, as no-color.org has it; `FORCE_COLOR=0` means never.
 */
export function wantsColor(
  asked: ColorMode,
  options: { readonly env: Readonly<Record<string, string | undefined>>; readonly isTerminal: boolean },
): boolean {
  const { env, isTerminal } = options;
  if (asked !== "auto") return asked === "always";
  if (env["NO_COLOR"]) return false;
  const forced = env["FORCE_COLOR"];
  if (forced) return forced !== "0" && forced !== "false";
  return isTerminal && env["TERM"] !== "dumb";
}
