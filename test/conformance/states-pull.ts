import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { digestOf } from "../../src/spec/digest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { documentOf, expectProblem } from "./client.ts";
import type { States } from "./suite.ts";

const absent = digestOf(Buffer.from("nobody has pushed this"));

/** Spec: distribution-spec v1.1.1, "Pull". */
export const pullStates: States = {
  "the API's root answers 200": async (client) => {
    expect((await client.ask("GET", "/v2/")).status).toBe(200);
  },

  "a missing blob is 404 BLOB_UNKNOWN to GET, 404 to HEAD": async (client) => {
    const path = `/v2/${client.newRepository()}/blobs/${absent}`;
    expectProblem(await client.ask("GET", path), 404, ["BLOB_UNKNOWN", "NAME_UNKNOWN"]);
    expect((await client.ask("HEAD", path)).status).toBe(404);
  },

  "a blob comes back whole, with length, digest and a type that no browser shows": async (client) => {
    const repository = client.newRepository();
    const bytes = randomBytes(5000);
    const digest = await client.pushBlob(repository, bytes);
    const read = await client.ask("GET", `/v2/${repository}/blobs/${digest}`);
    expect(read.status).toBe(200);
    expect(read.bytes.equals(bytes)).toBe(true);
    expect(read.headers.get("content-length")).toBe("5000");
    expect(read.headers.get("docker-content-digest")).toBe(digest);
    expect(read.headers.get("content-type")).toBe("application/octet-stream");
  },

  "HEAD of a blob tells length and digest and has no body": async (client) => {
    const repository = client.newRepository();
    const digest = await client.pushBlob(repository, randomBytes(77));
    const read = await client.ask("HEAD", `/v2/${repository}/blobs/${digest}`);
    expect([read.status, read.headers.get("content-length"), read.bytes.byteLength]).toEqual([200, "77", 0]);
    expect(read.headers.get("docker-content-digest")).toBe(digest);
  },

  "a blob's address that is no digest is 400 or 404": async (client) => {
    expectProblem(await client.ask("GET", `/v2/${client.newRepository()}/blobs/sha256:beef`), [400, 404]);
  },

  ...rangeState("a range from the middle", "bytes=500-1499", [500, 1500]),
  ...rangeState("a range without an end", "bytes=500-", [500, 2048]),
  ...rangeState("the last bytes", "bytes=-500", [1548, 2048]),
  ...rangeState("a range that goes too far", "bytes=2000-5000", [2000, 2048]),
  ...rangeState("one byte", "bytes=0-0", [0, 1]),

  "a range outside the blob is 416": async (client) => {
    const repository = client.newRepository();
    const digest = await client.pushBlob(repository, randomBytes(2048));
    const read = await client.ask("GET", `/v2/${repository}/blobs/${digest}`, {
      headers: { range: "bytes=5000-10000" },
    });
    expect(read.status).toBe(416);
    expect(read.headers.get("content-range")).toBe("bytes */2048");
  },

  "a range that ends before it begins is 416": async (client) => {
    const repository = client.newRepository();
    const digest = await client.pushBlob(repository, randomBytes(2048));
    const read = await client.ask("GET", `/v2/${repository}/blobs/${digest}`, { headers: { range: "bytes=500-0" } });
    expect(read.status).toBe(416);
  },

  "a blob is readable only through a repository that has it": async (client) => {
    const digest = await client.pushBlob(client.newRepository(), randomBytes(64));
    expect((await client.ask("GET", `/v2/${client.newRepository()}/blobs/${digest}`)).status).toBe(404);
  },

  "a missing manifest is 404, by tag and by digest": async (client) => {
    const repository = client.newRepository();
    await client.pushImage(repository, "there");
    for (const reference of ["missing", absent]) {
      expectProblem(await client.ask("GET", `/v2/${repository}/manifests/${reference}`), 404, "MANIFEST_UNKNOWN");
      expect((await client.ask("HEAD", `/v2/${repository}/manifests/${reference}`)).status).toBe(404);
    }
  },

  "a manifest of a repository that does not exist is 404": async (client) => {
    expectProblem(await client.ask("GET", `/v2/${client.newRepository()}/manifests/latest`), 404, [
      "NAME_UNKNOWN",
      "MANIFEST_UNKNOWN",
    ]);
  },

  "a manifest comes back byte for byte, by tag and by digest": async (client) => {
    const repository = client.newRepository();
    const { mediaType, ...image } = await client.image(repository);
    // Spaces that no serializer would write again.
    const bytes = Buffer.from(Buffer.from(image.bytes).toString().replaceAll(",", " ,\n\t"));
    await client.pushManifest(repository, "odd", { bytes, digest: digestOf(bytes), mediaType });
    for (const reference of ["odd", digestOf(bytes)]) {
      const read = await client.ask("GET", `/v2/${repository}/manifests/${reference}`, {
        headers: { accept: mediaType },
      });
      expect(read.status).toBe(200);
      expect(read.bytes.equals(bytes)).toBe(true);
      expect(read.headers.get("content-type")).toBe(mediaType);
      expect(read.headers.get("docker-content-digest")).toBe(digestOf(bytes));
    }
  },

  "HEAD of a manifest tells type, length and digest": async (client) => {
    const repository = client.newRepository();
    const image = await client.pushImage(repository, "latest");
    for (const reference of ["latest", image.digest]) {
      const read = await client.ask("HEAD", `/v2/${repository}/manifests/${reference}`, {
        headers: { accept: image.mediaType },
      });
      expect([read.status, read.bytes.byteLength]).toEqual([200, 0]);
      expect(read.headers.get("content-length")).toBe(String(image.bytes.byteLength));
      expect(read.headers.get("content-type")).toBe(image.mediaType);
      expect(read.headers.get("docker-content-digest")).toBe(image.digest);
    }
  },

  "a manifest's address that is neither tag nor digest is 400 or 404": async (client) => {
    expectProblem(
      await client.ask("GET", `/v2/${client.newRepository()}/manifests/sha256:baddigeststring`),
      [400, 404],
    );
    expectProblem(await client.ask("GET", `/v2/${client.newRepository()}/manifests/.dot`), [400, 404]);
  },

  "a repository's name outside the grammar is 400 NAME_INVALID or 404": async (client) => {
    expectProblem(await client.ask("GET", "/v2/Upper/Case/manifests/latest"), [400, 404]);
    expectProblem(await client.ask("GET", "/v2/a//b/manifests/latest"), [301, 400, 404]);
  },

  "names may hold the words of the API": async (client) => {
    const repository = `${client.newRepository()}/blobs/uploads/manifests`;
    const image = await client.pushImage(repository, "tags");
    expect(
      (await client.ask("GET", `/v2/${repository}/manifests/tags`, { headers: { accept: image.mediaType } })).status,
    ).toBe(200);
  },

  "a manifest is answered with the type it was pushed with, whatever is asked for": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    const index = documentOf(mediaTypes.ociIndex, { manifests: [] });
    await client.pushManifest(repository, image.digest, image);
    await client.pushManifest(repository, "empty", index);
    const read = await client.ask("GET", `/v2/${repository}/manifests/empty`, { headers: { accept: "*/*" } });
    expect([read.status, read.headers.get("content-type")]).toEqual([200, mediaTypes.ociIndex]);
  },
};

function rangeState(name: string, range: string, [start, end]: readonly [number, number]): States {
  return {
    [`${name} of a blob is 206 with just those bytes`]: async (client) => {
      const repository = client.newRepository();
      const bytes = randomBytes(2048);
      const digest = await client.pushBlob(repository, bytes);
      const read = await client.ask("GET", `/v2/${repository}/blobs/${digest}`, { headers: { range } });
      expect(read.status).toBe(206);
      expect(read.bytes.equals(bytes.subarray(start, end))).toBe(true);
      expect(read.headers.get("content-length")).toBe(String(end - start));
      expect(read.headers.get("content-range")).toBe(`bytes ${start}-${end - 1}/2048`);
    },
  };
}
