import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { digestOf } from "../../src/spec/digest.ts";
import { expectProblem } from "./client.ts";
import type { States } from "./suite.ts";

const absent = digestOf(Buffer.from("nobody has pushed this"));

/** Spec: distribution-spec v1.1.1, "Content Management". */
export const deleteStates: States = {
  "a deleted tag is gone; its manifest and its other tags stay": async (client) => {
    const repository = client.newRepository();
    const image = await client.pushImage(repository, "one");
    await client.pushManifest(repository, "two", image);
    expect((await client.ask("DELETE", `/v2/${repository}/manifests/one`)).status).toBe(202);
    const statuses = [];
    for (const reference of ["one", "two", image.digest]) {
      statuses.push(
        (await client.ask("HEAD", `/v2/${repository}/manifests/${reference}`, { headers: { accept: image.mediaType } }))
          .status,
      );
    }
    expect(statuses).toEqual([404, 200, 200]);
  },

  "a deleted manifest is gone with all its tags": async (client) => {
    const repository = client.newRepository();
    const image = await client.pushImage(repository, "one");
    await client.pushManifest(repository, "two", image);
    expect((await client.ask("DELETE", `/v2/${repository}/manifests/${image.digest}`)).status).toBe(202);
    for (const reference of ["one", "two", image.digest]) {
      expect((await client.ask("GET", `/v2/${repository}/manifests/${reference}`)).status).toBe(404);
    }
  },

  "a deleted manifest is no longer among the tags": async (client) => {
    const repository = client.newRepository();
    const image = await client.pushImage(repository, "one");
    await client.pushImage(repository, "two");
    await client.ask("DELETE", `/v2/${repository}/manifests/${image.digest}`);
    const list = await client.ask("GET", `/v2/${repository}/tags/list`);
    expect((list.json as { tags: string[] }).tags).toEqual(["two"]);
  },

  "a deleted manifest can be pushed again": async (client) => {
    const repository = client.newRepository();
    const image = await client.pushImage(repository, "one");
    await client.ask("DELETE", `/v2/${repository}/manifests/${image.digest}`);
    expect((await client.pushManifest(repository, "one", image)).status).toBe(201);
    const read = await client.ask("GET", `/v2/${repository}/manifests/one`, { headers: { accept: image.mediaType } });
    expect(read.bytes.equals(image.bytes)).toBe(true);
  },

  "what is not there cannot be deleted: 404": async (client) => {
    const repository = client.newRepository();
    await client.pushImage(repository, "there");
    expectProblem(await client.ask("DELETE", `/v2/${repository}/manifests/missing`), 404, "MANIFEST_UNKNOWN");
    expectProblem(await client.ask("DELETE", `/v2/${repository}/manifests/${absent}`), 404, "MANIFEST_UNKNOWN");
    expectProblem(await client.ask("DELETE", `/v2/${repository}/blobs/${absent}`), 404, "BLOB_UNKNOWN");
    expectProblem(await client.ask("DELETE", `/v2/${client.newRepository()}/manifests/${absent}`), 404);
  },

  "a deleted blob is gone here and stays elsewhere": async (client) => {
    const [here, there, bytes] = [client.newRepository(), client.newRepository(), randomBytes(64)];
    const digest = await client.pushBlob(here, bytes);
    await client.pushBlob(there, bytes);
    expect((await client.ask("DELETE", `/v2/${here}/blobs/${digest}`)).status).toBe(202);
    expect((await client.ask("GET", `/v2/${here}/blobs/${digest}`)).status).toBe(404);
    expect((await client.ask("GET", `/v2/${there}/blobs/${digest}`)).bytes.equals(bytes)).toBe(true);
  },

  "a deleted blob can be pushed again": async (client) => {
    const [repository, bytes] = [client.newRepository(), randomBytes(64)];
    const digest = await client.pushBlob(repository, bytes);
    await client.ask("DELETE", `/v2/${repository}/blobs/${digest}`);
    await client.pushBlob(repository, bytes);
    expect((await client.ask("GET", `/v2/${repository}/blobs/${digest}`)).bytes.equals(bytes)).toBe(true);
  },

  "a place does not take every method: 405": async (client) => {
    const repository = client.newRepository();
    expect((await client.ask("POST", `/v2/${repository}/tags/list`)).status).toBe(405);
    expect((await client.ask("PATCH", `/v2/${repository}/manifests/latest`)).status).toBe(405);
    expect((await client.ask("PUT", `/v2/${repository}/blobs/${absent}`)).status).toBe(405);
  },
};
