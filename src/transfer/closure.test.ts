import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { bytesOf } from "../../test/support/images.ts";
import { sleep } from "../async/clock.ts";
import { createMemoryStore } from "../content/memory.ts";
import type { Store } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { digestOf } from "../spec/digest.ts";
import { parseManifest } from "../spec/manifest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { sameLocation, type Location } from "../spec/reference.ts";
import { closureOf } from "./closure.ts";
import { parseReferrersPolicy } from "./referrers.ts";

const mebibyte = 1024 * 1024;

function indexOf(manifests: readonly object[], annotations = {}) {
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, annotations };
  const bytes = bytesOf(JSON.stringify(index));
  return parseManifest(bytes, { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes) });
}

test.each([
  [128, undefined],
  [129, "Cannot follow image: its manifests are larger than 268435456 bytes"],
])("closureOf of an image with two manifests that say that they have %d MiB", async (sizeMebibytes, refusal) => {
  const children = ["one", "two"].map((name) => indexOf([], { name }));
  const known = new Map(children.map((child) => [child.descriptor.digest, child]));
  const root = indexOf(children.map(({ descriptor }) => ({ ...descriptor, size: sizeMebibytes * mebibyte })));
  const open = async () => createMemoryStore("source");

  const work = closureOf(
    { manifest: root, from: [], origins: new Map() },
    { open, known, referrers: parseReferrersPolicy("none") },
  );

  if (refusal === undefined) await expect(work).resolves.toMatchObject({ root: root.descriptor.digest });
  else await expect(work).rejects.toMatchObject({ code: "too_large", message: refusal });
});

test("closureOf asks no place for referrers any longer when another cannot be asked", async () => {
  const clock = fakeClock();
  const source = (name: string): Store => ({
    ...createMemoryStore(name),
    async referrers(_subject, { signal } = {}) {
      if (name === "bad") throw new WaybillError("not_a_registry", "Cannot read");
      await sleep(clock, 20_000, signal);
      return [];
    },
  });
  const places = ["slow", "bad"].map(source);
  const open = async (location: Location) => places.find((place) => sameLocation(place.location, location))!;
  const root = { manifest: indexOf([]), from: places.map(({ location }) => location), origins: new Map() };

  const work = closureOf(root, { open, referrers: parseReferrersPolicy("default") });

  await expect(work).rejects.toMatchObject({ code: "not_a_registry" });
  expect(clock.pending).toBe(0);
});
