import { hasCode } from "../errors.ts";
import type { CallOptions, Source } from "../content/store.ts";
import { attestationArtifactType, attestationKeys } from "../spec/attestation.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { isDigest, type Digest } from "../spec/digest.ts";
import { stringMap } from "../spec/json.ts";
import { isUnknownPlatform } from "../spec/platform.ts";

const typeOfAttestation = "attestation-manifest";

function isAttestation(child: Descriptor): boolean {
  return child.annotations?.[attestationKeys.type] === typeOfAttestation;
}

/** The digest of what `child` attests; `undefined` where it is no attestation, or does not say. */
export function subjectOfAttestation(child: Descriptor): Digest | undefined {
  const subject = child.annotations?.[attestationKeys.subject];
  return isAttestation(child) && isDigest(subject) ? subject : undefined;
}

/** The children of an index that are images without an attestation in it. */
export function unattested(children: readonly Descriptor[]): readonly Descriptor[] {
  const attested = new Set(children.map(subjectOfAttestation));
  return children.filter(
    (child) => !isAttestation(child) && !isUnknownPlatform(child.platform) && !attested.has(child.digest),
  );
}

/** Everything that refers to `subject`, in one request; none where the source does not know the subject. */
export async function referrersOf(
  source: Source,
  subject: Digest,
  options: CallOptions,
): Promise<readonly Descriptor[]> {
  try {
    return await source.referrers(subject, options);
  } catch (error) {
    if (hasCode(error, "not_found")) return [];
    throw error;
  }
}

/**
 * `children` with the attestations appended that registries hold only as referrers: for each subject, in the order of the
 * children, the first one that is not there yet.
 */
export function rescued(
  children: readonly Descriptor[],
  referrers: ReadonlyMap<Digest, readonly Descriptor[]>,
): readonly Descriptor[] {
  const present = new Set(children.map((child) => child.digest));
  const added: Descriptor[] = [];
  for (const { digest } of unattested(children)) {
    const found = referrers
      .get(digest)
      ?.find((one) => one.artifactType === attestationArtifactType && !present.has(one.digest));
    if (!found) continue;
    present.add(found.digest);
    added.push(asAttestation(found, digest));
  }
  return added.length === 0 ? children : [...children, ...added];
}

function asAttestation(referrer: Descriptor, subject: Digest): Descriptor {
  const { artifactType: _, ...rest } = referrer;
  const links = [
    [attestationKeys.type, typeOfAttestation],
    [attestationKeys.subject, subject],
  ] as const;
  return {
    ...rest,
    annotations: stringMap([...Object.entries(referrer.annotations ?? {}), ...links]),
    platform: { architecture: "unknown", os: "unknown" },
  };
}
