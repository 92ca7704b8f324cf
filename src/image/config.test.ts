import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../content/memory.ts";
import { hasCode } from "../errors.ts";
import { digestOf } from "../spec/digest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { completed, platformOfConfig, readConfig } from "./config.ts";

const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));

describe("platformOfConfig", () => {
  test.each([
    [
      { os: "linux", architecture: "amd64", variant: "v1" },
      { os: "linux", architecture: "amd64" },
    ],
    [
      { os: "linux", architecture: "aarch64" },
      { os: "linux", architecture: "arm64" },
    ],
    [
      { os: "linux", architecture: "arm64", variant: "v8" },
      { os: "linux", architecture: "arm64" },
    ],
    [
      { os: "linux", architecture: "armhf" },
      { os: "linux", architecture: "arm", variant: "v7" },
    ],
    [
      { os: "linux", architecture: "arm" },
      { os: "linux", architecture: "arm", variant: "v7" },
    ],
    [
      { os: "linux", architecture: "arm", variant: "6" },
      { os: "linux", architecture: "arm", variant: "v6" },
    ],
    [
      { os: "linux", architecture: "i386" },
      { os: "linux", architecture: "386" },
    ],
    [
      { os: "Windows", architecture: "amd64", "os.version": "10.0", "os.features": ["x"] },
      { os: "windows", architecture: "amd64" },
    ],
    [{}, { os: "linux", architecture: "" }],
    [
      { os: 1, architecture: ["amd64"] },
      { os: "linux", architecture: "" },
    ],
  ])("reads %j", (config, platform) => {
    expect(platformOfConfig(config)).toEqual(platform);
  });

  test("answers or throws a WaybillError for any bytes", async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array(), fc.jsonValue().map(bytes)), async (config) => {
        const store = createMemoryStore();
        try {
          expect(platformOfConfig(await readConfig(store, store.addBlob(config))).os).not.toBe("");
        } catch (error) {
          expect(hasCode(error, "invalid_manifest", "too_large")).toBe(true);
        }
      }),
    );
  });
});

describe("completed", () => {
  const config = { os: "linux", architecture: "arm", variant: "v7" };

  test("takes everything from the config when nothing is known", () => {
    expect(completed(undefined, config)).toEqual(config);
  });

  test("takes the variant with the architecture only, and keeps what is known", () => {
    expect(completed({ os: "windows", architecture: "", osVersion: "10.0" }, config)).toEqual({
      os: "windows",
      architecture: "arm",
      variant: "v7",
      osVersion: "10.0",
    });
    expect(completed({ os: "", architecture: "arm64" }, config)).toEqual({ os: "linux", architecture: "arm64" });
    expect(completed({ os: "", architecture: "", variant: "v6" }, config)).toEqual({ ...config, variant: "v6" });
  });
});

describe("readConfig", () => {
  const config = { os: "linux", architecture: "amd64" };
  const content = bytes(config);
  const descriptor = { mediaType: mediaTypes.ociConfig, digest: digestOf(content), size: content.byteLength };

  test("reads the blob when the source has it", async () => {
    const store = createMemoryStore();
    store.addBlob(content);
    expect(await readConfig(store, descriptor)).toEqual(config);
  });

  test("needs no source when the descriptor holds the content", async () => {
    const data = Buffer.from(content).toString("base64");
    expect(await readConfig(createMemoryStore(), { ...descriptor, data })).toEqual(config);
  });

  test.each([
    ["the descriptor's own content is another", { ...descriptor, data: "e30=" }, "size_mismatch"],
    ["it is announced larger than any config", { ...descriptor, size: 9 * 1024 * 1024 }, "too_large"],
    ["it is not there", descriptor, "not_found"],
  ])("refuses when %s", async (_, config, code) => {
    await expect(readConfig(createMemoryStore(), config)).rejects.toMatchObject({ code });
  });

  test("refuses corrupted content", async () => {
    const store = createMemoryStore();
    store.shelf.blobs.set(descriptor.digest, bytes({ os: "linux", architecture: "amd65" }));
    await expect(readConfig(store, descriptor)).rejects.toMatchObject({ code: "digest_mismatch" });
  });
});
