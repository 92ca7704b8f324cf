import type { CredentialEnvironment } from "../../registry/credentials/environment.ts";
import type { HelperRun } from "../../registry/credentials/helper.ts";

/** The same environment, but each question to a helper is asked once: some of them ask their user. */
export function askingOnce(environment: CredentialEnvironment): CredentialEnvironment {
  const asked = new Map<string, Promise<HelperRun>>();
  return {
    ...environment,
    run(program, action, input, options) {
      const question = JSON.stringify([program, action, input]);
      const answer = asked.get(question) ?? environment.run(program, action, input, options);
      asked.set(question, answer);
      return answer;
    },
  };
}
