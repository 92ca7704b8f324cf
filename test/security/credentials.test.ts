import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { HttpRequest } from "../../src/http/send.ts";
import { digestOf } from "../../src/spec/digest.ts";
import { goJson } from "../../src/spec/json.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { parseReference } from "../../src/spec/reference.ts";
import { silent } from "../../src/telemetry/events.ts";
import { create } from "../../src/verbs/create.ts";
import { fakeClock } from "../support/fake-clock.ts";
import {
  basicEntry,
  challenged,
  internet,
  type HostScript,
  type Internet,
  type InternetOptions,
} from "../support/hosts.ts";
import { respond } from "../support/responses.ts";

const password = "canary-password";
const secrets = [password, Buffer.from(`me:${password}`).toString("base64"), "canary-token", "canary-identity"];
const image = Buffer.from(
  goJson({
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, digest: digestOf(Buffer.from("{}")), size: 2 },
    layers: [],
  }),
);
const digest = digestOf(image);

/** A registry that wants a token of `realm` and then serves the image. */
function registryWith(realm: string): HostScript {
  return (request) =>
    request.authorization === undefined
      ? challenged(request, realm)
      : respond(request, 200, { headers: { "content-type": mediaTypes.ociManifest }, body: image.toString() });
}

/** Hands a token to whoever asks. */
const tokens: HostScript = (request) => respond(request, 200, { body: { token: "canary-token" } });

function manifestAt(net: Internet, reference: string) {
  const { location, tag = "latest" } = parseReference(reference);
  return net.stores.open(location).then((store) => store.manifest(tag));
}

const config = { auths: { "r.example": basicEntry("me", password) } };

/** Nothing that went to `host` holds a secret, neither in its headers nor in its body or address. */
function expectNothingSecretAt(net: Internet, host: string): void {
  for (const seen of net.at(host)) {
    expect(seen.authorization).toBeUndefined();
    for (const secret of secrets)
      expect(`${seen.url} ${seen.body} ${decodeURIComponent(seen.body)}`).not.toContain(secret);
  }
}

describe("S02 a realm on another host", () => {
  test.each([
    ["https://evil.example/token"],
    ["https://r.example.evil.example/token"],
    ["https://evil.example/r.example/token"],
    ["https://evilr.example/token"],
  ])("S02 the credential never goes to %s", async (realm) => {
    const { host } = new URL(realm);
    await using net = await internet({ "r.example": registryWith(realm), [host]: tokens }, { config });
    await expect(manifestAt(net, "r.example/app:1")).rejects.toMatchObject({
      code: "realm_untrusted",
      context: { advice: expect.stringContaining(`--trust-realm ${host}`) },
    });
    expect(net.at(host)).toEqual([]);
  });

  test("S02 an anonymous user may ask any realm", async () => {
    await using net = await internet({
      "r.example": registryWith("https://elsewhere.example/t"),
      "elsewhere.example": tokens,
    });
    expect((await manifestAt(net, "r.example/app:1")).descriptor.digest).toBe(digest);
  });

  test.each([
    ["the same host at another port", "r.example", "https://r.example:8443/token", {}],
    ["the same registrable domain", "registry.gitlab.corp.example", "https://gitlab.corp.example/jwt/auth", {}],
    ["Docker Hub's own service", "docker.io", "https://auth.docker.io/token", {}],
    ["a host that the user trusts", "r.example", "https://sso.example/token", { trustRealms: ["sso.example"] }],
  ] as const)("S02 the credential goes to %s", async (_what, registry, realm, options) => {
    const api = registry === "docker.io" ? "registry-1.docker.io" : registry;
    const name = registry === "docker.io" ? "https://index.docker.io/v1/" : registry;
    const auths = { auths: { [name]: basicEntry("me", password) } };
    const { host } = new URL(realm);
    const hosts: Record<string, HostScript> = { [api]: registryWith(realm), [host]: tokens };
    await using net = await internet(hosts, { ...options, config: auths } satisfies InternetOptions);
    expect((await manifestAt(net, `${registry}/acme/app:1`)).descriptor.digest).toBe(digest);
    expect(net.at(host)[0]?.body).toContain(password);
  });

  test("S02 two customers of one hosting service do not share their credentials", async () => {
    const auths = { auths: { "a.github.io": basicEntry("me", password) } };
    const hosts = { "a.github.io": registryWith("https://b.github.io/token"), "b.github.io": tokens };
    await using net = await internet(hosts, { config: auths });
    await expect(manifestAt(net, "a.github.io/app:1")).rejects.toMatchObject({ code: "realm_untrusted" });
  });

  test.each(["http://r.example/token", "ftp://r.example/t", "https://me:pw@r.example/t", "javascript:1", "//", ""])(
    "S02 a realm of %j gets nothing from a registry behind TLS",
    async (realm) => {
      await using net = await internet({ "r.example": registryWith(realm) }, { config });
      await expect(manifestAt(net, "r.example/app:1")).rejects.toMatchObject({ code: expect.any(String) });
      expectNothingSecretAt(net, "r.example");
    },
  );
});

