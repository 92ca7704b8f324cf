import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** Debian's name of an architecture, and what images call it. */
export const architectures = [
  { debian: "amd64", platform: { architecture: "amd64", os: "linux" } },
  { debian: "arm64", platform: { architecture: "arm64", os: "linux" } },
  { debian: "armhf", platform: { architecture: "arm", os: "linux", variant: "v7" } },
  { debian: "i386", platform: { architecture: "386", os: "linux" } },
] as const;

/**
 * Downloads `busybox-static` for each architecture with apt, whose list state is kept in `folder`: the system's own apt is
 * read for its mirrors only. Answers the unpacked package folders.
 */
export function downloadBusybox(folder: string): ReadonlyMap<string, string> {
  const apt = join(folder, "apt");
  for (const path of ["etc/preferences.d", "etc/apt.conf.d", "state/lists/partial", "cache/archives/partial", "deb"]) {
    mkdirSync(join(apt, path), { recursive: true });
  }
  writeFileSync(join(apt, "status"), "");
  writeFileSync(join(apt, "etc/sources.list"), `${mainSource()}\n`);
  const names = architectures.map(({ debian }) => `"${debian}"`).join("; ");
  const config = [
    `APT::Architecture "amd64"; APT::Architectures { ${names}; };`,
    `Dir::Etc::parts "${join(apt, "etc/apt.conf.d")}"; Dir::Etc::preferencesparts "${join(apt, "etc/preferences.d")}";`,
    `Dir::Etc::sourcelist "${join(apt, "etc/sources.list")}"; Dir::Etc::sourceparts "/dev/null";`,
    `APT::Sandbox::User "root"; Acquire::Retries "3"; Acquire::Check-Valid-Until "false";`,
    `Dir::State "${join(apt, "state")}"; Dir::State::status "${join(apt, "status")}"; Dir::Cache "${join(apt, "cache")}";`,
    `Acquire::Languages "none"; Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";`,
  ];
  writeFileSync(join(apt, "apt.conf"), config.join("\n"));
  const run = (command: string, args: readonly string[]) =>
    execFileSync(command, args, {
      cwd: join(apt, "deb"),
      env: { ...process.env, APT_CONFIG: join(apt, "apt.conf") },
      stdio: "pipe",
    });
  run("apt-get", ["-qq", "update"]);
  run("apt-get", ["-qq", "download", ...architectures.map(({ debian }) => `busybox-static:${debian}`)]);
  return new Map(architectures.map(({ debian }) => [debian, unpack(join(apt, "deb"), debian)]));
}

/** The first of the system's own sources, its main component only: busybox needs no more. */
function mainSource(): string {
  const deb822 = "/etc/apt/sources.list.d/debian.sources";
  if (!existsSync(deb822)) {
    const lines = readFileSync("/etc/apt/sources.list", "utf8").split("\n");
    return lines.find((line) => /^deb\s/.test(line)) ?? "";
  }
  const text = readFileSync(deb822, "utf8");
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(text)?.[1] ?? "";
  const signedBy = field("Signed-By");
  return `deb ${signedBy === "" ? "" : `[signed-by=${signedBy}] `}${field("URIs")} ${field("Suites")} main`;
}

function unpack(folder: string, debian: string): string {
  const archive = readdirSync(folder).find((name) => name.endsWith(`_${debian}.deb`));
  if (!archive) throw new Error(`apt brought no busybox-static for ${debian}`);
  const target = join(folder, debian);
  execFileSync("dpkg-deb", ["-x", join(folder, archive), target]);
  return target;
}

/** Writes an OCI layout at `path` with a one-layer image of the folder `files`, tagged `latest`. */
export function writeLayout(path: string, files: string, platform: object): void {
  const tar = execFileSync(
    "tar",
    ["--sort=name", "--mtime=@0", "--owner=0", "--group=0", "--numeric-owner", "-C", files, "-c", "."],
    { maxBuffer: 1 << 28 },
  );
  const layer = gzipSync(tar, { level: 6 });
  const blob = (bytes: Buffer, mediaType: string) => {
    const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    mkdirSync(join(path, "blobs/sha256"), { recursive: true });
    writeFileSync(join(path, "blobs/sha256", digest.slice(7)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const json = (value: object) => Buffer.from(JSON.stringify(value));
  const diff = `sha256:${createHash("sha256").update(tar).digest("hex")}`;
  const config = blob(
    json({
      created: "1970-01-01T00:00:00Z",
      ...platform,
      config: { Cmd: ["/bin/busybox", "sh"] },
      rootfs: { type: "layers", diff_ids: [diff] },
      history: [],
    }),
    "application/vnd.oci.image.config.v1+json",
  );
  const layers = [blob(layer, "application/vnd.oci.image.layer.v1.tar+gzip")];
  const manifest = blob(
    json({ schemaVersion: 2, mediaType: "application/vnd.oci.image.manifest.v1+json", config, layers }),
    "application/vnd.oci.image.manifest.v1+json",
  );
  const entry = { ...manifest, annotations: { "org.opencontainers.image.ref.name": "latest" } };
  writeFileSync(join(path, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(path, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: [entry] }));
}

/** Whether `command` is on PATH. */
export function has(command: string): boolean {
  return (process.env["PATH"] ?? "").split(":").some((folder) => folder !== "" && existsSync(join(folder, command)));
}

export function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
