import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { digestOf } from "../../src/spec/digest.ts";
import { goJson } from "../../src/spec/json.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { answerWith, evilHost } from "../support/evil-host.ts";
import { runInProcess } from "../support/in-process.ts";

const secret = "root:canary-of-a-file:19000::::::\n";
let folder: string;
let layout: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waybill-layout-"));
  layout = join(folder, "layout");
  mkdirSync(join(layout, "blobs/sha256"), { recursive: true });
  writeFileSync(join(layout, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, "shadow"), secret);
});
afterEach(() => rmSync(folder, { recursive: true }));

const config = Buffer.from('{"architecture":"amd64","os":"linux"}');

/** A layout whose one image has a layer that is described so; the layer's own file is the test's. */
function hostileLayout(layer: Buffer, tag = "1"): string {
  const manifest = Buffer.from(
    goJson({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.byteLength },
      layers: [{ mediaType: mediaTypes.ociLayerGzip, digest: digestOf(layer), size: layer.byteLength }],
    }),
  );
  for (const bytes of [config, manifest]) writeFileSync(blobPath(bytes), bytes);
  const entry = {
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(manifest),
    size: manifest.byteLength,
    annotations: { "org.opencontainers.image.ref.name": tag },
  };
  writeFileSync(join(layout, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
  return blobPath(layer);
}

function blobPath(bytes: Buffer): string {
  return join(layout, "blobs/sha256", digestOf(bytes).slice("sha256:".length));
}

/** Publishes the layout to a registry that remembers everything it was given. */
async function publish(reference = `oci-layout://${layout}:1`) {
  await using host = await evilHost(({ method, target, body }, response) => {
    if (method === "POST") return answerWith(response, 202, { headers: { location: "/v2/t/blobs/uploads/1" } });
    const digest = decodeURIComponent(/digest=([^&]*)/.exec(target)?.[1] ?? digestOf(Buffer.from(body)));
    if (method === "PUT") return answerWith(response, 201, { headers: { "docker-content-digest": digest } });
    return answerWith(response, 404);
  });
  const ran = await runInProcess(["create", "-D", "--progress", "plain", "-t", `${host.host}/t:1`, reference]);
  const tagged = host.arrived.some(({ method, target }) => method === "PUT" && target.includes("/manifests/"));
  return { ran, tagged, sent: host.arrived.map(({ target, body }) => target + body).join("\n") };
}

async function expectNothingOut(): Promise<void> {
  const { ran, sent, tagged } = await publish();
  expect(ran.code).toBe(1);
  expect(tagged).toBe(false);
  for (const text of [ran.output, sent]) expect(text).not.toContain("canary-of-a-file");
}

describe("S39 files that are not what they seem", () => {
  const layer = Buffer.from("l".repeat(secret.length));

  test("S39 a blob that is a link to a secret is not sent, in no byte", async () => {
    symlinkSync(join(folder, "shadow"), hostileLayout(layer));
    await expectNothingOut();
  });

  test("S39 a blob that is a link to the very content is sent", async () => {
    const path = hostileLayout(layer);
    writeFileSync(join(folder, "elsewhere"), layer);
    symlinkSync(join(folder, "elsewhere"), path);
    const { ran, tagged } = await publish();
    expect([ran.code, tagged]).toEqual([0, true]);
  });

  test.each(["index.json", "oci-layout"])("S39 %s that is a link to a secret is not read", async (name) => {
    writeFileSync(hostileLayout(layer), layer);
    rmSync(join(layout, name));
    symlinkSync(join(folder, "shadow"), join(layout, name));
    await expectNothingOut();
  });

  test.each(["index.json", "oci-layout", "manifest", "layer"])("S39 a FIFO for %s does not hold us", async (name) => {
    const path = hostileLayout(layer);
    const [manifest = ""] = readdirSync(join(layout, "blobs/sha256")).filter((it) => !blobPath(config).endsWith(it));
    const places: Record<string, string> = { manifest: join(layout, "blobs/sha256", manifest), layer: path };
    const place = places[name] ?? join(layout, name);
    rmSync(place, { force: true });
    execFileSync("mkfifo", [place]);
    await expectNothingOut();
  });

  test("S39 a device and a folder are no blobs", async () => {
    const path = hostileLayout(layer);
    symlinkSync("/dev/zero", path);
    await expectNothingOut();
    rmSync(path);
    mkdirSync(path);
    await expectNothingOut();
  });

  test("S39 a file of a terabyte is refused by its size", async () => {
    const path = hostileLayout(layer);
    writeFileSync(path, "");
    truncateSync(path, 2 ** 40);
    await expectNothingOut();
    truncateSync(join(layout, "index.json"), 2 ** 40);
    await expectNothingOut();
  });

  test("S39 an index that is no JSON is not quoted", async () => {
    writeFileSync(hostileLayout(layer), layer);
    writeFileSync(join(layout, "index.json"), secret);
    await expectNothingOut();
  });
});

describe("S40 names in a layout", () => {
  const names = ["../../x", "-rf", "/etc/passwd", "a\u001b[2Jb", "a\nb", "__proto__", "x".repeat(5000), ""];

  test.each(names)("S40 an image called %j is no tag and no path", async (name) => {
    const layer = Buffer.from("layer");
    writeFileSync(hostileLayout(layer, name), layer);
    const before = readdirSync(folder).sort();
    const { ran, sent } = await publish(`oci-layout://${layout}:latest`);
    expect(ran.code).toBe(6);
    expect(sent).not.toContain("/manifests/-rf");
    expect(readdirSync(folder).sort()).toEqual(before);
    expect(existsSync(join(folder, "x"))).toBe(false);
  });

  test("S40 a new tag leaves the entry with the odd name where it is, and goes nowhere else", async () => {
    const layer = Buffer.from("layer");
    writeFileSync(hostileLayout(layer, "../../x"), layer);
    await using host = await evilHost((_arrived, response) =>
      answerWith(response, 200, {
        headers: { "content-type": mediaTypes.ociIndex },
        body: `{"schemaVersion":2,"mediaType":"${mediaTypes.ociIndex}","manifests":[]}`,
      }),
    );
    const args = [
      "create",
      "--progress",
      "quiet",
      "--referrers",
      "none",
      "-t",
      `oci-layout://${layout}:new`,
      `${host.host}/app:1`,
    ];
    const ran = await runInProcess(args);
    expect(ran.code).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(["layout", "shadow"]);
    expect(readdirSync(layout).sort()).toEqual(["blobs", "index.json", "oci-layout"]);
  });
});
