/** `ask`, asked at the first call; whoever comes later gets the same answer, or the same promise of one. */
export function once<V extends object>(ask: () => V): () => V {
  let answer: V | undefined;
  return () => (answer ??= ask());
}

/** `ask`, asked once for each key, by its name; whoever comes later gets the same answer, or the same promise of one. */
export function rememberedBy<K, V extends object>(nameOfKey: (key: K) => string, ask: (key: K) => V): (key: K) => V {
  const known = new Map<string, V>();
  return (key) => {
    const name = nameOfKey(key);
    const answer = known.get(name) ?? ask(key);
    known.set(name, answer);
    return answer;
  };
}

/** What was given for a key while `state` was the same object. What fails is told to all who wait and asked anew. */
export type RememberedIn<S extends object, V> = (state: S, key: string, ask: () => Promise<V>) => Promise<V>;

/** Nothing is remembered yet; a state that nobody holds any more is forgotten with its answers. */
export function rememberedIn<S extends object, V>(): RememberedIn<S, V> {
  const known = new WeakMap<S, Map<string, Promise<V>>>();
  return (state, key, ask) => {
    const answers = known.get(state) ?? new Map<string, Promise<V>>();
    known.set(state, answers);
    const remembered = answers.get(key);
    if (remembered) return remembered;
    const answer = ask();
    answers.set(key, answer);
    answer.catch(() => answers.delete(key));
    return answer;
  };
}
