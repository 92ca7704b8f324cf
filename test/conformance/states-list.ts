import { expect } from "vitest";
import { digestOf } from "../../src/spec/digest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { descriptorOf, documentOf, expectProblem, type Answered, type Client } from "./client.ts";
import { pushReferrer } from "./states-manifest.ts";
import type { States } from "./suite.ts";

/** Spec: distribution-spec v1.1.1, "Content Discovery". */
export const listStates: States = {
  "tags are listed in order": async (client) => {
    const repository = await tagged(client, ["c", "a", "B", "b"]);
    const list = await client.ask("GET", `/v2/${repository}/tags/list`);
    expect(list.status).toBe(200);
    expect(list.json).toEqual({ name: repository, tags: ["B", "a", "b", "c"] });
  },

  "n limits the list, and Link leads through all of it": async (client) => {
    const repository = await tagged(client, ["a", "b", "c", "d", "e"]);
    const seen: string[][] = [];
    let path: string | undefined = `/v2/${repository}/tags/list?n=2`;
    while (path !== undefined && seen.length < 10) {
      const list: Answered = await client.ask("GET", path);
      seen.push((list.json as { tags: string[] }).tags);
      path = /^<([^>]+)>; *rel="?next"?$/.exec(list.headers.get("link") ?? "")?.[1];
    }
    expect(seen.filter((tags) => tags.length > 0)).toEqual([["a", "b"], ["c", "d"], ["e"]]);
  },

  "last begins the list after it, with and without n": async (client) => {
    const repository = await tagged(client, ["a", "b", "c", "d"]);
    const two = await client.ask("GET", `/v2/${repository}/tags/list?n=2&last=a`);
    expect((two.json as { tags: string[] }).tags).toEqual(["b", "c"]);
    const rest = await client.ask("GET", `/v2/${repository}/tags/list?last=b`);
    expect((rest.json as { tags: string[] }).tags).toEqual(["c", "d"]);
  },

  "last need not be a tag that is there": async (client) => {
    const repository = await tagged(client, ["a", "c"]);
    const list = await client.ask("GET", `/v2/${repository}/tags/list?n=5&last=b`);
    expect((list.json as { tags: string[] }).tags).toEqual(["c"]);
  },

  "n = 0 gives an empty list without Link": async (client) => {
    const list = await client.ask("GET", `/v2/${await tagged(client, ["a"])}/tags/list?n=0`);
    expect([list.status, list.headers.get("link")]).toEqual([200, undefined]);
    expect((list.json as { tags: string[] | null }).tags ?? []).toEqual([]);
  },

  "an n that is no number is 400": async (client) => {
    const repository = await tagged(client, ["a"]);
    expectProblem(await client.ask("GET", `/v2/${repository}/tags/list?n=many`), 400);
    expectProblem(await client.ask("GET", `/v2/${repository}/tags/list?n=-1`), 400);
  },

  "tags of a repository that does not exist are 404 NAME_UNKNOWN": async (client) => {
    expectProblem(await client.ask("GET", `/v2/${client.newRepository()}/tags/list`), 404, "NAME_UNKNOWN");
  },

  "a repository without tags has an empty list": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    await client.pushManifest(repository, image.digest, image);
    const list = await client.ask("GET", `/v2/${repository}/tags/list`);
    expect(list.status).toBe(200);
    expect((list.json as { tags: string[] | null }).tags ?? []).toEqual([]);
  },

  "the catalog names every repository, in pages": async (client) => {
    const mine = [await tagged(client, ["a"]), await tagged(client, ["a"])].toSorted();
    const seen: string[] = [];
    let path: string | undefined = "/v2/_catalog?n=50";
    for (let page = 0; path !== undefined && page < 100; page++) {
      const list: Answered = await client.ask("GET", path);
      expect(list.status).toBe(200);
      seen.push(...(list.json as { repositories: string[] }).repositories);
      path = /^<([^>]+)>; *rel="?next"?$/.exec(list.headers.get("link") ?? "")?.[1];
    }
    expect(seen.filter((name) => mine.includes(name))).toEqual(mine);
  },

  "a manifest without referrers has an empty index of them": async (client) => {
    const repository = client.newRepository();
    const list = await client.ask("GET", `/v2/${repository}/referrers/${digestOf(Buffer.from("nothing"))}`);
    expect([list.status, list.headers.get("content-type")]).toEqual([200, mediaTypes.ociIndex]);
    expect(list.json).toEqual({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [] });
  },

  "referrers of what is no digest are 400": async (client) => {
    expectProblem(await client.ask("GET", `/v2/${client.newRepository()}/referrers/sha256:beef`), 400);
  },

  "a manifest with a subject is answered with OCI-Subject": async (client) => {
    const repository = client.newRepository();
    const subject = await client.pushImage(repository, "subject");
    const { pushed } = await pushReferrer(client, repository, subject, { artifactType: "application/x.test" });
    expect(pushed.headers.get("oci-subject")).toBe(subject.digest);
  },

  "a manifest without a subject is answered without OCI-Subject": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    expect((await client.pushManifest(repository, "plain", image)).headers.get("oci-subject")).toBeUndefined();
  },

  "a subject that is not there yet is taken, and found afterwards": async (client) => {
    const repository = client.newRepository();
    const subject = await client.image(repository);
    const { artifact } = await pushReferrer(client, repository, subject, { artifactType: "application/x.test" });
    await client.pushManifest(repository, "late", subject);
    expect((await referrers(client, repository, subject.digest)).map(({ digest }) => digest)).toEqual([
      artifact.digest,
    ]);
  },

  "referrers are listed with type, size, annotations": async (client) => {
    const repository = client.newRepository();
    const subject = await client.pushImage(repository, "subject");
    const annotations = { "org.example.key": "value" };
    const { artifact } = await pushReferrer(client, repository, subject, {
      artifactType: "application/x.test",
      annotations,
    });
    const listed = await referrers(client, repository, subject.digest);
    expect(listed).toEqual([{ ...descriptorOf(artifact), artifactType: "application/x.test", annotations }]);
  },

  "a referrer without artifactType is listed with its config's type, an index without any": async (client) => {
    const repository = client.newRepository();
    const subject = await client.pushImage(repository, "subject");
    const { artifact } = await pushReferrer(client, repository, subject, {});
    const index = documentOf(mediaTypes.ociIndex, { manifests: [], subject: descriptorOf(subject) });
    await client.pushManifest(repository, index.digest, index);
    const listed = await referrers(client, repository, subject.digest);
    const typeOf = (digest: string) => listed.find((one) => one.digest === digest)?.artifactType;
    expect(listed.length).toBe(2);
    expect([typeOf(artifact.digest), typeOf(index.digest)]).toEqual([mediaTypes.ociConfig, undefined]);
  },

  "a filter is applied and said to be": async (client) => {
    const repository = client.newRepository();
    const subject = await client.pushImage(repository, "subject");
    const { artifact } = await pushReferrer(client, repository, subject, { artifactType: "application/x.one+json" });
    await pushReferrer(client, repository, subject, { artifactType: "application/x.two" });
    const type = encodeURIComponent("application/x.one+json");
    const list = await client.ask("GET", `/v2/${repository}/referrers/${subject.digest}?artifactType=${type}`);
    expect(list.headers.get("oci-filters-applied")).toBe("artifactType");
    expect((list.json as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest)).toEqual([
      artifact.digest,
    ]);
  },

  "a deleted referrer is listed no more": async (client) => {
    const repository = client.newRepository();
    const subject = await client.pushImage(repository, "subject");
    const { artifact } = await pushReferrer(client, repository, subject, { artifactType: "application/x.test" });
    expect((await client.ask("DELETE", `/v2/${repository}/manifests/${artifact.digest}`)).status).toBe(202);
    expect(await referrers(client, repository, subject.digest)).toEqual([]);
  },

  "a referrer counts in its own repository only": async (client) => {
    const repository = client.newRepository();
    const subject = await client.pushImage(repository, "subject");
    await pushReferrer(client, repository, subject, { artifactType: "application/x.test" });
    expect(await referrers(client, client.newRepository(), subject.digest)).toEqual([]);
  },
};

async function tagged(client: Client, tags: readonly string[]): Promise<string> {
  const repository = client.newRepository();
  const image = await client.image(repository);
  for (const tag of tags) expect((await client.pushManifest(repository, tag, image)).status).toBe(201);
  return repository;
}

interface Listed {
  readonly digest: string;
  readonly artifactType?: string;
}

async function referrers(client: Client, repository: string, digest: string): Promise<readonly Listed[]> {
  const list = await client.ask("GET", `/v2/${repository}/referrers/${digest}`);
  expect(list.status).toBe(200);
  return (list.json as { manifests: Listed[] }).manifests;
}
