import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { digestOf } from "../../src/spec/digest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { descriptorOf, documentOf, expectProblem, locationOf, type Client, type Document } from "./client.ts";
import type { States } from "./suite.ts";

const fourMebibytes = 4 * 1024 * 1024;

/** Spec: distribution-spec v1.1.1, "Pushing Manifests". */
export const manifestStates: States = {
  "a manifest is pushed by tag: 201, its digest, a pullable location": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    const pushed = await client.pushManifest(repository, "latest", image);
    expect([pushed.status, pushed.headers.get("docker-content-digest")]).toEqual([201, image.digest]);
    const read = await client.ask("GET", locationOf(pushed), { headers: { accept: image.mediaType } });
    expect(read.bytes.equals(image.bytes)).toBe(true);
  },

  "a manifest is pushed by digest and has no tag then": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    expect((await client.pushManifest(repository, image.digest, image)).status).toBe(201);
    expect((await client.ask("HEAD", `/v2/${repository}/manifests/latest`)).status).toBe(404);
    expect((await client.ask("HEAD", `/v2/${repository}/manifests/${image.digest}`, accept(image))).status).toBe(200);
  },

  "a manifest whose digest is another is 400 DIGEST_INVALID": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    expectProblem(await client.pushManifest(repository, digestOf(Buffer.from("other")), image), 400, "DIGEST_INVALID");
  },

  "a manifest whose address is no digest is 400 or 404": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    expectProblem(await client.pushManifest(repository, "sha256:baddigeststring", image), [400, 404]);
  },

  "a tag of 128 characters is taken, one of 129 is not": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    expect((await client.pushManifest(repository, `A_.-${"z".repeat(124)}`, image)).status).toBe(201);
    expectProblem(await client.pushManifest(repository, "z".repeat(129), image), [400, 404]);
  },

  "a tag moves": async (client) => {
    const repository = client.newRepository();
    await client.pushImage(repository, "latest");
    const second = await client.pushImage(repository, "latest");
    const read = await client.ask("HEAD", `/v2/${repository}/manifests/latest`, accept(second));
    expect(read.headers.get("docker-content-digest")).toBe(second.digest);
  },

  "tags differ in letter case": async (client) => {
    const repository = client.newRepository();
    const [lower, upper] = [await client.pushImage(repository, "rc"), await client.pushImage(repository, "RC")];
    for (const [tag, image] of [
      ["rc", lower],
      ["RC", upper],
    ] as const) {
      const read = await client.ask("HEAD", `/v2/${repository}/manifests/${tag}`, accept(image));
      expect(read.headers.get("docker-content-digest")).toBe(image.digest);
    }
  },

  "text that is no JSON is 400 MANIFEST_INVALID": async (client) => {
    const bytes = Buffer.from("not json");
    const document = { bytes, digest: digestOf(bytes), mediaType: mediaTypes.ociManifest };
    expectProblem(await client.pushManifest(client.newRepository(), "bad", document), 400, "MANIFEST_INVALID");
  },

  "a manifest whose type is not its Content-Type is 400 MANIFEST_INVALID": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    const asIndex = { ...image, mediaType: mediaTypes.ociIndex };
    expectProblem(await client.pushManifest(repository, "bad", asIndex), 400, "MANIFEST_INVALID");
  },

  "a document that is an image and an index at once is 400": async (client) => {
    const repository = client.newRepository();
    const both = await client.image(repository, { manifests: [] });
    expectProblem(await client.pushManifest(repository, "both", both), 400, "MANIFEST_INVALID");
  },

  "parameters of the Content-Type are not kept": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    const pushed = await client.pushManifest(repository, "typed", {
      ...image,
      mediaType: `${image.mediaType}; charset=utf-8`,
    });
    expect(pushed.status).toBe(201);
    const read = await client.ask("GET", `/v2/${repository}/manifests/typed`, accept(image));
    expect(read.headers.get("content-type")).toBe(image.mediaType);
  },

  "an image whose layer is missing is MANIFEST_BLOB_UNKNOWN and names it": async (client) => {
    const repository = client.newRepository();
    const missing = digestOf(randomBytes(32));
    const image = await client.image(repository, {
      layers: [{ mediaType: mediaTypes.ociLayer, digest: missing, size: 32 }],
    });
    const refused = await client.pushManifest(repository, "incomplete", image);
    expectProblem(refused, [400, 404], "MANIFEST_BLOB_UNKNOWN");
    expect(refused.bytes.toString()).toContain(missing);
    expect((await client.ask("HEAD", `/v2/${repository}/manifests/incomplete`)).status).toBe(404);
  },

  "an image whose layer is in another repository only is MANIFEST_BLOB_UNKNOWN": async (client) => {
    const image = await client.image(client.newRepository());
    expectProblem(
      await client.pushManifest(client.newRepository(), "elsewhere", image),
      [400, 404],
      "MANIFEST_BLOB_UNKNOWN",
    );
  },

  "a layer of another kind whose bytes lie elsewhere may be missing": async (client) => {
    const repository = client.newRepository();
    const layer = {
      mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
      digest: digestOf(randomBytes(32)),
      size: 32,
      urls: ["https://layers.example/1"],
    };
    const config = Buffer.from("{}");
    const configDescriptor = {
      mediaType: mediaTypes.dockerConfig,
      digest: await client.pushBlob(repository, config),
      size: 2,
    };
    const image = documentOf(mediaTypes.dockerManifest, { config: configDescriptor, layers: [layer] });
    expect((await client.pushManifest(repository, "foreign", image)).status).toBe(201);
  },

  "an index with its manifests there is taken": async (client) => {
    const repository = client.newRepository();
    const children = [await client.image(repository), await client.image(repository)];
    for (const child of children) expect((await client.pushManifest(repository, child.digest, child)).status).toBe(201);
    const index = indexOf(children);
    expect((await client.pushManifest(repository, "multi", index)).status).toBe(201);
    expect(
      (await client.ask("GET", `/v2/${repository}/manifests/multi`, accept(index))).bytes.equals(index.bytes),
    ).toBe(true);
  },

  "an index of indexes, and a docker list, are taken": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    const inner = indexOf([image]);
    const config = {
      mediaType: mediaTypes.dockerConfig,
      digest: await client.pushBlob(repository, Buffer.from("{}")),
      size: 2,
    };
    const docker = documentOf(mediaTypes.dockerManifest, { config, layers: [] });
    const platform = { os: "linux", architecture: "amd64" };
    const list = documentOf(mediaTypes.dockerList, { manifests: [{ ...descriptorOf(docker), platform }] });
    const all: [string, Document][] = [
      [image.digest, image],
      [inner.digest, inner],
      ["outer", indexOf([inner])],
      [docker.digest, docker],
      ["list", list],
    ];
    for (const [reference, document] of all)
      expect((await client.pushManifest(repository, reference, document)).status).toBe(201);
  },

  "an index without manifests is taken": async (client) => {
    const repository = client.newRepository();
    expect((await client.pushManifest(repository, "empty", indexOf([]))).status).toBe(201);
  },

  "an index whose manifest is missing is MANIFEST_BLOB_UNKNOWN": async (client) => {
    const repository = client.newRepository();
    const index = indexOf([await client.image(repository)]);
    expectProblem(await client.pushManifest(repository, "incomplete", index), [400, 404], "MANIFEST_BLOB_UNKNOWN");
  },

  "an artifact with an artifact type, an empty config and no file is taken": async (client) => {
    const repository = client.newRepository();
    const empty = {
      mediaType: mediaTypes.empty,
      digest: await client.pushBlob(repository, Buffer.from("{}")),
      size: 2,
    };
    const artifact = documentOf(mediaTypes.ociManifest, {
      artifactType: "application/x.test",
      config: empty,
      layers: [empty],
    });
    expect((await client.pushManifest(repository, "artifact", artifact)).status).toBe(201);
  },

  "members that nobody knows are kept": async (client) => {
    const repository = client.newRepository();
    const image = await client.pushImage(repository, "custom", { "org.example.custom": { nested: [1, 2, 3] } });
    const read = await client.ask("GET", `/v2/${repository}/manifests/custom`, accept(image));
    expect(read.bytes.equals(image.bytes)).toBe(true);
  },

  "a manifest of just under 4 MiB is taken": async (client) => {
    const repository = client.newRepository();
    const padding = "x".repeat(fourMebibytes - 4096);
    await client.pushImage(repository, "large", { annotations: { padding } });
  },

  "a manifest above 4 MiB is 413": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository, { annotations: { padding: "x".repeat(fourMebibytes) } });
    expectProblem(await client.pushManifest(repository, "larger", image), 413);
  },

  "a manifest may be named by sha512": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    const digest = digestOf(image.bytes, "sha512");
    const pushed = await client.pushManifest(repository, digest, image);
    expect([pushed.status, pushed.headers.get("docker-content-digest")]).toEqual([201, digest]);
    expect((await client.ask("GET", `/v2/${repository}/manifests/${digest}`)).bytes.equals(image.bytes)).toBe(true);
  },

  "a push by digest gives all tags of its query, and says so in OCI-Tag": async (client) => {
    const repository = client.newRepository();
    const image = await client.image(repository);
    const tags = ["1.2.3", "1.2", "1", "latest", "a", "b", "c", "d", "e", "f"];
    const query = tags.map((tag) => `tag=${tag}`).join("&");
    const pushed = await client.pushManifest(repository, `${image.digest}?${query}`, image);
    expect(pushed.status).toBe(201);
    const accepted = pushed.headers.all("oci-tag").flatMap((value) => value.split(",").map((tag) => tag.trim()));
    expect(accepted.toSorted()).toEqual(tags.toSorted());
    for (const tag of tags) {
      const read = await client.ask("HEAD", `/v2/${repository}/manifests/${tag}`, accept(image));
      expect(read.headers.get("docker-content-digest")).toBe(image.digest);
    }
  },

  "a tag moves only from where If-Match says it is": async (client) => {
    const repository = client.newRepository();
    const [first, second] = [await client.pushImage(repository, "latest"), await client.image(repository)];
    const put = (headers: Record<string, string>) =>
      client.ask("PUT", `/v2/${repository}/manifests/latest`, {
        headers: { "content-type": second.mediaType, ...headers },
        body: second.bytes,
      });
    expect((await put({ "if-match": `"${second.digest}"` })).status).toBe(412);
    expect((await put({ "if-none-match": "*" })).status).toBe(412);
    expect((await put({ "if-match": `"${first.digest}"` })).status).toBe(201);
  },
};

function accept({ mediaType }: Document) {
  return { headers: { accept: mediaType } };
}

function indexOf(children: readonly Document[]): Document {
  return documentOf(mediaTypes.ociIndex, { manifests: children.map(descriptorOf) });
}

/** An artifact that points at `subject`, pushed by digest. */
export async function pushReferrer(client: Client, repository: string, subject: Document, members: object) {
  const artifact = await client.image(repository, { subject: descriptorOf(subject), ...members });
  const pushed = await client.pushManifest(repository, artifact.digest, artifact);
  expect(pushed.status).toBe(201);
  return { artifact, pushed };
}
