import { describe, expect, test } from "vitest";
import { client } from "../../test/support/client.ts";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { imageOf, pushImage, readBlob, referrerOf } from "../../test/support/samples.ts";
import type { Fault } from "../server/fault.ts";
import type { FaultRule } from "../server/faults.ts";
import type { WaybillEvent } from "../telemetry/events.ts";
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

  test("mirrored lists what refers to a subject at the origin or at a mirror, each once", async () => {
    const { origin, mirror, source } = await hosts();
    const signature = referrerOf(image.descriptor, "application/vnd.example.signature");
    const scan = referrerOf(image.descriptor, "application/vnd.example.scan");
    await pushImage(origin.repository, signature);
    await pushImage(mirror.repository, signature);
    await pushImage(mirror.repository, scan);
    const digests = (await source.referrers(digest)).map((one) => one.digest);
    expect(digests).toEqual([signature.descriptor.digest, scan.descriptor.digest]);
  });
});

describe("mirrored, with an origin that cannot be asked", () => {
  const other = imageOf("other").descriptor.digest;
  const refused: Fault = { kind: "status", status: 503 };

  async function cutOff(fault: Fault, rule: Partial<FaultRule> = {}) {
    const origin = client({ host: "origin.example", faults: [{ times: Infinity, ...rule, fault }] });
    const mirror = client({ host: "mirror.example" });
    const warnings: WaybillEvent[] = [];
    const report = (event: WaybillEvent) => void (event.type === "warning" && warnings.push(event));
    await pushImage(mirror.repository, image, { tags: ["v1"] });
    const scan = referrerOf(image.descriptor, "application/vnd.example.scan");
    await pushImage(mirror.repository, scan);
    return {
      origin,
      mirror,
      scan,
      warnings,
      source: mirrored(origin.repository, [mirror.repository], { report, clock: fakeClock() }),
    };
  }

  test.for<Fault>([
    refused,
    { kind: "status", status: 401 },
    { kind: "status", status: 403 },
    { kind: "status", status: 429 },
    { kind: "refuse" },
  ])("mirrored goes on with what mirrors list, and one warning, after %j", async (fault) => {
    const { origin, scan, warnings, source } = await cutOff(fault);
    await source.manifest("v1");
    const [first, second] = await Promise.all([source.referrers(digest), source.referrers(other)]);
    expect(first.map((one) => one.digest)).toEqual([scan.descriptor.digest]);
    expect(second).toEqual([]);
    const asked = origin.requests.length;
    expect(await source.referrers(other)).toEqual([]);
    expect(origin.requests).toHaveLength(asked);
    expect(warnings).toHaveLength(1);
  });

  test("mirrored asks it once, without repetition", async () => {
    const { origin, source } = await cutOff(refused);
    await source.manifest("v1");
    await source.referrers(digest);
    expect(origin.asked.map(({ attempts }) => attempts)).toEqual([1]);
  });

  test("mirrored fails where no mirror has served anything", async () => {
    const { origin, warnings, source } = await cutOff(refused);
    await expect(source.referrers(digest)).rejects.toThrow("503");
    expect(origin.asked.map(({ attempts }) => attempts)).toEqual([undefined]);
    expect(warnings).toEqual([]);
  });

  test("mirrored is as patient as ever with an origin that has answered", async () => {
    const { origin, warnings, source } = await cutOff(refused, { skip: 1 });
    await source.manifest("v1");
    expect(await source.referrers(other)).toEqual([]);
    await expect(source.referrers(digest)).rejects.toThrow("503");
    expect(origin.asked.map(({ attempts }) => attempts)).toEqual([1, undefined]);
    expect(warnings).toEqual([]);
  });
});
