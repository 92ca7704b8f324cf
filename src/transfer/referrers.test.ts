import { describe, expect, test } from "vitest";
import { parseReferrersPolicy } from "./referrers.ts";

describe("parseReferrersPolicy", () => {
  test.each([
    "application/vnd.docker.attestation.manifest.v1+json",
    "application/vnd.dev.cosign.artifact.sig.v1+json",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.cncf.notary.signature",
    "application/spdx+json",
    "application/vnd.cyclonedx+json",
    "application/vnd.cyclonedx+xml",
  ])("carries %s by default", (type) => {
    expect(parseReferrersPolicy("default").carries(type)).toBe(true);
  });

  test("leaves other types behind by default, and carries them when they are named or with all", () => {
    const type = "application/vnd.example.scan.v1+json";
    expect(parseReferrersPolicy("default").carries(type)).toBe(false);
    expect(parseReferrersPolicy(`default,${type}`).carries(type)).toBe(true);
    expect(parseReferrersPolicy(type).carries("application/spdx+json")).toBe(false);
    expect(parseReferrersPolicy("all").carries(type)).toBe(true);
    expect(parseReferrersPolicy("all").carries(undefined)).toBe(true);
  });

  test.each(["none", " none", "none "])("looks nothing up with %j", (text) => {
    expect(parseReferrersPolicy(text)).toMatchObject({ text: "none", lookUp: false });
  });

  test.each(["default", "all", "none", " default , application/spdx+json"])("gives %j back as text", (text) => {
    expect(parseReferrersPolicy(text).text).toBe(text.replaceAll(" ", ""));
  });

  test.each(["", "everything", "none,default", "all,application/spdx+json", "application/spdx+json,,"])(
    "refuses %j",
    (text) => {
      expect(() => parseReferrersPolicy(text)).toThrow(/invalid referrers type/);
    },
  );

  test("takes linear time on hostile text", () => {
    const text = `application/spdx+json,${"a".repeat(200_000)}`;
    expect(() => parseReferrersPolicy(text)).toThrow(/invalid referrers type/);
  });
});
