import { displayLines } from "../spec/display.ts";
import type { Output } from "./host.ts";

/**
 * Writes a result: byte for byte for programs; where somebody looks, so that nothing in it steers the terminal. JSON may hold
 * most of what does that as it is.
 */
export function writeResult(output: Output, result: string | Uint8Array): void {
  if (!output.isTTY) return void output.write(result);
  output.write(displayLines(typeof result === "string" ? result : new TextDecoder().decode(result)));
}
