import { hasCode, type WaybillError } from "../../errors.ts";

/** Asks a token service with an account's credential. `group`: one service and one account. @throws what `ask` throws */
export type AskWithCredential = <T>(group: string, ask: () => Promise<T>) => Promise<T>;

interface Refusal {
  readonly error: WaybillError;
  count: number;
  /** The last who asks to find out whether it was the credential or what was asked for. */
  turn: Promise<unknown>;
}

/** A service that lets nobody in for one scope that it does not know is asked for others once. */
const mostRefusals = 2;

/**
 * Directories behind registries lock an account after about five wrong passwords, and each question may send it twice. Once a
 * credential is answered with 401, who comes next asks one after the other; after a second one nothing is sent, and all get
 * the first error again.
 */
export function againstLockout(): AskWithCredential {
  const refusals = new Map<string, Refusal>();

  async function noted<T>(group: string, ask: () => Promise<T>): Promise<T> {
    try {
      const answer = await ask();
      refusals.delete(group);
      return answer;
    } catch (error) {
      if (hasCode(error, "auth_denied") && error.context.status === 401) note(group, error);
      throw error;
    }
  }

  function note(group: string, error: WaybillError): void {
    const known = refusals.get(group);
    if (known) known.count += 1;
    else refusals.set(group, { error, count: 1, turn: Promise.resolve() });
  }

  return async (group, ask) => {
    const refusal = refusals.get(group);
    if (!refusal) return noted(group, ask);
    const turn = refusal.turn.then(async () => {
      if (refusal.count >= mostRefusals) throw refusal.error;
      return noted(group, ask);
    });
    refusal.turn = turn.catch(() => undefined);
    return turn;
  };
}