describe("S04 redirects", () => {
  test.each([
    ["another host", "https://evil.example/blob"],
    ["another port", "https://r.example:8443/blob"],
    ["a host below", "https://cdn.r.example/blob"],
  ])("S04 a redirect to %s loses the credential", async (_what, location) => {
    const { host } = new URL(location);
    const redirecting: HostScript = (request) =>
      request.authorization === undefined
        ? challenged(request, "https://r.example/token")
        : respond(request, 307, { headers: { location } });
    const hosts: Record<string, HostScript> = {
      "r.example": (request, seen) =>
        new URL(request.url).pathname === "/token" ? tokens(request, seen) : redirecting(request, seen),
      [host]: (request) => respond(request, 401, { headers: { "www-authenticate": 'Basic realm="mine"' } }),
    };
    await using net = await internet(hosts, { config });
    await expect(manifestAt(net, "r.example/app:1")).rejects.toMatchObject({ code: "auth_required" });
    expect(net.at(host)).toHaveLength(1);
    expectNothingSecretAt(net, host);
  });

  test("S04 a redirect down to plain http is not followed to another host", async () => {
    const down: HostScript = (request) => respond(request, 307, { headers: { location: "http://cdn.example/blob" } });
    await using net = await internet({ "r.example": down, "cdn.example": tokens }, { config });
    await expect(manifestAt(net, "r.example/app:1")).rejects.toMatchObject({ code: "rejected" });
    expect(net.at("cdn.example")).toEqual([]);
  });

  test.each([
    ["basic", { auths: { "r.example": basicEntry("me", password) } }],
    ["identity token", { auths: { "r.example": { identitytoken: "canary-identity" } } }],
  ])("S04 a token service that redirects gives the %s in the body to nobody else", async (_kind, auths) => {
    const redirecting: HostScript = (request) =>
      respond(request, 307, { headers: { location: "https://evil.example/token" } });
    const hosts = {
      "r.example": registryWith("https://auth.r.example/token"),
      "auth.r.example": redirecting,
      "evil.example": tokens,
    };
    await using net = await internet(hosts, { config: auths });
    await expect(manifestAt(net, "r.example/app:1")).rejects.toMatchObject({ code: "rejected" });
    expectNothingSecretAt(net, "evil.example");
  });

  test("S04 a token service may redirect within its own origin, and an anonymous request anywhere", async () => {
    const moved =
      (location: string): HostScript =>
      (request, seen) =>
        new URL(request.url).pathname === "/token"
          ? respond(request, 307, { headers: { location } })
          : tokens(request, seen);
    await using own = await internet(
      { "r.example": registryWith("https://auth.r.example/token"), "auth.r.example": moved("/v2/token") },
      { config },
    );
    expect((await manifestAt(own, "r.example/app:1")).descriptor.digest).toBe(digest);

    await using anonymous = await internet({
      "r.example": registryWith("https://auth.r.example/token"),
      "auth.r.example": moved("https://other.example/t"),
      "other.example": tokens,
    });
    expect((await manifestAt(anonymous, "r.example/app:1")).descriptor.digest).toBe(digest);
  });

  test("S04 what a registry wants to set as a cookie comes back to nobody", async () => {
    const headers: Record<string, string>[] = [];
    const setting: HostScript = (request) => {
      headers.push({ ...request.headers });
      return respond(request, 200, {
        headers: { "content-type": mediaTypes.ociManifest, "set-cookie": "canary=1" },
        body: image.toString(),
      });
    };
    await using net = await internet({ "r.example": setting });
    await manifestAt(net, "r.example/app:1");
    await manifestAt(net, "r.example/app:2");
    expect(headers.flatMap((each) => Object.keys(each))).not.toContain("cookie");
  });
});

describe("uploads that live elsewhere", () => {
  test.each([
    ["another host", "https://uploads.example/u?sig=1"],
    ["another port of the registry", "https://r.example:8443/u?sig=1"],
  ])("S04 an upload Location on %s gets the content without the credential", async (_what, location) => {
    const { host } = new URL(location);
    const registry: HostScript = (request, seen) => {
      if (new URL(request.url).pathname === "/token") return tokens(request, seen);
      if (request.authorization === undefined) return challenged(request, "https://r.example/token");
      if (request.method === "POST") return respond(request, 202, { headers: { location } });
      return respond(request, 404);
    };
    const store: HostScript = (request) =>
      request.method === "PUT"
        ? respond(request, 401, { headers: { "www-authenticate": 'Bearer realm="https://r.example/token"' } })
        : respond(request, 404);
    await using net = await internet({ "r.example": registry, [host]: store }, { config });
    const { location: place } = parseReference("r.example/app:1");
    const target = await net.stores.open(place);
    const bytes = Buffer.from("layer");
    const blob = { mediaType: mediaTypes.ociLayer, digest: digestOf(bytes), size: bytes.byteLength };
    await expect(
      target.pushBlob(blob, async function* () {
        yield bytes;
      }),
    ).rejects.toMatchObject({ code: "auth_required" });
    expect(net.at(host).map(({ method }) => method)).toContain("PUT");
    expectNothingSecretAt(net, host);
  });
});

