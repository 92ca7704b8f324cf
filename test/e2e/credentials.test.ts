import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashSync } from "bcryptjs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/async/clock.ts";
import { headersFrom } from "../../src/http/headers.ts";
import type { Send } from "../../src/http/send.ts";
import { bearerAuth, parseHtpasswd } from "../../src/server/index.ts";
import { buildProgram, type Program } from "../support/program.ts";
import { startRegistry, type RunningRegistry } from "../support/running-registry.ts";

let program: Program;
let registry: RunningRegistry;
let folder: string;

beforeAll(async () => {
  program = buildProgram();
  folder = mkdtempSync(join(tmpdir(), "waybill-credentials-"));
  const passwords = parseHtpasswd(`me:${hashSync("right", 4)}\n`, systemClock());
  registry = await startRegistry({ auth: bearerAuth(passwords, { clock: systemClock() }), wrap: namingForeignRealm });
  writeFileSync(
    join(folder, "config.json"),
    JSON.stringify({ auths: { [registry.host]: { auth: btoa("me:right") } } }),
  );
}, 60_000);

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  program[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Has every challenge name a token service on another host than the registry's. */
function namingForeignRealm(next: Send): Send {
  return async (request) => {
    const response = await next(request);
    if (response.status !== 401) return response;
    const challenge = 'Bearer realm="https://tokens.example/token",service="registry"';
    return { ...response, headers: headersFrom({ "www-authenticate": challenge }) };
  };
}

// Whether hosts belong together is asked of a list that is loaded on demand: only the built program shows that it can be.
test("waybill keeps a stored credential from a token service on another host, and names the flag", async () => {
  const seen = await program.run(["inspect", `${registry.host}/app:1`], { env: { DOCKER_CONFIG: folder } });

  expect([seen.code, seen.stdout]).toEqual([4, ""]);
  expect(seen.stderr).toContain('the token service at "https://tokens.example": it is on a foreign host');
  expect(seen.stderr).toContain("--trust-realm tokens.example\n");
});
