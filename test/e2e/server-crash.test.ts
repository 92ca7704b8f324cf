import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";
import { afterAll, beforeAll, expect, test } from "vitest";
import { digestOf } from "../../src/spec/digest.ts";
import { Client, locationOf, type Document } from "../conformance/client.ts";
import { nodeSend } from "../conformance/subjects.ts";

const rounds = 8;
const src = fileURLToPath(new URL("../../src", import.meta.url));
const source = `
  import { openDiskStorage, createRegistry, serve } from "${src}/server/index.ts";
  import { systemClock } from "${src}/async/clock.ts";
  const send = createRegistry(await openDiskStorage(process.argv[2]));
  await serve(send, { host: "127.0.0.1", port: 0, clock: systemClock(), onListening: (url) => console.log(url) });
`;

let folder = "";
let program = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "waybill-crash-"));
  program = join(folder, "registry.mjs");
  const input = join(folder, "registry.ts");
  await writeFile(input, source);
  const output = { file: program, codeSplitting: false };
  await build({ input, platform: "node", transform: { target: "node20" }, output });
});
afterAll(() => rm(folder, { recursive: true }));

async function start(data: string): Promise<{ child: ChildProcess; client: Client; stop: () => Promise<void> }> {
  const child = spawn(process.execPath, [program, data], { stdio: ["ignore", "pipe", "inherit"] });
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const wire = nodeSend();
  const stop = async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
    wire.close();
  };
  return { child, client: new Client(wire.send, line.toString().trim()), stop };
}

/** What the registry has said yes to. */
interface Acknowledged {
  readonly tags: Map<string, Document>;
  readonly blobs: Map<string, Buffer>;
  readonly uploads: Map<string, number>;
}

/** Pushes until the connection breaks. */
async function push(client: Client, repository: string, seen: Acknowledged): Promise<void> {
  try {
    for (let at = 0; ; at++) {
      const bytes = randomBytes(1 + Math.floor(Math.random() * 200_000));
      seen.blobs.set(`${repository}/blobs/${await client.pushBlob(repository, bytes)}`, bytes);
      const image = await client.image(repository);
      const pushed = await client.pushManifest(repository, `tag-${at}`, image);
      if (pushed.status === 201) seen.tags.set(`${repository}/manifests/tag-${at}`, image);
      const patched = await client.ask("PATCH", await client.openUpload(repository), { body: bytes });
      if (patched.status === 202) seen.uploads.set(locationOf(patched), bytes.byteLength);
    }
  } catch {
    // The registry is gone: that is the point.
  }
}

async function expectAll(client: Client, seen: Acknowledged): Promise<void> {
  for (const [path, bytes] of seen.blobs)
    expect((await client.ask("GET", `/v2/${path}`)).bytes.equals(bytes)).toBe(true);
  for (const [path, image] of seen.tags) {
    const read = await client.ask("GET", `/v2/${path}`);
    expect([read.status, digestOf(read.bytes)]).toEqual([200, image.digest]);
  }
  for (const [location, sizeBytes] of seen.uploads) {
    const status = await client.ask("GET", location);
    expect([status.status, status.headers.get("range")]).toEqual([204, `0-${sizeBytes - 1}`]);
  }
}

test("a registry that is killed in the middle of pushes has everything that it acknowledged", async () => {
  const data = join(folder, "data");
  const seen: Acknowledged = { tags: new Map(), blobs: new Map(), uploads: new Map() };
  for (let round = 0; round < rounds; round++) {
    const { client, stop } = await start(data);
    await expectAll(client, seen);
    const pushes = Promise.all([0, 1, 2, 3].map((lane) => push(client, `round-${round}/lane-${lane}`, seen)));
    const before = seen.tags.size;
    while (seen.tags.size < before + 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 100));
    await stop();
    await pushes;
  }
  const { client, stop } = await start(data);
  await expectAll(client, seen);
  await stop();
  expect(seen.tags.size).toBeGreaterThanOrEqual(2 * rounds);
}, 120_000);
