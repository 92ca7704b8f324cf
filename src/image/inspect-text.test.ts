import { expect, test } from "vitest";
import { manifestOf } from "../../test/support/samples.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { parseReference } from "../spec/reference.ts";
import { inspectText } from "./inspect-text.ts";

test("inspectText lists annotations in the order of their bytes, as Go does", () => {
  const annotations = { "\u{1f600}": "4 bytes", "\uff5e": "3 bytes", z: "1 byte" };
  const text = inspectText(
    parseReference("r.example/app:1"),
    manifestOf(mediaTypes.ociIndex, { manifests: [], annotations }),
  );
  expect(text.match(/\d bytes?/g)).toEqual(["1 byte", "3 bytes", "4 bytes"]);
});
