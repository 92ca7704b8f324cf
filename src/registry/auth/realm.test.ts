import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Origin } from "../../http/send.ts";
import { assertTrusted, parseRealm } from "./realm.ts";

const at = (registry: string, origin = `https://${registry}`) => ({ registry, origin: origin as Origin });

async function trusts(registry: string, realm: string, trustRealms: readonly string[] = []): Promise<boolean> {
  return assertTrusted(new URL(realm), at(registry), trustRealms).then(
    () => true,
    () => false,
  );
}

describe("assertTrusted", () => {
  test.each([
    ["reg.example:5000", "https://reg.example/token"],
    ["reg.example", "https://reg.example:8443/token"],
    ["registry.gitlab.com", "https://gitlab.com/jwt/auth"],
    ["registry.acme.co.uk", "https://auth.acme.co.uk/token"],
    ["docker.io", "https://auth.docker.io/token"],
    ["dhi.io", "https://auth.docker.io/token"],
    ["registry.scout.docker.com", "https://auth.docker.io/token"],
    ["rg.fr-par.scw.cloud", "https://api.scaleway.com/registry-internal/v1/token"],
    ["127.0.0.1:5000", "https://localhost:5001/token"],
    ["10.0.0.5:5000", "https://10.0.0.5:8443/token"],
  ])("lets a credential for %s go to %s", async (registry, realm) => {
    expect(await trusts(registry, realm)).toBe(true);
  });

  test.each([
    ["reg.example", "https://evil.test/token"],
    ["reg.example", "https://reg.example.evil.test/token"],
    ["alice.github.io", "https://mallory.github.io/token"],
    ["registry.acme.co.uk", "https://evil.co.uk/token"],
    ["ghcr.io", "https://auth.docker.io/token"],
    ["evilscw.cloud", "https://api.scaleway.com/token"],
    ["docker.io", "https://auth.docker.io.evil.test/token"],
    ["10.0.0.5:5000", "https://10.0.0.6/token"],
    ["localhost:5000", "https://169.254.169.254/token"],
    ["reg", "https://other/token"],
  ])("keeps a credential for %s from %s", async (registry, realm) => {
    expect(await trusts(registry, realm)).toBe(false);
  });

  test("names the flag that would allow a host, and the flag allows it", async () => {
    const realm = "https://auth.other.test:8443/token?x=secret";
    await expect(assertTrusted(new URL(realm), at("reg.example"), [])).rejects.toMatchObject({
      code: "realm_untrusted",
      message:
        'Cannot send the credential for "reg.example" to the token service at "https://auth.other.test:8443": it is on a foreign host',
      context: { advice: "If this host may have the credential, add --trust-realm auth.other.test:8443" },
    });

    expect(await trusts("reg.example", realm, ["auth.other.test:8443"])).toBe(true);
    expect(await trusts("reg.example", realm, ["AUTH.other.test"])).toBe(true);
    expect(await trusts("reg.example", realm, ["auth.other.test:443", "other.test"])).toBe(false);
  });

  test("trusts no look-alike of the registry's host", async () => {
    const label = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    await fc.assert(
      fc.asyncProperty(label, label, async (a, b) => {
        expect(await trusts("reg.example.com", `https://${a}reg-example.com`)).toBe(false);
        expect(await trusts("reg.example.com", `https://reg.example.com.${a}${b}.net`)).toBe(false);
        expect(await trusts("reg.example.com", `https://${a}example.com`)).toBe(false);
      }),
    );
  });
});

describe("parseRealm", () => {
  test("takes http only when the registry itself is spoken to over http", () => {
    expect(parseRealm("http://localhost:5001/t", at("localhost:5000", "http://localhost:5000")).href).toBe(
      "http://localhost:5001/t",
    );
    expect(() => parseRealm("http://reg.example/t", at("reg.example"))).toThrow("must be an https address");
  });

  test.each([
    "",
    "token",
    "/token",
    "ftp://reg.example/t",
    "file:///etc/passwd",
    "https://user:pw@reg.example/t",
    "javascript:alert(1)",
  ])("refuses %j", (realm) => {
    expect(() => parseRealm(realm, at("reg.example"))).toThrow(expect.objectContaining({ code: "realm_untrusted" }));
  });
});
