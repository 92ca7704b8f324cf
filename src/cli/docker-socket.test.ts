import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { watchDocker } from "./docker-socket.ts";

describe("watchDocker", () => {
  async function closes(address: string, listenAt: string): Promise<void> {
    const server = createServer();
    server.listen(listenAt);
    await once(server, "listening");
    const closed = new Promise<void>((resolve) => watchDocker(address, resolve));
    const [socket] = (await once(server, "connection")) as [Socket];
    socket.end();
    await closed;
    server.close();
  }

  test("watchDocker tells when docker closes the socket of a path", async () => {
    const folder = await mkdtemp(join(tmpdir(), "waybill-"));
    const path = join(folder, "plugin.sock");

    await closes(path, path);

    await rm(folder, { recursive: true });
  });

  test.runIf(process.platform === "linux")("watchDocker tells when docker closes an abstract socket", async () => {
    const name = `waybill-test-${process.pid}`;

    await closes(`@${name}`, `\0${name}`);
  });

  test("watchDocker says nothing when there is no such socket", async () => {
    let told = false;
    const stop = watchDocker("/nonexistent/plugin.sock", () => (told = true));

    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    stop();

    expect(told).toBe(false);
  });
});
