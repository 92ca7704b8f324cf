import { describe, expect, test } from "vitest";
import { client } from "../../test/support/client.ts";
import { imageOf, pushImage, readBlob } from "../../test/support/samples.ts";
import { mirrored } from "./mirrors.ts";

const image = imageOf("mirrored");
const { digest } = image.descriptor;

async function hosts() {
  const origin = client({ host: "origin.example" });
  const mirror = client({ host: "mirror.example" });
  await pushImage(origin.repository, image, { tags: ["v1"] });
  origin.forget();
  return { origin, mirror, source: mirrored(origin.repository, [mirror.repository]) };
}

describe("mirrored", () => {
  test("mirrored asks the mirror alone where it has the content", async () => {
    const { origin, mirror, source } = await hosts();
    await pushImage(mirror.repository, image, { tags: ["v1"] });
    expect((await source.resolve("v1")).digest).toBe(digest);
    expect((await source.manifest("v1")).descriptor.digest).toBe(digest);
    expect(await readBlob(source, image.layer.descriptor)).toEqual(image.layer.bytes);
    expect(origin.requests).toEqual([]);
  });

  test("mirrored goes to the origin for what the mirror lacks, and keeps the origin's name", async () => {
    const { origin, source } = await hosts();
    expect((await source.manifest("v1")).descriptor.digest).toBe(digest);
    expect(await readBlob(source, image.layer.descriptor)).toEqual(image.layer.bytes);
    expect(source.location).toEqual(origin.repository.location);
  });

  test("mirrored passes over a mirror that serves other bytes", async () => {
    const { origin } = await hosts();
    const wrong = client({ host: "wrong.example", faults: [{ method: "GET", fault: { kind: "corrupt", atByte: 9 } }] });
    await pushImage(wrong.repository, image);
    const source = mirrored(origin.repository, [wrong.repository]);
    expect((await source.manifest(digest)).descriptor.digest).toBe(digest);
    expect(origin.requests).toHaveLength(1);
  });

  test("mirrored asks nobody else after an abort", async () => {
    const { origin, source } = await hosts();
    await expect(source.manifest("v1", { signal: AbortSignal.abort(new Error("enough")) })).rejects.toThrow();
    expect(origin.requests).toEqual([]);
  });

  test("mirrored lists the origin's referrers", async () => {
    const { mirror, source } = await hosts();
    await source.referrers(digest);
    expect(mirror.requests).toEqual([]);
  });
});
