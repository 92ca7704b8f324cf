import { rememberedBy } from "../../async/remembered.ts";
import type { CredentialEnvironment } from "../../registry/credentials/environment.ts";

/** The same environment, but each question to a helper is asked once: some of them ask their user. */
export function askingOnce(environment: CredentialEnvironment): CredentialEnvironment {
  const run = rememberedBy(
    ([program, action, input]: Parameters<CredentialEnvironment["run"]>) => JSON.stringify([program, action, input]),
    (question) => environment.run(...question),
  );
  return { ...environment, run: (...question) => run(question) };
}
