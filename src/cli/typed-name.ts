import { quoted } from "../verbs/explain/shell-words.ts";
import type { Host } from "./host.ts";

/** What the user types before one of our commands. */
export function typedName({ isPlugin }: Pick<Host, "isPlugin">): string {
  return isPlugin ? "docker waybill" : "waybill";
}

/** What the user types behind a command to find a run, quoted for a shell: the state folder where one was named, and the run. */
export function typedArguments(state: string | undefined, name?: string): string {
  const operand = name?.startsWith("-") ? `./${name}` : name;
  const words = [...(state === undefined ? [] : ["--state", state]), ...(operand === undefined ? [] : [operand])];
  return words.map(quoted).join(" ");
}
