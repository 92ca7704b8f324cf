import { WaybillError } from "../errors.ts";

/** Spec: image-spec v1.1.1, "Image Index Property Descriptions", `platform`. */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly osVersion?: string;
  readonly osFeatures?: readonly string[];
  readonly variant?: string;
}

const part = /^[A-Za-z0-9_.-]+$/;
const knownSystems = new Set(
  "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasip1 windows zos unknown".split(
    " ",
  ),
);
const knownArchitectures = new Set(
  "386 amd64 amd64p32 arm armbe arm64 arm64be loong64 mips mipsle mips64 mips64le mips64p32 mips64p32le ppc ppc64 ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm unknown".split(
    " ",
  ),
);

/**
 * Reads `os/arch[/variant]`, with `os(version)` for Windows, and the short forms `linux` and `arm64` that containerd takes
 * (what is missing is linux, and amd64). The result is normalised.
 *
 * @throws WaybillError `invalid_platform`
 */
export function parsePlatform(text: string): Platform {
  const pieces = text.split("/");
  const { name: first, version } = splitVersion(text, pieces[0] ?? "");
  const rest = pieces.slice(1);
  if (pieces.length > 3 || ![first, ...rest].every((piece) => part.test(piece))) throw invalid(text);
  const [second, third] = rest;
  if (second === undefined) return single(text, first, version);
  return normalizePlatform({ os: first, architecture: second, variant: third, ...(version && { osVersion: version }) });
}

function splitVersion(text: string, first: string): { name: string; version?: string } {
  const match = /^([A-Za-z0-9_.-]+)\(([A-Za-z0-9_.-]*)\)$/.exec(first);
  if (match?.[1]) return { name: match[1], version: match[2] ?? "" };
  if (first.includes("(")) throw invalid(text);
  return { name: first };
}

function single(text: string, name: string, version: string | undefined): Platform {
  const os = normalizeOs(name);
  if (knownSystems.has(os))
    return normalizePlatform({ os, architecture: "amd64", ...(version && { osVersion: version }) });
  const platform = normalizePlatform({ os: "linux", architecture: name });
  if (knownArchitectures.has(platform.architecture)) return platform;
  throw invalid(text);
}

function invalid(text: string): WaybillError {
  return new WaybillError(
    "invalid_platform",
    `invalid platform "${text}": expected os/arch[/variant], such as linux/arm64`,
  );
}

function normalizeOs(os: string): string {
  const lower = os.toLowerCase();
  return lower === "macos" ? "darwin" : lower;
}

const architectures: Readonly<Record<string, readonly [string, string?]>> = {
  i386: ["386", ""],
  x86_64: ["amd64"],
  "x86-64": ["amd64"],
  amd64: ["amd64"],
  aarch64: ["arm64"],
  arm64: ["arm64"],
  armhf: ["arm", "v7"],
  armel: ["arm", "v6"],
  arm: ["arm"],
};

/** The spelling that platforms are compared in: `aarch64` → `arm64`, `arm64/v8` → `arm64`, `arm` → `arm/v7`, `amd64/v1` → `amd64`. */
export function normalizePlatform(platform: Platform): Platform {
  const lower = platform.architecture.toLowerCase();
  const known = Object.hasOwn(architectures, lower) ? architectures[lower] : undefined;
  const architecture = known?.[0] ?? lower;
  const variant = normalizeVariant(architecture, known?.[1] ?? platform.variant?.toLowerCase() ?? "");
  return {
    architecture,
    os: normalizeOs(platform.os),
    ...(platform.osVersion !== undefined && { osVersion: platform.osVersion }),
    ...(platform.osFeatures !== undefined && { osFeatures: platform.osFeatures }),
    ...(variant !== "" && { variant }),
  };
}

function normalizeVariant(architecture: string, variant: string): string {
  if (architecture === "amd64") return variant === "v1" ? "" : variant;
  if (architecture === "arm64") return arm64Variant(variant);
  if (architecture !== "arm") return variant;
  if (variant === "") return "v7";
  return /^[5-8]$/.test(variant) ? `v${variant}` : variant;
}

function arm64Variant(variant: string): string {
  if (["8", "v8", "v8.0"].includes(variant)) return "";
  return ["9", "9.0", "v9.0"].includes(variant) ? "v9" : variant;
}

/** `os/arch[/variant]`, the spelling of users and of map keys. No version. */
export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant].filter((piece) => piece).join("/");
}

/**
 * Whether `candidate` is what `wanted` asks for: same system, architecture and variant once both are normalised. A wanted
 * version of the system (`windows(10.0.17763)`) must be the beginning of the candidate's, where that has one.
 */
export function platformMatches(wanted: Platform, candidate: Platform): boolean {
  const a = normalizePlatform(wanted);
  const b = normalizePlatform(candidate);
  if (a.os !== b.os || a.architecture !== b.architecture || (a.variant ?? "") !== (b.variant ?? "")) return false;
  return !a.osVersion || !b.osVersion || `${b.osVersion}.`.startsWith(`${a.osVersion}.`);
}

export function isUnknownPlatform(platform: Platform | undefined): boolean {
  return platform?.os === "unknown" && platform.architecture === "unknown";
}
