import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { digestOf } from "../../src/spec/digest.ts";
import { expectProblem, locationOf, withDigest, type Client } from "./client.ts";
import type { States } from "./suite.ts";

const unknownSession = "00000000-0000-4000-8000-000000000000";

/** Spec: distribution-spec v1.1.1, "Pushing blobs". */
export const uploadStates: States = {
  "an upload is opened by 202 with a location": async (client) => {
    const opened = await client.ask("POST", `/v2/${client.newRepository()}/blobs/uploads/`);
    expect(opened.status).toBe(202);
    locationOf(opened);
  },

  "POST then PUT stores a blob and answers 201 with a pullable location": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(512)];
    const closed = await client.ask("PUT", withDigest(await client.openUpload(repository), digestOf(bytes)), {
      body: bytes,
    });
    expect([closed.status, closed.headers.get("docker-content-digest")]).toEqual([201, digestOf(bytes)]);
    expect((await client.ask("GET", locationOf(closed))).bytes.equals(bytes)).toBe(true);
  },

  "a single POST stores a blob": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(512)];
    const stored = await client.ask("POST", `/v2/${repository}/blobs/uploads/?digest=${digestOf(bytes)}`, {
      body: bytes,
    });
    expect(stored.status).toBe(201);
    await expectBlob(client, repository, bytes);
  },

  "a single POST with another digest is 400 and stores nothing": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(512)];
    const wrong = digestOf(Buffer.from("other"));
    expectProblem(
      await client.ask("POST", `/v2/${repository}/blobs/uploads/?digest=${wrong}`, { body: bytes }),
      400,
      "DIGEST_INVALID",
    );
    expect((await client.ask("HEAD", `/v2/${repository}/blobs/${wrong}`)).status).toBe(404);
  },

  "a PUT with another digest is 400 DIGEST_INVALID and stores nothing": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(512)];
    const wrong = digestOf(Buffer.from("other"));
    expectProblem(
      await client.ask("PUT", withDigest(await client.openUpload(repository), wrong), { body: bytes }),
      400,
      "DIGEST_INVALID",
    );
    for (const digest of [wrong, digestOf(bytes)]) {
      expect((await client.ask("HEAD", `/v2/${repository}/blobs/${digest}`)).status).toBe(404);
    }
  },

  "a PUT without a digest, or with one that is none, is 400": async (client) => {
    const location = await client.openUpload(client.newRepository());
    expectProblem(await client.ask("PUT", location, { body: randomBytes(8) }), 400);
    expectProblem(await client.ask("PUT", withDigest(location, "sha256:zz"), { body: randomBytes(8) }), 400);
    expectProblem(
      await client.ask("PUT", withDigest(location, `md5:${"0".repeat(32)}`), { body: randomBytes(8) }),
      400,
    );
  },

  "one PATCH without a range, then an empty PUT, stores a blob": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(4096)];
    const patched = await client.ask("PATCH", await client.openUpload(repository), { body: bytes });
    expect([patched.status, patched.headers.get("range")]).toEqual([202, "0-4095"]);
    const closed = await client.ask("PUT", withDigest(locationOf(patched), digestOf(bytes)));
    expect(closed.status).toBe(201);
    await expectBlob(client, repository, bytes);
  },

  "chunks in order, then an empty PUT, store a blob": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(3000)];
    let location = await client.openUpload(repository);
    for (const start of [0, 1000, 2000]) {
      const patched = await patch(client, location, bytes, [start, start + 1000]);
      expect([patched.status, patched.headers.get("range")]).toEqual([202, `0-${start + 999}`]);
      location = locationOf(patched);
    }
    expect((await client.ask("PUT", withDigest(location, digestOf(bytes)))).status).toBe(201);
    await expectBlob(client, repository, bytes);
  },

  "the last chunk may come in the closing PUT": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(3000)];
    const patched = await patch(client, await client.openUpload(repository), bytes, [0, 2000]);
    const headers = { "content-range": "2000-2999" };
    const closed = await client.ask("PUT", withDigest(locationOf(patched), digestOf(bytes)), {
      headers,
      body: bytes.subarray(2000),
    });
    expect(closed.status).toBe(201);
    await expectBlob(client, repository, bytes);
  },

  "a chunk out of order is 416 and the session goes on where it was": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(3000)];
    const location = locationOf(await patch(client, await client.openUpload(repository), bytes, [0, 1000]));
    for (const [start, end] of [
      [2000, 3000],
      [0, 1000],
      [999, 2000],
    ] as const) {
      expect((await patch(client, location, bytes, [start, end])).status).toBe(416);
    }
    const status = await client.ask("GET", location);
    expect([status.status, status.headers.get("range")]).toEqual([204, "0-999"]);
    const patched = await patch(client, locationOf(status), bytes, [1000, 3000]);
    expect(patched.status).toBe(202);
    expect((await client.ask("PUT", withDigest(locationOf(patched), digestOf(bytes)))).status).toBe(201);
    await expectBlob(client, repository, bytes);
  },

  "a first chunk that does not begin at 0 is 416": async (client) => {
    const location = await client.openUpload(client.newRepository());
    expect((await patch(client, location, randomBytes(100), [50, 100])).status).toBe(416);
    expect((await client.ask("GET", location)).status).toBe(204);
  },

  "a closing PUT with a chunk out of order is 416 and the session goes on": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(3000)];
    const location = locationOf(await patch(client, await client.openUpload(repository), bytes, [0, 1000]));
    const early = { headers: { "content-range": "2000-2999" }, body: bytes.subarray(2000) };
    expect((await client.ask("PUT", withDigest(location, digestOf(bytes)), early)).status).toBe(416);
    const status = await client.ask("GET", location);
    expect([status.status, status.headers.get("range")]).toEqual([204, "0-999"]);
    const rest = { headers: { "content-range": "1000-2999" }, body: bytes.subarray(1000) };
    expect((await client.ask("PUT", withDigest(locationOf(status), digestOf(bytes)), rest)).status).toBe(201);
    await expectBlob(client, repository, bytes);
  },

  "a 416 tells where to go on": async (client) => {
    const bytes = randomBytes(3000);
    const location = locationOf(await patch(client, await client.openUpload(client.newRepository()), bytes, [0, 1000]));
    const refused = await patch(client, location, bytes, [2000, 3000]);
    expect([refused.status, refused.headers.get("range")]).toEqual([416, "0-999"]);
  },

  "an open upload tells its status by 204 with location and range": async (client) => {
    const status = await client.ask("GET", await client.openUpload(client.newRepository()));
    expect(status.status).toBe(204);
    expect(status.headers.get("range")).toMatch(/^0-/);
    locationOf(status);
  },

  "bytes of a PATCH that broke off are kept": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(300_000)];
    const location = await client.openUpload(repository);
    await expect(client.ask("PATCH", location, { body: breaking(bytes, 200_000) })).rejects.toThrow();
    await resumeAndClose(client, { repository, bytes, location, atLeast: 1 });
  },

  "bytes of a PUT that broke off are kept": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(300_000)];
    const location = await client.openUpload(repository);
    await expect(
      client.ask("PUT", withDigest(location, digestOf(bytes)), { body: breaking(bytes, 200_000) }),
    ).rejects.toThrow();
    await resumeAndClose(client, { repository, bytes, location, atLeast: 1 });
  },

  "a cancelled upload is gone": async (client) => {
    const location = await client.openUpload(client.newRepository());
    expect((await client.ask("DELETE", location)).status).toBe(204);
    expectProblem(await client.ask("GET", location), 404, "BLOB_UPLOAD_UNKNOWN");
    expectProblem(await client.ask("PATCH", location, { body: randomBytes(4) }), 404, "BLOB_UPLOAD_UNKNOWN");
  },

  "a closed upload is gone": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(16)];
    const location = await client.openUpload(repository);
    expect((await client.ask("PUT", withDigest(location, digestOf(bytes)), { body: bytes })).status).toBe(201);
    expectProblem(await client.ask("GET", location), 404, "BLOB_UPLOAD_UNKNOWN");
  },

  "an upload that nobody opened is 404": async (client) => {
    const path = `/v2/${client.newRepository()}/blobs/uploads/${unknownSession}`;
    for (const method of ["GET", "PATCH", "DELETE"] as const) {
      expectProblem(
        await client.ask(method, path, method === "PATCH" ? { body: randomBytes(4) } : {}),
        404,
        "BLOB_UPLOAD_UNKNOWN",
      );
    }
  },

  "an upload belongs to its repository": async (client) => {
    const repository = client.newRepository();
    const location = await client.openUpload(repository);
    const elsewhere = location.replace(repository, client.newRepository());
    expect((await client.ask("GET", elsewhere)).status).toBe(404);
  },

  "an empty blob can be stored": async (client) => {
    const repository = client.newRepository();
    const digest = await client.pushBlob(repository, new Uint8Array());
    const read = await client.ask("GET", `/v2/${repository}/blobs/${digest}`);
    expect([read.status, read.headers.get("content-length"), read.bytes.byteLength]).toEqual([200, "0", 0]);
  },

  "a blob may be named by sha512": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(512)];
    const digest = digestOf(bytes, "sha512");
    const location = await client.openUpload(repository, "?digest-algorithm=sha512");
    expect((await client.ask("PUT", withDigest(location, digest), { body: bytes })).status).toBe(201);
    expect((await client.ask("GET", `/v2/${repository}/blobs/${digest}`)).bytes.equals(bytes)).toBe(true);
  },

  "a sha512 blob may come in chunks although nobody announced the algorithm": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(2000)];
    const patched = await patch(client, await client.openUpload(repository), bytes, [0, 1500]);
    const digest = digestOf(bytes, "sha512");
    const closed = await client.ask("PUT", withDigest(locationOf(patched), digest), { body: bytes.subarray(1500) });
    expect(closed.status).toBe(201);
    expect((await client.ask("GET", `/v2/${repository}/blobs/${digest}`)).bytes.equals(bytes)).toBe(true);
  },

  "a blob can be pushed twice": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(512)];
    await client.pushBlob(repository, bytes);
    await client.pushBlob(repository, bytes);
    await expectBlob(client, repository, bytes);
  },

  "the same blob can be pushed many times at once": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(50_000)];
    await Promise.all(Array.from({ length: 8 }, () => client.pushBlob(repository, bytes)));
    await expectBlob(client, repository, bytes);
  },

  "a blob is mounted from another repository": async (client) => {
    const [from, to, bytes] = [client.newRepository(), client.newRepository(), randomBytes(512)];
    const digest = await client.pushBlob(from, bytes);
    const mounted = await client.ask("POST", `/v2/${to}/blobs/uploads/?mount=${digest}&from=${from}`);
    expect(mounted.status).toBe(201);
    expect((await client.ask("GET", locationOf(mounted))).bytes.equals(bytes)).toBe(true);
    await expectBlob(client, to, bytes);
  },

  "a mount from the repository itself is an existence check": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(512)];
    const path = `/v2/${repository}/blobs/uploads/?mount=${digestOf(bytes)}&from=${repository}`;
    const declined = await client.ask("POST", path);
    expect(declined.status).toBe(202);
    expect((await client.ask("PUT", withDigest(locationOf(declined), digestOf(bytes)), { body: bytes })).status).toBe(
      201,
    );
    expect((await client.ask("POST", path)).status).toBe(201);
  },

  "a mount of what is not there opens an upload": async (client) => {
    const [from, to, bytes] = [client.newRepository(), client.newRepository(), randomBytes(512)];
    const declined = await client.ask("POST", `/v2/${to}/blobs/uploads/?mount=${digestOf(bytes)}&from=${from}`);
    expect(declined.status).toBe(202);
    expect((await client.ask("PUT", withDigest(locationOf(declined), digestOf(bytes)), { body: bytes })).status).toBe(
      201,
    );
    await expectBlob(client, to, bytes);
  },

  "a mount without a source finds the blob wherever it is": async (client) => {
    const [to, bytes] = [client.newRepository(), randomBytes(512)];
    const digest = await client.pushBlob(client.newRepository(), bytes);
    expect((await client.ask("POST", `/v2/${to}/blobs/uploads/?mount=${digest}`)).status).toBe(201);
    await expectBlob(client, to, bytes);
  },

  "an upload may be opened without the final slash": async (client) => {
    const opened = await client.ask("POST", `/v2/${client.newRepository()}/blobs/uploads`);
    expect([202, 301, 307, 308]).toContain(opened.status);
  },
};

