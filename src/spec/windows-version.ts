/** `major.minor.build` of a version of Windows; what follows says nothing of what runs where. */
interface WindowsVersion {
  readonly major: number;
  readonly minor: number;
  readonly build: number;
}

/** Builds of the server releases (2022, 2025) from which on a host runs the images of the release before it too; ascending. */
const stableReleases = [20348, 26100];
const [firstStable = 0] = stableReleases;

/**
 * Whether a host of version `host` runs an image made for version `image`. Both are texts such as `10.0.20348.1970`; where the host's
 * is none, or the image says nothing, it does. Before Windows Server 2022 the builds must be the same; since then a host also runs
 * what was made for any build back to the server release before its own.
 *
 * The rule is containerd's (github.com/containerd/platforms, `platform_windows_compat.go`).
 */
export function runsWindowsImage(host: string, image: string): boolean {
  const own = versionIn(host);
  if (!own || image === "") return true;
  const asked = versionIn(image);
  if (!asked || asked.major !== own.major || asked.minor !== own.minor) return false;
  if (own.build < firstStable) return asked.build === own.build;
  const oldest = stableReleases.findLast((release) => release < own.build) ?? firstStable;
  return oldest <= asked.build && asked.build <= own.build;
}

function versionIn(text: string): WindowsVersion | undefined {
  const match = /^(\d+)\.(\d+)\.(\d+)(?:\.|$)/.exec(text);
  if (!match) return undefined;
  const [major = 0, minor = 0, build = 0] = match.slice(1).map(Number);
  return major < 256 && minor < 256 && build < 65_536 ? { major, minor, build } : undefined;
}
