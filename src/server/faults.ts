import type { HttpRequest, Method, Send } from "../http/send.ts";
import type { Fault } from "./fault.ts";
import { routeOf } from "./fault-memory.ts";
import { mischiefOf } from "./mischief.ts";
import type { Route } from "./route.ts";

/** What of the API a request is about; `upload` is an open one, `uploads` the place where they are opened. */
export type FaultRoute = Route["kind"] | "token";

/** When to misbehave. Conditions that are absent always hold. */
export interface FaultRule {
  readonly method?: Method | readonly Method[];
  readonly route?: FaultRoute | readonly FaultRoute[];
  /** The whole name of the repository, or an expression that matches in it. */
  readonly repository?: string | RegExp;
  /** Matched against path and query. A text matches anywhere in it. */
  readonly path?: string | RegExp;
  readonly when?: (request: HttpRequest) => boolean;
  /** How many matching requests pass unharmed first; default 0. */
  readonly skip?: number;
  /** How many are then harmed; default 1. `Infinity` never stops. */
  readonly times?: number;
  readonly fault: Fault;
}

/**
 * `send`, misbehaving on demand. Each request suffers the first rule that matches and is not used up; the others go through
 * untouched, but for what an earlier fault means for them: a token that is void stays void. Rules are counted per call of `faulty`.
 *
 * @throws TypeError for a fault that there is none of, or that lacks a part; RangeError for a pace that is none.
 */
export function faulty(send: Send, rules: readonly FaultRule[]): Send {
  const states = rules.map((rule) => ({ rule, seen: 0, mischief: mischiefOf(rule.fault, send) }));
  return (request) => {
    for (const state of states) {
      const { skip = 0, times = 1 } = state.rule;
      if (state.seen >= skip + times || !matches(state.rule, request)) continue;
      state.seen++;
      if (state.seen > skip) return state.mischief.strike(request);
    }
    for (const { mischief } of states) {
      const answer = mischief.haunt?.(request);
      if (answer) return answer;
    }
    return send(request);
  };
}

function matches(rule: FaultRule, request: HttpRequest): boolean {
  const { pathname, search } = new URL(request.url);
  const { method, path } = rule;
  if (method !== undefined && !listed(method).includes(request.method)) return false;
  if (path !== undefined && !found(path, pathname + search)) return false;
  return isAbout(rule, request, pathname) && (rule.when?.(request) ?? true);
}

function isAbout({ route, repository }: FaultRule, request: HttpRequest, pathname: string): boolean {
  if (route === undefined && repository === undefined) return true;
  const about = pathname === "/token" ? ({ kind: "token" } as const) : routeOf(request);
  if (about === undefined || (route !== undefined && !listed(route).includes(about.kind))) return false;
  if (repository === undefined) return true;
  const name = "repository" in about ? about.repository : undefined;
  if (name === undefined) return false;
  return typeof repository === "string" ? name === repository : name.search(repository) >= 0;
}

function listed<T extends string>(one: T | readonly T[]): readonly T[] {
  return typeof one === "string" ? [one] : one;
}

function found(wanted: string | RegExp, text: string): boolean {
  return typeof wanted === "string" ? text.includes(wanted) : text.search(wanted) >= 0;
}