describe("other hosts", () => {
  test("S06 a mirror of the builder's gets no credential of the registry that it mirrors", async () => {
    const builder = {
      Nodes: [
        {
          Files: {
            "buildkitd.toml": Buffer.from('[registry."r.example"]\nmirrors = ["m.example"]\n').toString("base64"),
          },
        },
      ],
    };
    const { mkdirSync, mkdtempSync, rmSync, writeFileSync } = await import("node:fs");
    const home = mkdtempSync("/tmp/waybill-mirror-");
    mkdirSync(`${home}/buildx/instances`, { recursive: true });
    writeFileSync(`${home}/buildx/instances/mirrored`, JSON.stringify(builder));
    writeFileSync(`${home}/config.json`, JSON.stringify(config));
    const hosts = {
      "m.example": registryWith("https://m.example/token"),
      "r.example": registryWith("https://r.example/token"),
    };
    await using net = await internet(hosts, { env: { HOME: home, DOCKER_CONFIG: home }, builder: "mirrored" });
    await manifestAt(net, "r.example/app:1").catch(() => undefined);
    expect(net.at("m.example").length).toBeGreaterThan(0);
    expectNothingSecretAt(net, "m.example");
    rmSync(home, { recursive: true });
  });

  test("S06 no look-alike of a registry with a credential gets it", async () => {
    const auths = { auths: { "gcr.io": basicEntry("me", password), "r.example/team": basicEntry("me", password) } };
    const names = fc.constantFrom(
      "eu.gcr.io",
      "gcr.io.evil.example",
      "gcr.io:8443",
      "xgcr.io",
      "gcr-io.example",
      "r.example:443",
    );
    await fc.assert(
      fc.asyncProperty(names, async (name) => {
        const { host } = new URL(`https://${name}`);
        const basic: HostScript = (request) =>
          respond(request, 401, { headers: { "www-authenticate": 'Basic realm="x"' } });
        await using net = await internet({ [host]: basic }, { config: auths });
        await expect(manifestAt(net, `${name}/team2/app:1`)).rejects.toMatchObject({ code: "auth_required" });
        expectNothingSecretAt(net, host);
      }),
      { numRuns: 12 },
    );
  });

  test("S08 a helper that fails is the end: no other store is asked, and nothing is sent", async () => {
    const broken = { ...config, credHelpers: { "r.example": "not-installed-here" } };
    await using net = await internet({ "r.example": registryWith("https://r.example/token") }, { config: broken });
    await expect(manifestAt(net, "r.example/app:1")).rejects.toMatchObject({ code: "credential_helper_failed" });
    expectNothingSecretAt(net, "r.example");
  });

  test.each(["../../evil", "x; rm -rf /", "-flag"])("S09 a helper named %j is not run", async (name) => {
    const bad = { credHelpers: { "r.example": name } };
    await using net = await internet({ "r.example": registryWith("https://r.example/token") }, { config: bad });
    await expect(manifestAt(net, "r.example/app:1")).rejects.toMatchObject({ code: "invalid_config" });
  });
});

describe("S01 foreign layers", () => {
  const evil = (request: HttpRequest) =>
    respond(request, 401, { headers: { "www-authenticate": 'Bearer realm="https://evil.example/token"' } });

  test.each([mediaTypes.ociLayerGzip, "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"])(
    "S01 nobody goes to the urls of a layer of type %s",
    async (mediaType) => {
      const layer = Buffer.from("layer");
      const manifest = goJson({
        schemaVersion: 2,
        mediaType: mediaTypes.ociManifest,
        config: { mediaType: mediaTypes.ociConfig, digest: digestOf(Buffer.from("{}")), size: 2 },
        layers: [{ mediaType, digest: digestOf(layer), size: layer.byteLength, urls: ["https://evil.example/layer"] }],
      });
      const registry: HostScript = (request) => {
        const { pathname } = new URL(request.url);
        if (pathname.includes("/manifests/1"))
          return respond(request, 200, { headers: { "content-type": mediaTypes.ociManifest }, body: manifest });
        if (pathname.endsWith(digestOf(Buffer.from("{}")))) return respond(request, 200, { body: "{}" });
        return respond(request, 404);
      };
      await using net = await internet({ "r.example": registry, "evil.example": evil }, { config });
      const request = {
        sources: ["r.example/app:1"],
        tags: ["r.example/copy:1"],
        files: [],
        annotations: [],
        platforms: [],
      };
      const options = { append: false, dryRun: false, preferIndex: false, referrers: "none" };
      const signal = new AbortController().signal;
      const context = { ...net.stores, clock: fakeClock(), random: () => 0, report: silent, signal };
      await create({ ...request, ...options }, context).catch(() => undefined);
      expect(net.at("evil.example")).toEqual([]);
      expect(net.at("r.example").some(({ url }) => url.endsWith("/manifests/1"))).toBe(true);
    },
  );
});
