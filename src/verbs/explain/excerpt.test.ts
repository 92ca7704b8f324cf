import { describe, expect, test } from "vitest";
import { excerptOf } from "./excerpt.ts";

function excerpt(text: string, sign: string): string {
  return excerptOf({ line: 1, text, at: text.indexOf(sign), length: sign.length });
}

describe("excerptOf", () => {
  test("shows a short line whole", () => {
    const line = 'ERROR: failed to do request: Head "https://r.example/v2/": dial tcp: connection refused';
    expect(excerpt(line, "connection refused")).toBe(line);
  });

  test("shows what is around the sign in a long line, from a whole word on", () => {
    const shown = excerpt(`${"secret-half ".repeat(30)}503 Service Unavailable ${"tail ".repeat(80)}`, "503");

    expect(shown).toMatch(/^… secret-half .*503 Service Unavailable.*…$/);
    expect(shown.length).toBeLessThan(360);
  });

  test("begins with the sign where no blank is before it", () => {
    expect(excerpt(`${"x".repeat(500)}503 Service Unavailable`, "503")).toBe("…503 Service Unavailable");
  });

  test.each([
    "GET https://r.example/v2/a?X-Amz-Signature=CANARY: 503",
    "GET https://user:CANARY@r.example/v2/a: 503",
    "GET https://user:CANARY@r.example: 503",
    "GET https://user:CANARY@r.example/v2/?token=CANARY: 503",
    "password=CANARY://CANARY 503",
    "Authorization: Bearer CANARY-abcdef 503",
    "Authorization: Basic CANARYabcdef== 503",
    '{"username":"me","password":"CANARY"} 503',
    '{"identitytoken":"CANARY"} 503',
    "password: CANARY 503",
    "DOCKER_PASSWORD=CANARY 503",
    "token=CANARY 503",
    "CI_JOB_TOKEN=CANARY 503",
    "token: CANARY-0123456789 503",
    "waybill login --password CANARY r.example: 503",
    "waybill login --password 'CANARY' r.example: 503",
    '["login","--password","CANARY"] 503',
    "run --registry-token CANARY 503",
    "glpat-CANARY 503",
    "dckr_pat_CANARY 503",
    "eyJhbGciOiJSUzI1NiJ9.CANARY.x 503",
  ])("hides the secret in %s", (line) => {
    const shown = excerpt(line, "503");

    expect(shown).not.toContain("CANARY");
    expect(shown).toContain("503");
  });

  test.each(["password: CANARY", "Authorization: Bearer CANARY-abcdef", "login --password CANARY"])(
    "hides the secret in a long line, wherever it is cut, after %s",
    (words) => {
      for (let gap = 0; gap < 80; gap += 1) {
        const line = `${"a ".repeat(150)}${words} ${".".repeat(gap)} 503 ${"tail ".repeat(80)}`;
        expect(excerpt(line, "503")).not.toContain("CANARY");
      }
    },
  );

  test("hides the password of an address in a long line, wherever it is cut behind the sign", () => {
    for (let gap = 0; gap < 150; gap += 1) {
      const line = `503 ${".".repeat(gap)} https://user:CANARY@r.example/v2/ ${"tail ".repeat(80)}`;
      expect(excerpt(line, "503")).not.toMatch(/CA|NARY/);
    }
  });

  test.each([
    "failed to authorize: failed to fetch oauth token: unexpected status from POST: 401 Unauthorized",
    "docker login --username me --password-stdin r.example: 401 Unauthorized",
  ])("leaves alone what tells of secrets and holds none: %s", (line) => {
    expect(excerpt(line, "401")).toBe(line);
  });
});
