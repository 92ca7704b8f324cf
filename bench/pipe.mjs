// The baseline: the least that a Node program can do to copy an index with its blobs. GET → hash → POST, PUT; no checks, no
// retries, no news. pipe.mjs FROM REPOSITORY DIGEST TO REPOSITORY
import { createHash } from "node:crypto";
import http from "node:http";

const [from, fromRepository, root, to, toRepository] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

function request(method, url, headers = {}, body) {
  return new Promise((resolve, reject) => {
    const outgoing = http.request(url, { method, agent, headers }, resolve);
    outgoing.on("error", reject);
    if (typeof body === "function") body(outgoing);
    else outgoing.end(body);
  });
}

async function readAll(response) {
  const chunks = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function copyBlob({ digest, size }) {
  const opened = await request("POST", `${to}/v2/${toRepository}/blobs/uploads/`, { "content-length": 0 });
  opened.resume();
  const source = await request("GET", `${from}/v2/${fromRepository}/blobs/${digest}`);
  const location = new URL(opened.headers.location, to);
  location.searchParams.set("digest", digest);
  const hash = createHash("sha256");
  const done = await request("PUT", location, { "content-length": size }, async (outgoing) => {
    for await (const chunk of source) {
      hash.update(chunk);
      if (!outgoing.write(chunk)) await new Promise((resolve) => outgoing.once("drain", resolve));
    }
    outgoing.end();
  });
  done.resume();
  if (done.statusCode !== 201 || `sha256:${hash.digest("hex")}` !== digest)
    throw new Error(`blob ${digest}: ${done.statusCode}`);
}

async function copyManifest(digest, type) {
  const response = await request("GET", `${from}/v2/${fromRepository}/manifests/${digest}`, { accept: type });
  const bytes = await readAll(response);
  const manifest = JSON.parse(bytes);
  if (manifest.manifests)
    await Promise.all(manifest.manifests.map((child) => copyManifest(child.digest, child.mediaType)));
  else await inLanes([manifest.config, ...manifest.layers]);
  const stored = await request(
    "PUT",
    `${to}/v2/${toRepository}/manifests/${digest}`,
    { "content-type": type, "content-length": bytes.length },
    bytes,
  );
  stored.resume();
  if (stored.statusCode !== 201) throw new Error(`manifest ${digest}: ${stored.statusCode}`);
}

let active = 0;
const waiting = [];
function inLanes(blobs) {
  return Promise.all(
    blobs.map(async (blob) => {
      if (active >= 32) await new Promise((resolve) => waiting.push(resolve));
      active += 1;
      try {
        await copyBlob(blob);
      } finally {
        active -= 1;
        waiting.shift()?.();
      }
    }),
  );
}

await copyManifest(root, "application/vnd.oci.image.index.v1+json");
agent.destroy();
