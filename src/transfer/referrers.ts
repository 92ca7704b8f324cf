import { WaybillError } from "../errors.ts";

/** Which referrers travel with an image: by artifact type, all of them, or none. */
export interface ReferrersPolicy {
  /** As `parseReferrersPolicy` takes it. */
  readonly text: string;
  /** False: no referrer is even looked for. */
  readonly lookUp: boolean;
  carries(artifactType: string | undefined): boolean;
}

/**
 * What people sign, attest and describe images with: docker's attestations, cosign signatures, sigstore bundles of every
 * version, Notary signatures, SPDX and CycloneDX documents.
 */
const standardTypes =
  /^(?:application\/vnd\.docker\.attestation\.manifest\.v1\+json|application\/vnd\.dev\.cosign\.(?:artifact\.(?:sig|sbom|att)\.v1\+json|simplesigning\.v1\+json)|application\/vnd\.dev\.sigstore\.bundle(?:\.v\d+(?:\.\d+)*)?\+json(?:;version=[\w.]+)?|application\/vnd\.cncf\.notary\.signature|application\/spdx(?:\+json)?|text\/spdx(?:\+json|\+xml)?|application\/vnd\.cyclonedx(?:\+json|\+xml)?)$/;

const mediaType = /^[\w.+-]+\/[\w.+;=-]+$/;

/**
 * Reads the value of `--referrers`: `default`, `all`, `none`, or artifact types separated by commas, among which `default`
 * may stand too.
 *
 * @throws WaybillError `invalid_argument`
 */
export function parseReferrersPolicy(text: string): ReferrersPolicy {
  const words = text.split(",").map((word) => word.trim());
  const policy = { text: words.join(","), lookUp: true };
  if (policy.text === "none") return { ...policy, lookUp: false, carries: () => false };
  if (policy.text === "all") return { ...policy, carries: () => true };
  const wrong = words.find((word) => word !== "default" && !mediaType.test(word));
  if (wrong !== undefined) {
    throw new WaybillError(
      "invalid_argument",
      `invalid referrers type "${wrong.slice(0, 140)}", expected default, all, none or artifact types separated by commas`,
    );
  }
  const types = new Set(words);
  return {
    ...policy,
    carries: (type) => type !== undefined && (types.has(type) || (types.has("default") && standardTypes.test(type))),
  };
}
