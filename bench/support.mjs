import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "../dist/lib/async/clock.js";
import { createMemoryStorage, createRegistry, serve } from "../dist/lib/server/index.js";

const root = join(import.meta.dirname, "..");
export const program = join(root, "dist/cli/main.js");
/** What the program keeps of its compiled code: as on a machine where it has published before. */
export const cacheFolder = mkdtempSync(join(tmpdir(), "bench-cache-"));
process.once("exit", () => rmSync(cacheFolder, { recursive: true, force: true }));

/** An embedded registry on a free port of loopback that notes every request and can add `delayMs` to each, or be put behind `wrap`. */
export async function startRegistry({ delayMs = 0, referrers = false, wrap = (send) => send } = {}) {
  const storage = createMemoryStorage();
  // Without the referrers API, as distribution is: the fallback tag is asked for too, so the figures are the worse ones.
  const registry = wrap(createRegistry(storage, { referrers, childManifests: "optional" }));
  const waiting = new Map();
  let requests = [];
  const counted = async (request) => {
    const entry = {
      method: request.method,
      url: new URL(request.url).pathname + new URL(request.url).search,
      from: performance.now(),
      to: Infinity,
    };
    requests.push(entry);
    if (delayMs > 0) await sleep(delayMs);
    try {
      return await registry(request);
    } finally {
      entry.to = performance.now();
      waiting.get(`${entry.method} ${entry.url}`)?.();
    }
  };
  // Some programs open a connection for each blob and target at once.
  const server = await serve(counted, { host: "127.0.0.1", port: 0, maxConnections: 8192, clock: systemClock() });
  const host = new URL(server.url).host;
  return {
    host,
    url: `http://${host}`,
    storage,
    seen: () => requests,
    /** Resolves when such a request has been answered next. */
    once: (method, url) => new Promise((resolve) => waiting.set(`${method} ${url}`, resolve)),
    forget: () => (requests = []),
    close: () => server.close(),
  };
}

/** The longest chain of requests of which each began after the one before it had ended. */
export function successiveTrips(requests) {
  let trips = 0;
  let end = -Infinity;
  for (const request of requests.toSorted((a, b) => a.to - b.to)) {
    if (request.from < end) continue;
    trips += 1;
    end = request.to;
  }
  return trips;
}

export function sha256(bytes) {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

export function bytesOf(value) {
  return Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
}

/** Bytes that differ by `seed` and do not compress. */
export function noise(seed, sizeBytes) {
  const parts = [];
  for (let block = 0; block * 64 < sizeBytes; block++)
    parts.push(createHash("sha512").update(`${seed} ${block}`).digest());
  return Buffer.concat(parts).subarray(0, sizeBytes);
}

async function put(url, body, type) {
  const response = await fetch(url, { method: "PUT", body, headers: { "content-type": type } });
  if (!response.ok) throw new Error(`PUT ${url}: ${response.status} ${await response.text()}`);
  await response.arrayBuffer();
}

async function pushBlob(registry, repository, bytes) {
  const opened = await fetch(`${registry.url}/v2/${repository}/blobs/uploads/`, { method: "POST" });
  await opened.arrayBuffer();
  const location = new URL(opened.headers.get("location"), registry.url);
  location.searchParams.set("digest", sha256(bytes));
  await put(location, bytes, "application/octet-stream");
  return { digest: sha256(bytes), size: bytes.length };
}

/** Pushes a one-platform image with plain requests, so that what is measured is not what filled the registry. */
export async function pushImage(registry, repository, { tag, platform, layers }) {
  const config = bytesOf({ ...platform, rootfs: { type: "layers", diff_ids: layers.map(sha256) } });
  const blobs = await Promise.all([config, ...layers].map((bytes) => pushBlob(registry, repository, bytes)));
  const [configBlob, ...layerBlobs] = blobs;
  const manifest = bytesOf({
    schemaVersion: 2,
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    config: { mediaType: "application/vnd.oci.image.config.v1+json", ...configBlob },
    layers: layerBlobs.map((layer) => ({ mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", ...layer })),
  });
  await put(
    `${registry.url}/v2/${repository}/manifests/${tag ?? sha256(manifest)}`,
    manifest,
    "application/vnd.oci.image.manifest.v1+json",
  );
  return {
    mediaType: "application/vnd.oci.image.manifest.v1+json",
    digest: sha256(manifest),
    size: manifest.length,
    platform,
  };
}

export async function pushIndex(registry, repository, tag, manifests) {
  const index = bytesOf({ schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests });
  await put(`${registry.url}/v2/${repository}/manifests/${tag}`, index, "application/vnd.oci.image.index.v1+json");
  return sha256(index);
}

/** What a program is run in: nothing of the machine's own configuration, and `folder` as its home. */
export function surroundings(folder, more = {}) {
  return { PATH: process.env.PATH, HOME: folder, XDG_STATE_HOME: folder, XDG_CACHE_HOME: cacheFolder, ...more };
}

/**
 * Runs a Node program to its end: seconds until that and until its last word on stdout, processor seconds, peak memory. Throws
 * where it fails.
 */
export async function runNode(args, { env = {} } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "bench-"));
  const usageFile = join(folder, "usage.json");
  const preloaded = ["--require", join(import.meta.dirname, "usage.cjs"), ...args];
  const timed = await timeNode(preloaded, surroundings(folder, { ...env, WAYBILL_BENCH_USAGE: usageFile }));
  const usage = JSON.parse(readFileSync(usageFile, "utf8"));
  rmSync(folder, { recursive: true });
  return { ...timed, ...usage };
}

/** The same with nothing loaded beforehand, so that nothing but the program itself is timed; it may end with `exitCode`. */
export async function timeNode(args, env, { exitCode = 0 } = {}) {
  const from = performance.now();
  const seconds = () => (performance.now() - from) / 1000;
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"], env });
  let output = "";
  let resultS;
  child.stdout.on("data", (chunk) => {
    output += chunk;
    resultS = seconds();
  });
  child.stderr.on("data", (chunk) => (output += chunk));
  const code = await new Promise((resolve) => child.on("close", resolve));
  const wallS = seconds();
  if (code !== exitCode) throw new Error(`${args.join(" ")} ended with ${code}: ${output}`);
  return { wallS, resultS };
}

export function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

/** One line of the table: what was measured, what is aimed at, and whether it was reached in this run. */
export function row(figure, measured, goal, reached) {
  console.log(`${reached ? "  ok  " : "  far "} ${figure.padEnd(72)} ${measured.padEnd(34)} goal ${goal}`);
}

/** One line that is told for its own sake. */
export function note(figure, measured) {
  console.log(`       ${figure.padEnd(72)} ${measured}`);
}
