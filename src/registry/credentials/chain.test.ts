import { describe, expect, test } from "vitest";
import { fakeClock } from "../../../test/support/fake-clock.ts";
import { fakeEnvironment, type FakeEnvironmentOptions } from "../../../test/support/credential-environment.ts";
import type { WaybillEvent } from "../../telemetry/events.ts";
import { credentialChain } from "./chain.ts";
import { samePrincipal } from "./credential.ts";

const auths = (...pairs: readonly (readonly [string, string])[]) => ({
  auths: Object.fromEntries(pairs.map(([key, user]) => [key, { auth: Buffer.from(`${user}:pw`).toString("base64") }])),
});

const docker = "/home/u/.docker/config.json";
const scoped = "/home/u/.docker/buildx/config";
const notFound = { exitCode: 1, stdout: "credentials not found in native keychain\n" };

function chainOver(options: FakeEnvironmentOptions) {
  const environment = fakeEnvironment(options);
  const events: WaybillEvent[] = [];
  const find = credentialChain(environment, { clock: fakeClock(), report: (event) => events.push(event) });
  const user = async (registry: string, repository?: string, scopes?: readonly string[]) => {
    const credential = await find(registry, repository, scopes);
    return credential?.kind === "basic" ? credential.username : credential?.kind;
  };
  return { environment, events, find, user };
}