function patch(client: Client, location: string, bytes: Uint8Array, [start, end]: readonly [number, number]) {
  const headers = { "content-range": `${start}-${end - 1}`, "content-type": "application/octet-stream" };
  return client.ask("PATCH", location, { headers, body: bytes.subarray(start, end) });
}

async function expectBlob(client: Client, repository: string, bytes: Buffer): Promise<void> {
  const read = await client.ask("GET", `/v2/${repository}/blobs/${digestOf(bytes)}`);
  expect(read.status).toBe(200);
  expect(read.bytes.equals(bytes)).toBe(true);
}

/** A body of the length of `bytes` that fails after `afterBytes`. */
function breaking(bytes: Uint8Array, afterBytes: number) {
  return {
    sizeBytes: bytes.byteLength,
    async *open() {
      for (let at = 0; at < afterBytes; at += 16_384) yield bytes.subarray(at, Math.min(at + 16_384, afterBytes));
      throw new Error("the sender broke off");
    },
  };
}

interface Resumption {
  readonly repository: string;
  readonly bytes: Buffer;
  readonly location: string;
  readonly atLeast: number;
}

/** Asks until the registry has noticed the break and holds still, then sends what is left. */
async function resumeAndClose(client: Client, { repository, bytes, location, atLeast }: Resumption): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt++) {
    const status = await client.ask("GET", location);
    expect(status.status).toBe(204);
    const offset = Number(/^0-([0-9]+)$/.exec(status.headers.get("range") ?? "")?.[1]) + 1;
    if (offset <= atLeast) continue;
    const rest = await patch(client, locationOf(status), bytes, [offset, bytes.byteLength]);
    if (rest.status !== 202) continue;
    expect((await client.ask("PUT", withDigest(locationOf(rest), digestOf(bytes)))).status).toBe(201);
    return expectBlob(client, repository, bytes);
  }
  expect.unreachable("the session never had the bytes that came before the break");
}
