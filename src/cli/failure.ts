import { codeOf } from "../disk/durable.ts";
import { WaybillError } from "../errors.ts";
import { display } from "../spec/display.ts";
import { failureOf } from "../telemetry/task.ts";
import { generalAdvice } from "../verbs/advice.ts";
import { Several } from "./several.ts";

/**
 * What is told about an error: `ERROR: ` and the sentence, a line for each of several that may be meant, then one line of advice if
 * there is any. With `debug` the codes, causes and stacks follow. What is not a `WaybillError` is our mistake and always shows its stack.
 */
export function failureText(error: unknown, options: FailureTextOptions = {}): string {
  const { debug = false, ids = "" } = options;
  const [sentence = "", ...more] = error instanceof WaybillError ? expected(error) : unexpected(error);
  return [sentence + ids, ...more, ...(debug ? details(error) : []), ""].join("\n");
}

interface FailureTextOptions {
  readonly debug?: boolean;
  /** Stands behind the sentence: where in a trace it happened. */
  readonly ids?: string;
}

/** The same for programs. With `debug` its causes and stacks are there too. */
export function errorFacts(error: unknown, options: { readonly debug?: boolean } = {}): ErrorFacts {
  const isMistake = !(error instanceof WaybillError);
  const more = options.debug || isMistake ? { causes: causesOf(error), stack: stackOf(error) } : {};
  const { code, message } = failureOf(error);
  if (isMistake) return { message, error: code, ...more };
  const { registry, repository, status, registryCode, detail } = error.context;
  const facts = { registry, repository, status, registry_code: registryCode, detail };
  const choices = error instanceof Several ? { choices: error.lines } : {};
  return { message, error: code, advice: adviceFor(error), ...choices, ...facts, ...more };
}

interface ErrorFacts {
  readonly message: string;
  /** One of our codes. */
  readonly error: string;
  readonly [fact: string]: string | number | readonly string[] | undefined;
}

function causesOf(error: unknown): string[] {
  return error instanceof Error ? chainFrom(error.cause).map(causeText) : [];
}

/** `error` and what caused it, as far as anybody wants to read. */
function chainFrom(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let at = error; at !== undefined && chain.length < deepest; at = at instanceof Error ? at.cause : undefined)
    chain.push(at);
  return chain;
}

function causeText(cause: unknown): string {
  return cause instanceof Error ? String(cause) : typeof cause;
}

/** What to do about it, in one line; `undefined` where nobody knows. */
export function adviceFor(error: WaybillError): string | undefined {
  return error.context.advice ?? (lacksFiles(error) ? moreFiles : generalAdvice(error.code));
}

const moreFiles = "raise the limit, as with `ulimit -n 4096`, then run the same command again";

/** Neither files nor connections can be opened: the process, or the machine, has as many as it may. */
function lacksFiles(error: WaybillError): boolean {
  return chainFrom(error).some((cause) => ["EMFILE", "ENFILE"].includes(codeOf(cause) ?? ""));
}

function expected(error: WaybillError): string[] {
  const advice = adviceFor(error);
  const sentence = `ERROR: ${display(error.message)}`;
  const lines = error instanceof Several ? error.lines.map((line) => `  ${display(line)}`) : [];
  return [sentence, ...lines, ...(advice === undefined ? [] : [`  hint: ${display(advice)}`])];
}

function unexpected(error: unknown): string[] {
  return [
    `ERROR: ${display(failureOf(error).message)}`,
    ...stackOf(error),
    "  hint: this is a bug in waybill; please report it with the lines above, your command and `waybill --version`",
  ];
}

const deepest = 8;

function details(error: unknown): string[] {
  return chainFrom(error).flatMap((cause, depth) => [
    ...(depth > 0 ? [`caused by: ${display(causeText(cause))}`] : []),
    ...(cause instanceof WaybillError ? [`  code: ${cause.code}${factsOf(cause)}`] : []),
    ...(depth > 0 || cause instanceof WaybillError ? stackOf(cause) : []),
  ]);
}

function factsOf(error: WaybillError): string {
  const { advice: _advice, ...facts } = error.context;
  return Object.entries(facts)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `, ${name}: ${display(Array.isArray(value) ? value.join(" ") : String(value))}`)
    .join("");
}

function stackOf(error: unknown): string[] {
  if (!(error instanceof Error) || error.stack === undefined) return [];
  const frames = error.stack.split("\n").filter((line) => /^\s+at /.test(line));
  return frames.map((frame) => `  ${display(frame.trim())}`);
}
