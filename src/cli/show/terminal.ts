import type { FrameOptions } from "./frame.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What a terminal can be expected to do. Modern ones lay lines out anew when they become narrower; xterm, the consoles of
 * Linux and BSD, and GNU screen cut or keep them. Terminals that do not know the request to synchronize ignore it, but for
 * the oldest, of which nobody knows.
 */
export function terminalTraits(env: Environment): FrameOptions {
  const term = env["TERM"] ?? "";
  const isOld = /^(?:|dumb|linux|ansi|cygwin|cons\d.*|vt\d.*)$/.test(term);
  const keepsLines = Boolean(env["XTERM_VERSION"] ?? env["STY"]);
  return { reflows: !isOld && (Boolean(env["TMUX"]) || !keepsLines), synchronizes: !isOld };
}
