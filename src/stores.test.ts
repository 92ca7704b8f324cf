import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fakeEnvironment } from "../test/support/credential-environment.ts";
import { fakeClock } from "../test/support/fake-clock.ts";
import { imageOf, manifestOf, pushImage } from "../test/support/samples.ts";
import { mediaTypes } from "./spec/media-type.ts";
import type { WaybillEvent } from "./telemetry/events.ts";
import { openStores, type StoresOptions } from "./stores.ts";

const openedWith = (options: Partial<StoresOptions>) =>
  openStores({ env: {}, clock: fakeClock(), random: () => 0.5, report: () => undefined, ...options });
const opened = (chunkSizeBytes: number) => openedWith({ chunkSizeBytes });

test.each<[Partial<Record<keyof StoresOptions, unknown>>, RegExp]>([
  [{ attempts: 0 }, /^Cannot use attempts 0: it is a number from 1 on$/],
  [{ maxRetryAfterMs: -1 }, /maxRetryAfterMs -1: it is a number from 0 on$/],
  [{ maxDescriptors: 0 }, /maxDescriptors 0/],
  [{ maxDescriptors: Number.NaN }, /maxDescriptors NaN/],
  [{ http2: "bogus" }, /^Cannot use http2 "bogus": it is auto, on or off$/],
  [{ allowPrivate: ["a/b"] }, /"a\/b": it is not host/],
  [{ trustRealms: ["https://x"] }, /"https:\/\/x": it is not host/],
  [{ insecure: ["https://x"] }, /"https:\/\/x": it is not host/],
  [{ plainHttp: ["http://x"] }, /"http:\/\/x": it is not host/],
])("options that could not be followed are refused: %j", async (options, message) => {
  await expect(openedWith(options as Partial<StoresOptions>)).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringMatching(message),
  });
});

test.each([1, 0, -5, 2.5, Number.NaN, Number.POSITIVE_INFINITY])("chunks of %d bytes are refused", async (bytes) => {
  await expect(opened(bytes)).rejects.toMatchObject({
    code: "invalid_argument",
    message: `Cannot send chunks of ${bytes} bytes: chunkSizeBytes is a whole number from 2 on`,
  });
});

test("a malformed config file of docker's is a warning until a credential is wanted", async () => {
  const environment = fakeEnvironment({ files: { "/home/u/.docker/config.json": "{" } });
  const events: WaybillEvent[] = [];
  const report = (event: WaybillEvent) => void events.push(event);

  await using stores = await openStores({ env: {}, environment, clock: fakeClock(), random: () => 0.5, report });

  expect(stores.endpoints).toBeDefined();
  expect(events).toMatchObject([{ type: "warning", isUrgent: true, message: expect.stringContaining("config.json") }]);
});

test("a layout's manifest may have as many descriptors as a registry's", async () => {
  const path = await mkdtemp(join(tmpdir(), "waybill-stores-"));
  const openedWith = async (maxDescriptors: number) => {
    const stores = await openStores({
      env: {},
      environment: fakeEnvironment({}),
      clock: fakeClock(),
      random: () => 0.5,
      report: () => undefined,
      maxDescriptors,
    });
    return stores.open({ kind: "layout", path });
  };
  const [strict, generous] = [await openedWith(1), await openedWith(2)];
  const images = await Promise.all(["a", "b"].map((name) => pushImage(generous, imageOf(name))));
  const two = manifestOf(mediaTypes.ociIndex, { manifests: images.map(({ descriptor }) => descriptor) });
  await generous.pushManifest(two, { tags: ["two"] });

  for (const name of ["two", two.descriptor.digest]) {
    await expect(strict.manifest(name)).rejects.toMatchObject({ code: "too_large" });
    expect((await generous.manifest(name)).descriptor.digest).toBe(two.descriptor.digest);
  }
  await rm(path, { recursive: true });
});

test("chunks of two bytes are not", async () => {
  await using stores = await opened(2);
  expect(stores.endpoints).toBeDefined();
});
