// Registries in one process, each with just what a copy of one large image needs: a source that makes its blobs up as it sends
// them, and targets that hash what they get and keep none of it. bulk-server.mjs SIZE LAYERS [TARGETS]; prints its origins and the root.
import { createHash } from "node:crypto";
import http from "node:http";
import { bytesOf, sha256 } from "./support.mjs";

const [size, layerCount, targetCount = 1] = process.argv.slice(2).map(Number);
const piece = Buffer.alloc(256 * 1024, "waybill ");
const blobs = new Map();
const config = bytesOf({ os: "linux", architecture: "amd64", rootfs: { type: "layers", diff_ids: [] } });

function* contentOf(layer) {
  const first = Buffer.from(piece);
  first.write(`layer ${layer}`);
  for (let left = size, index = 0; left > 0; left -= piece.length, index++) {
    yield (index === 0 ? first : piece).subarray(0, Math.min(left, piece.length));
  }
}

function layerDescriptor(layer) {
  const hash = createHash("sha256");
  for (const chunk of contentOf(layer)) hash.update(chunk);
  const digest = `sha256:${hash.digest("hex")}`;
  blobs.set(digest, layer);
  return { mediaType: "application/vnd.oci.image.layer.v1.tar", digest, size };
}

const layers = Array.from({ length: layerCount }, (_, layer) => layerDescriptor(layer));
const manifest = bytesOf({
  schemaVersion: 2,
  mediaType: "application/vnd.oci.image.manifest.v1+json",
  config: { mediaType: "application/vnd.oci.image.config.v1+json", digest: sha256(config), size: config.length },
  layers,
});

async function sendBlob(response, digest) {
  if (digest === sha256(config)) return response.writeHead(200, { "content-length": config.length }).end(config);
  response.writeHead(200, { "content-length": size, "content-type": "application/octet-stream" });
  for (const chunk of contentOf(blobs.get(digest))) {
    if (!response.write(chunk)) await new Promise((resolve) => response.once("drain", resolve));
  }
  return response.end();
}

const source = http.createServer((request, response) => {
  const [, kind, name] = /\/v2\/source\/(manifests|blobs)\/(.+)$/.exec(request.url) ?? [];
  if (kind === "blobs") return sendBlob(response, name);
  if (kind !== "manifests" || name.startsWith("sha256-")) return response.writeHead(404).end();
  return sendManifest(request, response, manifest);
});

/** Keeps manifests; of blobs it knows only that it took them. */
function createTarget() {
  const manifests = new Map();
  return http.createServer(async (request, response) => {
    const { method, url } = request;
    if (method === "POST")
      return response
        .writeHead(202, { location: `/v2/target/blobs/uploads/${Math.random()}`, "content-length": 0 })
        .end();
    if (method !== "PUT") return sendManifest(request, response, manifests.get(url));
    const hash = createHash("sha256");
    const chunks = [];
    for await (const chunk of request) {
      hash.update(chunk);
      if (url.includes("/manifests/")) chunks.push(chunk);
    }
    const digest = `sha256:${hash.digest("hex")}`;
    if (chunks.length > 0) manifests.set(url, Buffer.concat(chunks));
    const wanted = new URL(url, "http://x").searchParams.get("digest") ?? digest;
    return response
      .writeHead(wanted === digest ? 201 : 400, { "docker-content-digest": digest, "content-length": 0 })
      .end();
  });
}

function sendManifest({ method }, response, bytes) {
  if (!bytes) return response.writeHead(404, { "content-length": 0 }).end();
  const headers = {
    "content-type": "application/vnd.oci.image.manifest.v1+json",
    "content-length": bytes.length,
    "docker-content-digest": sha256(bytes),
  };
  return response.writeHead(200, headers).end(method === "HEAD" ? undefined : bytes);
}

const targets = Array.from({ length: targetCount }, createTarget);
for (const server of [source, ...targets]) await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const urlOf = (server) => `http://127.0.0.1:${server.address().port}`;
console.log(JSON.stringify({ source: urlOf(source), targets: targets.map(urlOf), root: sha256(manifest) }));
process.on("SIGTERM", () => process.exit(0));
