import { describe, expect, test } from "vitest";
import { Client, withDigest } from "../../test/conformance/client.ts";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { digestOf } from "../spec/digest.ts";
import { faulty, type FaultRule } from "./faults.ts";
import { createMemoryStorage } from "./memory-storage.ts";
import { createRegistry } from "./registry.ts";

const bytes = Buffer.from("hello, world");
const digest = digestOf(bytes);
const path = `/v2/a/blobs/${digest}`;

async function worldWith(...rules: FaultRule[]) {
  const send = createRegistry(createMemoryStorage());
  const honest = new Client(send, "http://registry.example");
  await honest.pushBlob("a", bytes);
  return { honest, client: new Client(faulty(send, rules), "http://registry.example") };
}

describe("faulty", () => {
  test("faulty answers a status as often as the rule says, with its headers, then lets requests pass", async () => {
    const { client } = await worldWith({
      times: 2,
      fault: { kind: "status", status: 429, headers: { "retry-after": "7" }, body: "slow" },
    });
    const answers = [await client.ask("GET", path), await client.ask("GET", path), await client.ask("GET", path)];
    expect(answers.map(({ status }) => status)).toEqual([429, 429, 200]);
    expect([answers[0]?.headers.get("retry-after"), answers[0]?.bytes.toString()]).toEqual(["7", "slow"]);
  });

  test("faulty harms only what matches, after those it lets pass", async () => {
    const fault = { kind: "status", status: 500 } as const;
    const { client } = await worldWith({ method: ["HEAD"], path: /blobs/, skip: 1, fault });
    const statuses = [];
    for (const method of ["GET", "HEAD", "HEAD", "HEAD"] as const)
      statuses.push((await client.ask(method, path)).status);
    expect(statuses).toEqual([200, 200, 500, 200]);
  });

  test("faulty breaks an answer after so many bytes", async () => {
    const { client } = await worldWith({ fault: { kind: "cut", afterBytes: 5 } });
    await expect(client.ask("GET", path)).rejects.toMatchObject({
      code: "connection_failed",
      context: { sent: "all" },
    });
  });

  test("faulty ends an answer early, or with a wrong bit, without a word", async () => {
    const { client } = await worldWith(
      { fault: { kind: "truncate", afterBytes: 5 } },
      { fault: { kind: "corrupt", atByte: 4 } },
    );
    expect((await client.ask("GET", path)).bytes.toString()).toBe("hello");
    expect((await client.ask("GET", path)).bytes.toString()).toBe("helln, world");
  });

  test("faulty refuses before the registry hears of it, or loses the answer after", async () => {
    const { client, honest } = await worldWith({ fault: { kind: "refuse" } }, { fault: { kind: "lose-answer" } });
    await expect(client.ask("DELETE", path)).rejects.toMatchObject({ context: { sent: "nothing" } });
    expect((await honest.ask("HEAD", path)).status).toBe(200);
    await expect(client.ask("DELETE", path)).rejects.toMatchObject({ context: { sent: "all" } });
    expect((await honest.ask("HEAD", path)).status).toBe(404);
  });

  test("faulty cuts an upload, and the registry keeps what came before", async () => {
    const { client, honest } = await worldWith({ method: "PUT", fault: { kind: "cut-upload", afterBytes: 5 } });
    const location = await honest.openUpload("a");
    await expect(client.ask("PUT", withDigest(location, digest), { body: bytes })).rejects.toMatchObject({
      context: { sent: "some" },
    });
    expect((await honest.ask("GET", location)).headers.get("range")).toBe("0-4");
  });

  test("faulty edits headers and leaves the others", async () => {
    const { client } = await worldWith({
      fault: { kind: "headers", set: { "docker-content-digest": undefined, "x-odd": "1" } },
    });
    const { headers } = await client.ask("GET", path);
    expect([headers.get("Docker-Content-Digest"), headers.get("x-odd"), headers.get("content-length")]).toEqual([
      undefined,
      "1",
      "12",
    ]);
    expect(headers.names()).toContain("x-odd");
    expect(headers.names()).not.toContain("docker-content-digest");
  });

  test("faulty delays on its clock", async () => {
    const clock = fakeClock();
    const { client } = await worldWith({ fault: { kind: "delay", delayMs: 50, clock } });
    let done = false;
    const asked = client.ask("GET", path).finally(() => {
      done = true;
    });
    await clock.advanceSlowly(49, 1);
    expect(done).toBe(false);
    clock.advance(1);
    expect((await asked).status).toBe(200);
  });
});
