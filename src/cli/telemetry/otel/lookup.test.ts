import { createSocket } from "node:dgram";
import { expect, test } from "vitest";
import { safeLookup } from "./lookup.ts";

function asked(hostname: string, servers?: readonly string[]): Promise<string> {
  const lookup = safeLookup({ timeoutMs: 200, ...(servers && { servers }) });
  return new Promise((resolve) =>
    lookup(hostname, { all: true }, (error, addresses) => resolve(error?.code ?? JSON.stringify(addresses))),
  );
}

test("safeLookup asks no thread for a name when the name servers are silent", async () => {
  const silent = createSocket("udp4");
  await new Promise<void>((resolve) => silent.bind(0, "127.0.0.1", resolve));
  expect(await asked("collector.example", [`127.0.0.1:${silent.address().port}`])).toBe("ETIMEOUT");
  silent.close();
});

test("safeLookup needs no name server for this machine's own name", async () => {
  expect(await asked("localhost", ["127.0.0.1:1"])).toContain("127.0.0.1");
});
