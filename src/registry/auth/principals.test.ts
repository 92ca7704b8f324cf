import { describe, expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import { Secret } from "../../http/send.ts";
import type { Location } from "../../spec/reference.ts";
import type { CredentialSource } from "../credentials/credential.ts";
import { oneAccount, principals } from "./principals.ts";

const at = (repository: string, host = "r.io"): Location => ({ kind: "registry", host, repository });
const perTeam: CredentialSource = async (_, repository) => {
  const [team = ""] = repository?.split("/") ?? [];
  return { kind: "basic", username: team, password: new Secret("p"), source: "x" };
};

describe("oneAccount", () => {
  test("is true when both repositories have one account, on one host", async () => {
    const may = oneAccount({ credentials: perTeam });

    expect(await may(at("a/x"), at("a/y"))).toBe(true);
    expect(await may(at("a/x"), at("b/y"))).toBe(false);
    expect(await may(at("a/x", "s.io"), at("a/y"))).toBe(false);
    expect(await may({ kind: "memory", name: "m" }, at("a/y"))).toBe(false);
  });

  test("asks with what the whole run does to each repository", async () => {
    const asked: unknown[] = [];
    const credentials: CredentialSource = async (...args) => void asked.push(args);

    expect(
      await oneAccount({ credentials, scopesFor: () => ["repository:b:delete", "repository:a:push"] })(
        at("a"),
        at("b"),
      ),
    ).toBe(true);
    expect(asked).toEqual([
      ["r.io", "a", ["repository:a:pull,push"]],
      ["r.io", "b", ["repository:b:pull,push,delete"]],
    ]);
  });

  test("is true when a look-up fails: the request will tell", async () => {
    expect(await oneAccount({ credentials: () => Promise.reject(new Error("locked")) })(at("a"), at("b"))).toBe(true);
  });
});

describe("principals", () => {
  const options = { credentials: perTeam, clock: fakeClock(), report: () => undefined };
  const request = (scope: string) =>
    ({ method: "GET", url: "https://r.io/v2/", registry: "r.io", scopes: [scope] }) as const;

  test("shares the run's scopes among the repositories of one account only", async () => {
    const find = principals({
      ...options,
      scopesFor: () => ["repository:a/x:pull", "repository:b/x:pull", "repository:a/y:pull"],
    });

    const [a, b] = await Promise.all([find(request("repository:a/y:push")), find(request("repository:b/x:pull"))]);

    expect(a.scopes).toEqual(["repository:a/y:pull,push", "repository:a/x:pull"]);
    expect(b.scopes).toEqual(["repository:b/x:pull"]);
    expect(a.id).not.toBe(b.id);
    expect((await find(request("repository:a/z:pull"))).id).toBe(a.id);
  });

  test("looks at the run's scopes once for all requests for the same", async () => {
    let looks = 0;
    const run = new Proxy(["repository:a/x:pull", "repository:a/y:pull"], {
      get(target, name, receiver): unknown {
        if (name === Symbol.iterator) looks += 1;
        return Reflect.get(target, name, receiver);
      },
    });
    const find = principals({ ...options, scopesFor: () => run });
    const may = oneAccount({ credentials: perTeam, scopesFor: () => run });

    const [first, second] = [await find(request("repository:a/x:pull")), await find(request("repository:a/x:pull"))];
    expect([second, looks]).toEqual([first, 1]);

    for (const _ of [1, 2]) expect(await may(at("a/x"), at("a/y"))).toBe(true);
    expect(looks).toBe(3);
  });

  test("keeps a token request short when the run has very many repositories", async () => {
    const many = Array.from({ length: 99 }, (_, index) => `repository:a/${"x".repeat(100)}${index}:pull`);
    const { scopes } = await principals({ ...options, scopesFor: () => many })(request("repository:a/y:push"));

    expect(scopes[0]).toBe("repository:a/y:push");
    expect(scopes.join(" ").length).toBeLessThan(4200);
    expect(scopes.length).toBeGreaterThan(10);
  });
});
