import type { Location } from "../../spec/reference.ts";
import { repositoryScope } from "../../spec/scope.ts";

/** What the runs that are under way will ask of registries, as they have announced it. */
export interface Announced {
  /** Each scope once, in the order in which it was first announced. */
  readonly scopesFor: (registry: string) => readonly string[];
  /** Holds until the run that announces it disposes of it. */
  readonly announce: (access: { readonly pull: readonly Location[]; readonly push: readonly Location[] }) => Disposable;
}

/** Nothing is announced yet. */
export function announced(): Announced {
  const runs = new Set<readonly Wish[]>();
  /** By registry, until a run begins or ends: every request asks. */
  const known = new Map<string, readonly string[]>();
  const wishedOf = (registry: string): readonly string[] => {
    const wishes = [...runs].flat().filter((wish) => wish.registry === registry);
    return [...new Set(wishes.map(({ scope }) => scope))];
  };
  return {
    scopesFor(registry) {
      const scopes = known.get(registry) ?? wishedOf(registry);
      known.set(registry, scopes);
      return scopes;
    },
    announce({ pull, push }) {
      const run = [
        ...push.flatMap((place) => wishesFor(place, "pull", "push")),
        ...pull.flatMap((place) => wishesFor(place, "pull")),
      ];
      runs.add(run);
      known.clear();
      return {
        [Symbol.dispose]() {
          runs.delete(run);
          known.clear();
        },
      };
    },
  };
}

interface Wish {
  readonly registry: string;
  readonly scope: string;
}

function wishesFor(place: Location, ...actions: readonly ("pull" | "push")[]): readonly Wish[] {
  if (place.kind !== "registry") return [];
  return [{ registry: place.host, scope: repositoryScope(place.repository, ...actions) }];
}
