import type { Clock } from "../../async/clock.ts";
import { createMemo, type Memo } from "../../async/memo.ts";
import { rememberedIn } from "../../async/remembered.ts";
import type { HttpRequest } from "../../http/send.ts";
import type { Report } from "../../telemetry/events.ts";
import type { Location } from "../../spec/reference.ts";
import {
  samePrincipal,
  UnreadableCredentials,
  type Credential,
  type CredentialSource,
} from "../credentials/credential.ts";
import { mergeScopes, repositoryOf, repositoryScope } from "../../spec/scope.ts";

/** In whose name a request is made. */
export interface Principal {
  /** Tells accounts apart; holds nothing of the secret. */
  readonly id: number;
  readonly credential: Credential | undefined;
  /** Why nobody knows whether there is one: what to say where a registry does not let us in without. */
  readonly unreadable?: UnreadableCredentials;
  /** The request's scopes first, then those of the whole run that the same account serves. */
  readonly scopes: readonly string[];
}

export interface PrincipalsOptions {
  readonly credentials: CredentialSource;
  readonly clock: Clock;
  readonly report: Report;
  readonly scopesFor?: (registry: string) => readonly string[];
}

type Scopes = readonly string[];

const noScopes: Scopes = [];

/**
 * Whether the same account serves both repositories of one registry, so that content may be mounted from one into the
 * other. Where a look-up fails the answer is yes: the request itself will tell why.
 */
export function oneAccount(
  options: Pick<PrincipalsOptions, "credentials" | "scopesFor">,
): (from: Location, to: Location) => Promise<boolean> {
  const judged = rememberedIn<Scopes, boolean>();
  return async (from, to) => {
    if (from.kind !== "registry" || to.kind !== "registry" || from.host !== to.host) return false;
    const { host } = to;
    const run = options.scopesFor?.(host) ?? noScopes;
    const accountOf = (repository: string, own: string) => {
      const here = mergeScopes([own, ...run]).filter((scope) => repositoryOf(scope) === repository);
      return options.credentials(host, repository, here);
    };
    const judge = async () => {
      const [a, b] = await Promise.all([
        accountOf(from.repository, repositoryScope(from.repository, "pull")),
        accountOf(to.repository, repositoryScope(to.repository, "pull", "push")),
      ]);
      return samePrincipal(a, b);
    };
    // Each blob of each target asks.
    return judged(run, `${host} ${from.repository} ${to.repository}`, judge).catch(() => true);
  };
}

/** A request to a registry. */
export type RegistryRequest = HttpRequest & { readonly registry: string };

/** Keeps a token request's address line within what servers take. */
const maxScopesLength = 4000;

type Found = Pick<Principal, "credential" | "unreadable">;

/**
 * Finds the account for each request: by the first repository in its scopes, with all that the run asks for there. A malformed
 * file is a warning, and nobody's account.
 */
export function principals(options: PrincipalsOptions): (request: RegistryRequest) => Promise<Principal> {
  const known: (Credential | undefined)[] = [];
  const lookups: Memo<Found> = createMemo();
  const warned = new Set<unknown>();

  function idOf(credential: Credential | undefined): number {
    const at = known.findIndex((other) => samePrincipal(other, credential));
    return at < 0 ? known.push(credential) - 1 : at;
  }

  async function lookUp(registry: string, repository: string | undefined, all: readonly string[]) {
    const here = all.filter((scope) => repositoryOf(scope) === repository);
    const key = [registry, repository, ...here].join(" ");
    return lookups.get(key, () =>
      found(options, registry, { lookup: options.credentials(registry, repository, here), warned }),
    );
  }

  async function judge(registry: string, scopes: Scopes, run: Scopes): Promise<Principal> {
    const own = mergeScopes(scopes);
    const all = mergeScopes([...own, ...run]);
    const first = own.map(repositoryOf).find((repository) => repository !== undefined);
    const { credential, unreadable } = await lookUp(registry, first, all);
    const served = await Promise.all(
      all.map(async (scope, at) => {
        if (at < own.length) return true;
        return samePrincipal(credential, (await lookUp(registry, repositoryOf(scope), all)).credential);
      }),
    );
    const shared = all.filter((_, at) => served[at]);
    const within = upTo(maxScopesLength, shared, own.length);
    return { id: idOf(credential), credential, scopes: within, ...(unreadable && { unreadable }) };
  }

  const judged = rememberedIn<Scopes, Principal>();
  return ({ registry, scopes = noScopes }) => {
    const run = options.scopesFor?.(registry) ?? noScopes;
    // Every request asks: the more repositories a run has, the longer the answer takes.
    return judged(run, `${registry} ${scopes.join(" ")}`, () => judge(registry, scopes, run));
  };
}

interface Lookup {
  readonly lookup: Promise<Credential | undefined>;
  readonly warned: Set<unknown>;
}

async function found(options: PrincipalsOptions, registry: string, { lookup, warned }: Lookup): Promise<Found> {
  const { clock, report } = options;
  try {
    const credential = await lookup;
    const message = credential
      ? `credential for ${registry} from ${credential.source}`
      : `no credential for ${registry}: anonymous`;
    report({ type: "debug", message, at: clock.now() });
    return { credential };
  } catch (error) {
    if (!(error instanceof UnreadableCredentials)) throw error;
    const message = `${error.message}; going on without, as long as no registry wants a login`;
    if (!warned.has(message)) report({ type: "warning", message, isUrgent: true, at: clock.now() });
    warned.add(message);
    return { credential: undefined, unreadable: error };
  }
}

function upTo(maxLength: number, scopes: readonly string[], atLeast: number): readonly string[] {
  let length = 0;
  return scopes.filter((scope, at) => {
    length += scope.length + 1;
    return at < atLeast || length <= maxLength;
  });
}
