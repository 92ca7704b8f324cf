import { maxManifestBytes } from "../spec/manifest.ts";
import { normalizeHost } from "../spec/reference.ts";

/** What is known of a registry by its name: what its answers tell too late, or not at all. */
export interface Profile {
  /** The largest manifest that it takes, in bytes. */
  readonly maxManifestBytes: number;
  /** The largest blob that it takes, in bytes; absent where unknown. */
  readonly maxBlobBytes?: number;
  /** `on-push`: the first write makes a repository. Else the command that makes it. Absent where unknown. */
  readonly makesRepositories?: "on-push" | ((repository: string) => string);
  /** What nobody can ask for without writing; each absent where unknown. */
  readonly habits: Habits;
}

/** What a registry does that only a write would show. */
export interface Habits {
  /** Whether blobs are mounted from another repository; `referenced`: those that a manifest there names. */
  readonly mounts?: "yes" | "referenced" | "no";
  /** Whether `DELETE …/manifests/TAG` takes a tag away. */
  readonly deletesTags?: "yes" | "no";
  /** `settable`: the owner of a repository may have its tags never move. */
  readonly immutableTags?: "settable";
}

interface KnownHost {
  readonly pattern: RegExp;
  readonly maxBlobBytes?: number;
  readonly makesRepositories: "on-push" | ((repository: string, host: RegExpExecArray) => string);
  readonly habits?: Habits;
}

const mib = 1024 * 1024;

/**
 * With evidence in docs/registries.md, "What is known beforehand" and "What only a write would show": `profiles.test.ts` holds
 * the two together.
 */
export const knownHosts: readonly KnownHost[] = [
  {
    pattern: /^docker\.io$/,
    makesRepositories: "on-push",
    habits: { mounts: "yes", deletesTags: "no", immutableTags: "settable" },
  },
  // "10 GB" on the page: the larger reading, because what lies between is for the registry to decide.
  {
    pattern: /^ghcr\.io$/,
    makesRepositories: "on-push",
    maxBlobBytes: 10 * 1024 * mib,
    habits: { deletesTags: "no" },
  },
  { pattern: /^quay\.io$/, makesRepositories: "on-push" },
  { pattern: /^[a-z0-9-]+\.azurecr\.io$/, makesRepositories: "on-push", maxBlobBytes: 200 * 1024 * mib },
  {
    pattern: /^\d{12}\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$/,
    maxBlobBytes: 52_000 * mib,
    makesRepositories: (repository, [, region]) =>
      `aws ecr create-repository --repository-name ${repository} --region ${region}`,
    habits: { mounts: "referenced", immutableTags: "settable" },
  },
  {
    pattern: /^public\.ecr\.aws$/,
    maxBlobBytes: 10_000 * mib,
    // The first part of a public repository's name is its owner's alias.
    makesRepositories: (repository) =>
      `aws ecr-public create-repository --repository-name ${repository.replace(/^[^/]+\//, "")} --region us-east-1`,
    habits: { mounts: "no" },
  },
  {
    pattern: /^([a-z0-9-]+)-docker\.pkg\.dev$/,
    makesRepositories: (repository, [, location]) => {
      const [project = "", name = ""] = repository.split("/");
      return `gcloud artifacts repositories create ${name} --repository-format=docker --location=${location} --project=${project}`;
    },
    habits: { immutableTags: "settable" },
  },
];

/** What is known of `host`; of most, that manifests may have 4 MiB: what the specification asks every registry to take. */
export function profileOf(host: string): Profile {
  const name = normalizeHost(host);
  for (const { pattern, maxBlobBytes, makesRepositories, habits = {} } of knownHosts) {
    const match = pattern.exec(name);
    if (!match) continue;
    return {
      maxManifestBytes,
      habits,
      ...(maxBlobBytes !== undefined && { maxBlobBytes }),
      makesRepositories:
        makesRepositories === "on-push" ? makesRepositories : (repository) => makesRepositories(repository, match),
    };
  }
  return { maxManifestBytes, habits: {} };
}
