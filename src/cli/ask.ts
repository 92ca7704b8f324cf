import type { Host } from "./host.ts";

const longestAnswer = 1000;

/** Asks on the terminal; true for `y` and `yes`. The end of the input, and anything else, is a no. */
export async function askYes(question: string, { stdin, stderr, signal }: Host): Promise<boolean> {
  stderr.write(`${question} [y/N] `);
  signal.throwIfAborted();
  let answer = "";
  for await (const chunk of stdin) {
    answer += typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
    if (answer.includes("\n") || answer.length > longestAnswer) break;
  }
  return /^\s*y(?:es)?\s*$/i.test(answer.split("\n", 1)[0] ?? "");
}
