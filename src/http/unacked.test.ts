import { connect, createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { existsSync } from "node:fs";
import { expect, test } from "vitest";
import { tcpTable } from "../disk/tcp-table.ts";
import { unackedBytes, UnackedWatch } from "./unacked.ts";

const head = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";
const row = "  51: 0100007F:8D09 0100007F:9578 01 00000000:0001FBE5 00:00000000 00000000     0        0 4505026 1\n";
const ours = " 257: 0100007F:9578 0100007F:8D09 01 003C7486:00000000 04:00000011 00000000     0        0 4505025 2\n";
const socketOf = (localPort: number, remotePort: number) =>
  ({ localPort, remotePort, remoteFamily: "IPv4" }) as Parameters<ReturnType<typeof unackedBytes>>[0];

test("unackedBytes finds a connection by its ports", async () => {
  const unacked = unackedBytes(async () => head + row + ours);
  expect(await unacked(socketOf(0x9578, 0x8d09))).toBe(0x3c7486);
  expect(await unacked(socketOf(0x8d09, 0x9578))).toBe(0);
});

test.each([
  ["is not listed", head + row, [0x9578, 0x8d09]],
  [
    "has its ports in common with another",
    head + ours + ours.replace(" 0100007F:8D09", " 0100000A:8D09"),
    [0x9578, 0x8d09],
  ],
  ["is on a system without a list", "", [0x9578, 0x8d09]],
] as const)("unackedBytes does not know a connection that %s", async (_, table, [local, remote]) => {
  expect(await unackedBytes(async () => table)(socketOf(local, remote))).toBeUndefined();
});

test("unackedBytes reads the list once for all that ask at the same time", async () => {
  let reads = 0;
  const unacked = unackedBytes(async () => ((reads += 1), head + row + ours));
  await Promise.all([unacked(socketOf(1, 2)), unacked(socketOf(0x9578, 0x8d09))]);
  expect(reads).toBe(1);
  await unacked(socketOf(1, 2));
  expect(reads).toBe(2);
});

test.runIf(existsSync("/proc/net/tcp")).each(["127.0.0.1", "::1"])(
  "unackedBytes with the system's list sees what a connection to %s holds",
  async (host) => {
    const server = createServer((socket) => void socket.pause());
    await new Promise((resolve) => server.once("error", resolve).listen(0, host, () => resolve(undefined)));
    // Where the machine has no IPv6.
    if (!server.listening) return;
    const socket = connect((server.address() as AddressInfo).port, host);
    await new Promise((resolve) => socket.once("connect", resolve));
    const unacked = unackedBytes(tcpTable);
    expect(await unacked(socket)).toBe(0);
    // More than two kernels buffer.
    socket.write(Buffer.alloc(64 * 1024 * 1024));
    expect(await unacked(socket)).toBeGreaterThan(0);
    socket.destroy();
    server.close();
  },
);

test("UnackedWatch counts every change, and none across bytes that followed", async () => {
  const seen = [500, 300, 400, 50, 0, 7];
  let asked = 0;
  const watch = new UnackedWatch(async () => seen[asked++]);
  const moved: number[] = [];
  for (const isForgotten of [false, false, false, true, false, false]) {
    if (isForgotten) watch.forget();
    watch.ask();
    await Promise.resolve();
    await Promise.resolve();
    moved.push(watch.movedBytes);
  }
  expect(moved).toEqual([0, 200, 300, 300, 350, 350]);
  // Nothing is left that could move.
  expect([watch.hasBytes, asked]).toEqual([false, 5]);
});
