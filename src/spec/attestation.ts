/** Annotations by which buildkit's attestations are told from images in an index. */
export const attestationKeys = {
  /** Says `attestation-manifest`. */
  type: "vnd.docker.reference.type",
  /** The digest of the image that is attested. */
  subject: "vnd.docker.reference.digest",
  /** The same, of older builders. */
  oldSubject: "com.docker.reference.digest",
} as const;

/** The artifact type of attestations that are referrers. */
export const attestationArtifactType = "application/vnd.docker.attestation.manifest.v1+json";
