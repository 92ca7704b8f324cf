import { expect, test } from "vitest";
import type { Interceptor } from "../src/http/send.ts";
import type { Digest } from "../src/spec/digest.ts";
import type { Manifest } from "../src/spec/manifest.ts";
import { faulty } from "../src/server/faults.ts";
import { bytesOf, pushImage, pushIndex } from "./support/images.ts";
import { all, answer, source, statesIn, tags } from "./support/three-registries.ts";
import { makeWorld, type World, type WorldOptions } from "./support/world.ts";

const attestationType = "application/vnd.docker.attestation.manifest.v1+json";
const signatureType = "application/vnd.dev.cosign.artifact.sig.v1+json";
const platforms = ["linux/amd64", "linux/arm64"];

/** An index of two images at the source. */
async function worldOfTwo(options: WorldOptions = {}) {
  const world = makeWorld(options);
  const store = await world.store(source);
  const images = await Promise.all(platforms.map((platform) => pushImage(store, { platform })));
  await pushIndex(store, descriptorsOf(images), { platforms, tags: ["1"] });
  world.forget();
  return { world, store, images };
}

function descriptorsOf(manifests: readonly Manifest[]) {
  return manifests.map(({ descriptor }) => descriptor);
}

/** How often each of these manifests was read at the source. */
function readsOf({ requests }: World, manifests: readonly Manifest[]): readonly number[] {
  const lineOf = (digest: Digest) => `GET source.example/v2/app/manifests/${digest}`;
  return manifests.map(({ descriptor }) => requests.filter((line) => line === lineOf(descriptor.digest)).length);
}

async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

test("images are read, and targets asked for permission, while attestations are still being looked for", async () => {
  let release = () => {};
  const looked = new Promise<void>((resolve) => (release = resolve));
  let isOn = false;
  const slowly: Interceptor = (next) => async (request) => {
    if (isOn && request.operation === "list") await looked;
    return next(request);
  };
  const { world, images } = await worldOfTwo({ interceptors: [slowly] });
  isOn = true;

  const publishing = world.create({ sources: [source], tags });
  await turns(200);
  const reads = readsOf(world, images);
  const opened = world.requests.filter((line) => /^POST [abc]\.example/.test(line)).length;
  release();
  const result = await publishing;

  expect([reads, opened]).toEqual([[1, 1], 3]);
  expect(statesIn(result)).toEqual(["created", "created", "created"]);
  // What was read ahead is not read again.
  expect(readsOf(world, images)).toEqual([1, 1]);
  expect(world.requests.filter((line) => /^POST [abc]\.example[^?]*$/.test(line))).toHaveLength(3);
});

test("images that every target has are not read, but what has come to refer to them is brought", async () => {
  const { world, store, images } = await worldOfTwo();
  await world.create({ sources: [source], tags });
  const [image] = images;
  const signature = await pushImage(store, {
    artifactType: signatureType,
    layers: [bytesOf("signature")],
    subject: image!.descriptor,
  });
  world.forget();

  const result = await world.create({ sources: [source], tags });

  expect(statesIn(result)).toEqual(["unchanged", "unchanged", "unchanged"]);
  expect(readsOf(world, images)).toEqual([0, 0]);
  for (const tag of tags) {
    const arrived = await (await world.store(tag)).referrers(image!.descriptor.digest);
    expect(arrived.map(({ digest }) => digest)).toEqual([signature.descriptor.digest]);
  }
});

test("an index that every target has is read all the same: something may refer to what it lists", async () => {
  const { world, store, images } = await worldOfTwo();
  const inner = await pushIndex(store, descriptorsOf(images), { platforms });
  await pushIndex(store, [inner.descriptor], { tags: ["1"] });
  await world.create({ sources: [source], tags });
  await pushImage(store, { artifactType: signatureType, layers: [bytesOf("s")], subject: images[1]!.descriptor });
  world.forget();

  await world.create({ sources: [source], tags });

  expect(readsOf(world, [inner, ...images])).toEqual([1, 0, 0]);
  expect(await (await world.store(tags[0]!)).referrers(images[1]!.descriptor.digest)).toHaveLength(1);
});

test("nothing is read ahead for targets of which one refuses", async () => {
  const { world, images } = await worldOfTwo({
    interceptors: [(next) => faulty(next, [all("c.example", { fault: { kind: "refuse" } })])],
  });

  await world.create({ sources: [source], tags });

  expect(readsOf(world, images)).toEqual([0, 0]);
  expect(world.requests.filter((line) => line.startsWith("POST "))).toEqual([]);
});

test("permission that was asked for before attestations were added counts for nothing", async () => {
  let isClosed = false;
  const denied = answer(403, "DENIED", "read only");
  const rule = all("b.example", { method: "POST", path: "/blobs/uploads/", fault: denied });
  const closing = { ...rule, when: ({ url }: { readonly url: string }) => isClosed && url.includes("b.example") };
  const { world, store, images } = await worldOfTwo({ interceptors: [(next) => faulty(next, [closing])] });
  await pushImage(store, { artifactType: attestationType, layers: [bytesOf("sbom")], subject: images[0]!.descriptor });
  await world.create({ sources: [source], tags: tags.slice(1, 2) });
  isClosed = true;

  const result = await world.create({ sources: [source], tags });

  // Without its attestation, the root is another: b would have to be written to.
  expect(statesIn(result)).toEqual(["created", "unchanged", "created"]);
});

test("a publish whose attestations cannot be looked for leaves no upload open behind it", async () => {
  const faults = [
    all("source.example", { path: "/referrers/", fault: answer(404, "UNSUPPORTED", "no such page") }),
    all("source.example", { path: "/manifests/sha256-", fault: answer(403, "DENIED", "not for you") }),
  ];
  const { world } = await worldOfTwo({ interceptors: [(next) => faulty(next, faults)] });

  await expect(world.create({ sources: [source], tags })).rejects.toMatchObject({ code: "auth_denied" });

  const methods = world.requests.map((line) => line.slice(0, line.indexOf(" ")));
  const count = (method: string) => methods.filter((one) => one === method).length;
  expect([count("PUT"), count("PATCH"), count("POST") - count("DELETE")]).toEqual([0, 0, 0]);
});

test("a dry run asks for what the index is made of, and nothing else", async () => {
  const { world, images } = await worldOfTwo();

  await world.create({ sources: [source], tags, dryRun: true });

  const lists = images.map(({ descriptor }) => `GET source.example/v2/app/referrers/${descriptor.digest}`);
  expect(world.requests.toSorted()).toEqual(["GET source.example/v2/app/manifests/1", ...lists.toSorted()]);
});