describe("credentialChain", () => {
  test("takes the first place with an entry, in the order buildx, environment, docker, containers", async () => {
    const env = {
      DOCKER_AUTH_CONFIG: JSON.stringify(auths(["b.io", "env"], ["a.io", "env"])),
      REGISTRY_AUTH_FILE: "/r.json",
      XDG_RUNTIME_DIR: "/run/u",
    };
    const { user } = chainOver({
      env,
      files: {
        [`${scoped}/a.io/config.json`]: auths(["a.io", "buildx"]),
        [docker]: auths(["a.io", "docker"], ["b.io", "docker"], ["c.io", "docker"]),
        "/r.json": auths(["c.io", "named"], ["d.io", "named"]),
        "/run/u/containers/auth.json": auths(["d.io", "runtime"], ["e.io", "runtime"]),
        "/home/u/.config/containers/auth.json": auths(["e.io", "config"], ["f.io", "config"]),
      },
    });

    const seen = await Promise.all(["a.io", "b.io", "c.io", "d.io", "e.io", "f.io", "g.io"].map((host) => user(host)));

    expect(seen).toEqual(["buildx", "env", "docker", "named", "runtime", "config", undefined]);
  });

  test("takes buildx's file for repository and actions before the ones for less", async () => {
    const { user } = chainOver({
      files: {
        [`${scoped}/r.io/config.json`]: auths(["r.io", "host"]),
        [`${scoped}/r.io@push/config.json`]: auths(["r.io", "host-push"]),
        [`${scoped}/r.io/a/b/config.json`]: auths(["r.io", "repo"]),
        [`${scoped}/r.io/a/b@pull,push/config.json`]: auths(["r.io", "repo-push"]),
      },
    });

    expect(await user("r.io", "a/b", ["repository:a/b:pull,push"])).toBe("repo-push");
    expect(await user("r.io", "a/b", ["repository:a/b:pull"])).toBe("repo");
    expect(await user("r.io", "a/c", ["repository:a/c:pull,push"])).toBe("host-push");
    expect(await user("r.io", "a/c", ["repository:a/c:pull", "repository:a/b:push"])).toBe("host");
  });

  test("finds buildx's files for Docker Hub under the name of its registry", async () => {
    const { user } = chainOver({
      files: {
        [`${scoped}/registry-1.docker.io/me/app/config.json`]: auths(["https://index.docker.io/v1/", "scoped"]),
      },
    });

    expect(await user("docker.io", "me/app")).toBe("scoped");
    expect(await user("docker.io", "me/other")).toBeUndefined();
  });

  test("goes on when buildx's file has no entry for the host", async () => {
    const { user } = chainOver({ files: { [`${scoped}/r.io/config.json`]: {}, [docker]: auths(["r.io", "docker"]) } });

    expect(await user("r.io")).toBe("docker");
  });

  test.each(["dhi.io", "registry.scout.docker.com"])(
    "gives %s Docker Hub's entry only when it has none of its own",
    async (host) => {
      const hub = auths(["https://index.docker.io/v1/", "hub"]);

      expect(await chainOver({ files: { [docker]: hub } }).user(host, "x/y")).toBe("hub");
      expect(
        await chainOver({ files: { [docker]: { auths: { ...hub.auths, ...auths([host, "own"]).auths } } } }).user(host),
      ).toBe("own");
      expect(await chainOver({ files: { [docker]: hub } }).user("hub.example")).toBeUndefined();
    },
  );

  test("asks the host's own helper, not the general one, by docker's name for the server", async () => {
    const { user, environment } = chainOver({
      files: { [docker]: { credsStore: "desktop", credHelpers: { "docker.io": "hub" } } },
      helper: (program) => ({ stdout: JSON.stringify({ Username: program, Secret: "s" }) }),
    });

    expect(await user("docker.io")).toBe("docker-credential-hub");
    expect(await user("r.io:5000")).toBe("docker-credential-desktop");
    expect(environment.calls).toEqual([
      "docker-credential-hub get https://index.docker.io/v1/",
      "docker-credential-desktop get r.io:5000",
    ]);
  });

  test("reads each folder once, however many repositories are looked up", async () => {
    const read: string[] = [];
    const environment = fakeEnvironment({ files: { [`${scoped}/r.io/config.json`]: auths(["r.io", "host"]) } });
    const readDir = async (path: string) => (read.push(path), environment.readDir(path));
    const find = credentialChain({ ...environment, readDir }, { clock: fakeClock() });

    await Promise.all(Array.from({ length: 50 }, (_, number) => find("r.io", `team/app-${number}`)));
    await find("r.io", "team/app-0");

    expect(read.toSorted()).toEqual([scoped, `${scoped}/r.io`, `${scoped}/r.io/team`]);
  });

  test("asks a helper once when many look-ups come at the same time", async () => {
    const { user, environment } = chainOver({
      files: { [docker]: { credsStore: "desktop" } },
      helper: () => ({ stdout: '{"Username":"<token>","Secret":"refresh"}' }),
    });

    expect(await Promise.all(["a", "b", "c"].map((repository) => user("r.io", repository)))).toEqual(
      Array(3).fill("identity-token"),
    );
    expect(environment.calls).toHaveLength(1);
  });

  test("goes on to the next place when the helper has no such credential", async () => {
    const { user } = chainOver({
      files: { [docker]: { credsStore: "desktop" }, "/home/u/.config/containers/auth.json": auths(["r.io", "podman"]) },
      helper: () => notFound,
    });

    expect(await user("r.io")).toBe("podman");
  });

  test("stops with credential_helper_failed when the helper fails, although another place has an entry", async () => {
    const { user } = chainOver({
      files: {
        [docker]: { credHelpers: { "r.io": "broken" } },
        "/home/u/.config/containers/auth.json": auths(["r.io", "podman"]),
      },
      helper: () => ({ exitCode: 2, stdout: "the keychain is locked" }),
    });

    await expect(user("r.io")).rejects.toMatchObject({
      code: "credential_helper_failed",
      message:
        'Cannot use credential helper "docker-credential-broken" for "r.io": it answered "the keychain is locked"',
    });
  });

  test("warns and goes on when DOCKER_AUTH_CONFIG is malformed", async () => {
    const { user, events } = chainOver({
      env: { DOCKER_AUTH_CONFIG: "/builds/auth.json" },
      files: { [docker]: auths(["r.io", "docker"]) },
    });

    expect(await user("r.io")).toBe("docker");
    // Urgent: commands that show no progress tell it too.
    expect(events).toMatchObject([{ type: "warning", isUrgent: true }]);
  });

  test("stops with the file's name when docker's config is malformed", async () => {
    await expect(chainOver({ files: { [docker]: "{" } }).user("r.io")).rejects.toMatchObject({
      message: `Cannot read credentials in ${docker}: it is not valid JSON`,
      context: { advice: `Mend ${docker}, or take it away` },
    });
  });

  test("names the source of what it finds, and mentions a loose file mode for debugging", async () => {
    const { find, events } = chainOver({ files: { [docker]: auths(["r.io", "u"]) }, modes: { [docker]: 0o644 } });

    expect((await find("r.io"))?.source).toBe(`auths in ${docker}`);
    expect(events).toMatchObject([{ type: "debug", message: `${docker} can be read by others (mode 644)` }]);
  });

  test("reads nothing before the first look-up", () => {
    const { environment } = chainOver({ files: { [docker]: "{" } });

    expect(environment.calls).toEqual([]);
  });
});

test("samePrincipal compares accounts, not where they were found", async () => {
  const { find } = chainOver({ files: { [docker]: auths(["a.io", "u"], ["b.io", "u"], ["c.io", "v"]) } });
  const [a, b, c] = await Promise.all(["a.io", "b.io", "c.io"].map((host) => find(host)));

  expect([
    samePrincipal(a, b),
    samePrincipal(a, c),
    samePrincipal(a, undefined),
    samePrincipal(undefined, undefined),
  ]).toEqual([true, false, false, true]);
});
