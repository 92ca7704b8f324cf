import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { buildProgram, type Program } from "../support/program.ts";
import { startRegistry, type RunningRegistry } from "../support/running-registry.ts";

let program: Program;
let registry: RunningRegistry;

beforeAll(async () => {
  program = buildProgram();
  const pem = (name: string) => readFileSync(join(import.meta.dirname, "../fixtures/tls", name));
  registry = await startRegistry({ tls: { cert: pem("cert.pem"), key: pem("key.pem") } });
}, 60_000);

afterAll(async () => {
  await registry[Symbol.asyncDispose]();
  program[Symbol.dispose]();
});

test.each([
  [["inspect"]],
  [["create", "-q", "-t", "127.0.0.1:9/app:1"]],
  [["create", "--progress", "none", "--dry-run"]],
])("waybill %j alone says that NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect, and exits with 1", async (args) => {
  const env = { NODE_TLS_REJECT_UNAUTHORIZED: "0" };

  const { code, stdout, stderr } = await program.run([...args, `${registry.host}/app:1`], { env });

  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr.match(/NODE_TLS_REJECT_UNAUTHORIZED/g)).toHaveLength(1);
  expect(stderr).toMatch(/^WARNING: NODE_TLS_REJECT_UNAUTHORIZED=0 is ignored.* --insecure HOST$/m);
  expect(stderr).toContain(`ERROR: Cannot trust "${registry.host}"`);
});
