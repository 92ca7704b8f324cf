import { expect, test } from "vitest";
import { fakeEnvironment } from "../../../test/support/credential-environment.ts";
import { askingOnce } from "./ask-once.ts";

test("askingOnce asks a helper each question once, also while the answer is awaited", async () => {
  const environment = fakeEnvironment({ helper: (_program, _action, input) => ({ stdout: `of ${input}` }) });
  const { run } = askingOnce(environment);
  const ask = (input: string) => run("docker-credential-x", "get", input, {});

  const answers = await Promise.all([ask("a"), ask("b"), ask("a")]);

  expect(answers.map(({ stdout }) => stdout)).toEqual(["of a", "of b", "of a"]);
  expect((await ask("b")).stdout).toBe("of b");
  expect(environment.calls).toEqual(["docker-credential-x get a", "docker-credential-x get b"]);
});
