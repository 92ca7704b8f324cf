import { describe, expect, test } from "vitest";
import {
  essence,
  isDockerType,
  isForeignLayerType,
  isImageType,
  isIndexType,
  isManifestType,
  isSchema1Type,
  mediaTypes,
} from "./media-type.ts";

describe("media types", () => {
  test("are sorted into indexes, images and neither", () => {
    const all = Object.values(mediaTypes);
    expect(all.filter(isIndexType)).toEqual([mediaTypes.ociIndex, mediaTypes.dockerList]);
    expect(all.filter(isImageType)).toEqual([mediaTypes.ociManifest, mediaTypes.dockerManifest]);
    expect(all.filter(isManifestType)).toHaveLength(4);
    expect(all.filter(isSchema1Type)).toHaveLength(2);
  });

  test("are docker's when their prefix is", () => {
    expect(isDockerType(mediaTypes.dockerManifest)).toBe(true);
    expect(isDockerType("application/vnd.dockerx")).toBe(false);
    expect(isDockerType(mediaTypes.ociIndex)).toBe(false);
  });

  test("name foreign layers in both families", () => {
    expect(isForeignLayerType("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")).toBe(true);
    expect(isForeignLayerType("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")).toBe(true);
    expect(isForeignLayerType(mediaTypes.ociLayerGzip)).toBe(false);
  });
});

describe("essence", () => {
  test("drops parameters, blanks and case", () => {
    expect(essence(" Application/JSON ; charset=utf-8; x=y")).toBe("application/json");
    expect(essence("")).toBe("");
  });
});
