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
