/** Marks before lines, one column each. */
export interface Symbols {
  readonly ok: string;
  readonly note: string;
  readonly warning: string;
  readonly failure: string;
}

const unicode: Symbols = { ok: "✓", note: "·", warning: "!", failure: "✗" };
const ascii: Symbols = { ok: "+", note: "-", warning: "!", failure: "x" };

/** Marks that can be shown where `env` comes from: ASCII unless its locale is UTF-8, and on dumb terminals. */
export function symbolsFor(env: Readonly<Record<string, string | undefined>>, platform: string): Symbols {
  if (env["TERM"] === "dumb") return ascii;
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"] || "";
  // Windows has no such variables; its terminals of today can.
  const isModernWindows = platform === "win32" && Boolean(env["WT_SESSION"] ?? env["TERM_PROGRAM"]);
  return /utf-?8/i.test(locale) || isModernWindows ? unicode : ascii;
}
