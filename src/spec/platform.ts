import { WaybillError } from "../errors.ts";
import { runsWindowsImage } from "./windows-version.ts";

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

/** `OS`, `OS(VERSION)`, `OS(+FEATURE…)` or `OS(VERSION+FEATURE…)`. */
const system = /^([A-Za-z0-9_-]+)(?:\(([A-Za-z0-9_.%-]*)((?:\+[A-Za-z0-9_.%-]+)*)\))?$/;

/**
 * Reads `os/arch[/variant]`, with `os(version+feature+feature)` where version and features of the system matter (`%XX` in them
 * stands for a byte), and the short forms `linux` and `arm64` that containerd takes (what is missing is linux, and amd64). The
 * result is normalised.
 *
 * @throws WaybillError `invalid_platform`
 */
export function parsePlatform(text: string): Platform {
  const [first = "", ...rest] = text.split("/");
  const [, name, version = "", features = ""] = system.exec(first) ?? [];
  if (name === undefined || rest.length > 2 || !rest.every((piece) => part.test(piece))) throw invalid(text);
  const osVersion = unescaped(version, text);
  const osFeatures = features
    .split("+")
    .slice(1)
    .map((feature) => unescaped(feature, text));
  const options = { ...(osVersion !== "" && { osVersion }), ...(osFeatures.length > 0 && { osFeatures }) };
  const [architecture, variant] = rest;
  if (architecture !== undefined) return normalizePlatform({ os: name, architecture, variant, ...options });
  const os = normalizeOs(name);
  if (knownSystems.has(os)) return normalizePlatform({ os, architecture: "amd64", ...options });
  const platform = normalizePlatform({ os: "linux", architecture: first });
  if (knownArchitectures.has(platform.architecture)) return platform;
  throw invalid(text);
}

function unescaped(piece: string, text: string): string {
  try {
    return decodeURIComponent(piece);
  } catch {
    throw invalid(text);
  }
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
 * Whether `candidate` is what `wanted` asks for: same system (linux where the candidate names none), architecture and variant once
 * both are normalised. A candidate that needs features of the system is only for who wants all of these; Windows' `win32k` goes
 * without saying. Of Windows, the wanted version must run the candidate's, where both say one.
 */
export function platformMatches(wanted: Platform, candidate: Platform): boolean {
  const a = normalizePlatform(wanted);
  const b = normalizePlatform({ ...candidate, os: candidate.os || "linux" });
  if (a.os !== b.os || a.architecture !== b.architecture || (a.variant ?? "") !== (b.variant ?? "")) return false;
  const isWindows = a.os === "windows";
  const needed = (b.osFeatures ?? []).filter((feature) => !isWindows || feature !== "win32k");
  if (!needed.every((feature) => a.osFeatures?.includes(feature))) return false;
  return !isWindows || runsWindowsImage(a.osVersion ?? "", b.osVersion ?? "");
}

/** Whether it is `unknown/unknown`, which buildkit gives to attestations. */
export function isUnknownPlatform(platform: Platform | undefined): boolean {
  return platform?.os === "unknown" && platform.architecture === "unknown";
}
