import type { Answer } from "./answer.ts";
import { answerTo } from "./refusal.ts";
import { BrokenBody } from "./request-body.ts";

/** What `handle` answers, or its refusal. @throws the sender's own error where the request's body broke off; what is a bug. */
export async function answerOrRefuse(handle: () => Promise<Answer>): Promise<Answer> {
  try {
    return await handle();
  } catch (error) {
    if (error instanceof BrokenBody) throw error.cause;
    const answer = answerTo(error);
    if (!answer) throw error;
    return answer;
  }
}
