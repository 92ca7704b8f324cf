/** A token's permission on one thing: `repository:library/alpine:pull,push`. */
export interface Scope {
  readonly type: string;
  readonly name: string;
  readonly actions: readonly string[];
}

const maxScopes = 100;
const maxLength = 1024;
const inOrder = ["pull", "push", "delete", "*"];
const grammar = /^([A-Za-z0-9]+(?:\([A-Za-z0-9]+\))?):([\x21\x23-\x5b\x5d-\x7e]+):([A-Za-z0-9*,._-]*)$/;

/** The scope to ask for `actions` on a repository. */
export function repositoryScope(repository: string, ...actions: readonly ("pull" | "push" | "delete")[]): string {
  return formatScope({ type: "repository", name: repository, actions });
}

/** Reads one scope; nothing where it has no such form. A name may hold colons: actions follow the last one. */
export function parseScope(text: string): Scope | undefined {
  const match = text.length > maxLength ? undefined : grammar.exec(text);
  if (!match) return undefined;
  const [, type = "", name = "", actions = ""] = match;
  return { type, name, actions: actions.split(",").filter((action) => action !== "") };
}

/** Actions in their usual order (`pull,push,delete`, then the rest by name), each once. */
export function formatScope(scope: Scope): string {
  return `${scope.type}:${scope.name}:${[...new Set(scope.actions)].sort(compareActions).join(",")}`;
}

function compareActions(a: string, b: string): number {
  const ranks = [a, b].map((action) => (inOrder.includes(action) ? inOrder.indexOf(action) : inOrder.length));
  return (ranks[0] ?? 0) - (ranks[1] ?? 0) || (a < b ? -1 : Number(a > b));
}

/**
 * One scope for each thing named, in order of first mention. Takes several scopes in one text, parted by spaces, as a
 * challenge has them. What has not the form of a scope is left out, and so is everything beyond the first hundred things.
 */
export function mergeScopes(texts: Iterable<string>): readonly string[] {
  const merged = new Map<string, Scope>();
  for (const text of texts) {
    for (const scope of text.split(" ", maxScopes).map(parseScope)) if (scope) addTo(merged, scope);
  }
  return [...merged.values()].map(formatScope);
}

function addTo(merged: Map<string, Scope>, scope: Scope): void {
  const thing = `${scope.type}:${scope.name}`;
  const before = merged.get(thing);
  if (!before && merged.size >= maxScopes) return;
  merged.set(thing, before ? { ...scope, actions: [...before.actions, ...scope.actions] } : scope);
}

/** The same text for the same set of permissions, in whatever order they were named. */
export function scopeKey(scopes: readonly string[]): string {
  return [...mergeScopes(scopes)].sort().join(" ");
}

/** True when a token for `held` permits everything in `wanted`. */
export function covers(held: readonly string[], wanted: readonly string[]): boolean {
  const permitted = new Map(mergeScopes(held).map((text) => [thingOf(text), new Set(parseScope(text)?.actions)]));
  return mergeScopes(wanted).every((text) => {
    const actions = permitted.get(thingOf(text));
    return (
      actions !== undefined && (parseScope(text)?.actions ?? []).every((it) => actions.has(it) || actions.has("*"))
    );
  });
}

function thingOf(text: string): string {
  return text.slice(0, text.lastIndexOf(":"));
}

/** The repository that a scope is about, where it is about one. */
export function repositoryOf(text: string): string | undefined {
  const scope = parseScope(text);
  return scope?.type.startsWith("repository") ? scope.name : undefined;
}
