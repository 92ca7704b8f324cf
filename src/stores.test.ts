import { expect, test } from "vitest";
import { fakeEnvironment } from "../test/support/credential-environment.ts";
import { fakeClock } from "../test/support/fake-clock.ts";
import type { WaybillEvent } from "./telemetry/events.ts";
import { openStores } from "./stores.ts";

const opened = (chunkSizeBytes: number) =>
  openStores({ env: {}, clock: fakeClock(), random: () => 0.5, report: () => undefined, chunkSizeBytes });

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

test("chunks of two bytes are not", async () => {
  await using stores = await opened(2);
  expect(stores.endpoints).toBeDefined();
});
