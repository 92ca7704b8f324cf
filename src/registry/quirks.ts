import type { PullQuota } from "../content/store.ts";
import type { Kind } from "./kinds.ts";

/** What one registry was seen to do during this run. Shared by all repositories of the host; each fact is a hint that saves trips. */
export interface Quirks {
  /**
   * Whether a mount from the target repository itself works as an existence check. `declines`: it opened an upload for a
   * blob that was there. `refuses`: it answered such a POST with an error.
   */
  selfMount: "unknown" | "honours" | "declines" | "refuses";
  /** Whether it takes a whole blob in the POST that would open an upload. `trying`: one is under way that will tell. */
  singlePost: "unknown" | "trying" | "takes" | "declines";
  /** Called when that may have changed. */
  readonly singlePostLookers: Set<() => void>;
  /** Most bytes that one request may carry, learned from 413. */
  maxChunkBytes: number | undefined;
  referrersApi: "unknown" | "present" | "absent";
  /** Whether a manifest's PUT takes `?tag=` and answers `OCI-Tag`. */
  multiTag: "unknown" | "yes" | "no";
  /** As its answers tell. */
  kind: Kind | undefined;
  /** As its last answer told. */
  pullQuota: PullQuota | undefined;
  /** `n` of list requests; 0 sends none. */
  pageSize: number;
  /** Warnings that were told already. */
  readonly told: Set<string>;
}

/** Facts before the first answer. */
export function unknownRegistry(): Quirks {
  return {
    selfMount: "unknown",
    singlePost: "unknown",
    singlePostLookers: new Set(),
    maxChunkBytes: undefined,
    referrersApi: "unknown",
    multiTag: "unknown",
    kind: undefined,
    pullQuota: undefined,
    pageSize: 1000,
    told: new Set(),
  };
}
