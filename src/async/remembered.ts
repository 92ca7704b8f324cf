/** `ask`, asked once for each key, by its name; whoever comes later gets the same answer, or the same failure. */
export function rememberedBy<K, V>(nameOfKey: (key: K) => string, ask: (key: K) => Promise<V>): (key: K) => Promise<V> {
  const known = new Map<string, Promise<V>>();
  return (key) => {
    const name = nameOfKey(key);
    const answer = known.get(name) ?? ask(key);
    known.set(name, answer);
    return answer;
  };
}
