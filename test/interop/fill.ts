import { createHash } from "node:crypto";

/** What `fill` put into the repository, by tag. */
export interface Filled {
  readonly descriptors: Readonly<
    Record<string, { mediaType: string; digest: string; size: number; platform?: object }>
  >;
}

type Descriptor = Filled["descriptors"][string] & { annotations?: object };

const oci = {
  manifest: "application/vnd.oci.image.manifest.v1+json",
  index: "application/vnd.oci.image.index.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar+gzip",
};
const docker = {
  manifest: "application/vnd.docker.distribution.manifest.v2+json",
  index: "application/vnd.docker.distribution.manifest.list.v2+json",
  config: "application/vnd.docker.container.image.v1+json",
  layer: "application/vnd.docker.image.rootfs.diff.tar.gzip",
};

/** Fills `repository` with images, indexes, attestations and docker lists, by plain requests: neither tool under comparison made them. */
export async function fill(registry: string, repository: string): Promise<Filled> {
  const base = `${registry}/v2/${repository}`;
  const descriptors: Record<string, Descriptor> = {};
  const platforms = {
    amd64: { architecture: "amd64", os: "linux" },
    arm64: { architecture: "arm64", os: "linux", variant: "v8" },
    arm: { architecture: "arm", os: "linux", variant: "v7" },
  };
  for (const [name, platform] of Object.entries(platforms)) {
    descriptors[name] = await pushImage(base, name, platform, oci);
    descriptors[`docker-${name}`] = await pushImage(base, `docker-${name}`, platform, docker);
  }
  const children = (names: readonly string[]) =>
    names.map((name) => ({
      ...descriptors[name]!,
      platform: platforms[name.replace("docker-", "") as keyof typeof platforms],
    }));
  const multi = children(["amd64", "arm64"]);
  await pushManifest(base, "multi", { schemaVersion: 2, mediaType: oci.index, manifests: multi });
  await pushManifest(base, "docker-list", {
    schemaVersion: 2,
    mediaType: docker.index,
    manifests: children(["docker-amd64", "docker-arm64"]),
  });
  await pushManifest(base, "annotated", {
    schemaVersion: 2,
    mediaType: oci.index,
    manifests: multi.map((child) => ({ ...child, annotations: { "com.example.a": "b" } })),
    annotations: { "com.example.index": "yes" },
  });
  const attestations = await Promise.all(multi.map((child) => pushAttestation(base, child)));
  await pushManifest(base, "attested", {
    schemaVersion: 2,
    mediaType: oci.index,
    manifests: [...multi, ...attestations],
  });
  return { descriptors };
}

async function pushImage(base: string, tag: string, platform: object, types: typeof oci): Promise<Descriptor> {
  const created = "2026-01-02T03:04:05Z";
  const layer = await pushBlob(base, Buffer.from(`layer of ${tag}`), types.layer);
  const config = await pushBlob(
    base,
    json({
      created,
      author: "somebody <else>",
      ...platform,
      config: {
        Env: ["PATH=/bin"],
        Cmd: ["sh"],
        Labels: { b: "2", a: "1" },
        ExposedPorts: { "80/tcp": {} },
        WorkingDir: "/",
      },
      rootfs: { type: "layers", diff_ids: [layer.digest] },
      history: [{ created, created_by: "COPY . /", empty_layer: false }],
    }),
    types.config,
  );
  return pushManifest(base, tag, { schemaVersion: 2, mediaType: types.manifest, config, layers: [layer] });
}

async function pushAttestation(base: string, subject: Descriptor): Promise<Descriptor> {
  const statement = (predicateType: string, predicate: object) =>
    json({ _type: "https://in-toto.io/Statement/v0.1", predicateType, subject: [], predicate });
  const layer = async (predicateType: string, predicate: object) => ({
    ...(await pushBlob(base, statement(predicateType, predicate), "application/vnd.in-toto+json")),
    annotations: { "in-toto.io/predicate-type": predicateType },
  });
  const layers = [
    await layer("https://spdx.dev/Document", { SPDXID: "SPDXRef-DOCUMENT", name: `sbom of ${subject.digest}` }),
    await layer("https://slsa.dev/provenance/v0.2", {
      builder: { id: "" },
      buildType: "https://mobyproject.org/buildkit@v1",
      of: subject.digest,
    }),
  ];
  const config = await pushBlob(
    base,
    json({
      architecture: "unknown",
      os: "unknown",
      rootfs: { type: "layers", diff_ids: layers.map((one) => one.digest) },
    }),
    oci.config,
  );
  const manifest = await pushManifest(base, undefined, { schemaVersion: 2, mediaType: oci.manifest, config, layers });
  return {
    ...manifest,
    annotations: { "vnd.docker.reference.digest": subject.digest, "vnd.docker.reference.type": "attestation-manifest" },
    platform: { architecture: "unknown", os: "unknown" },
  };
}

async function pushBlob(base: string, bytes: Buffer, mediaType: string): Promise<Descriptor> {
  const digest = digestOf(bytes);
  const opened = await fetch(`${base}/blobs/uploads/`, { method: "POST" });
  await opened.arrayBuffer();
  const location = new URL(opened.headers.get("location") ?? "", base);
  location.searchParams.set("digest", digest);
  await expectOk(
    await fetch(location, {
      method: "PUT",
      body: new Uint8Array(bytes),
      headers: { "content-type": "application/octet-stream" },
    }),
  );
  return { mediaType, digest, size: bytes.length };
}

async function pushManifest(
  base: string,
  tag: string | undefined,
  document: { mediaType: string; [member: string]: unknown },
): Promise<Descriptor> {
  const bytes = json(document);
  const url = `${base}/manifests/${tag ?? digestOf(bytes)}`;
  await expectOk(
    await fetch(url, { method: "PUT", body: new Uint8Array(bytes), headers: { "content-type": document.mediaType } }),
  );
  return { mediaType: document.mediaType, digest: digestOf(bytes), size: bytes.length };
}

async function expectOk(response: Response): Promise<void> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${text}`);
}

export function digestOf(bytes: Buffer): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function json(value: object): Buffer {
  return Buffer.from(JSON.stringify(value));
}
