/** What a failure is about, the gravest first: the order in which findings are told. */
export const kinds = ["crash", "setup", "permission", "limit", "content", "registry", "network", "outcome"] as const;

export type Kind = (typeof kinds)[number];

/** A failure that is known: how logs show it, and what to say about it. */
export interface Failure {
  /** Stable: scripts may ask for it. */
  readonly id: string;
  readonly kind: Kind;
  /** The failure in one line. */
  readonly about: string;
  /**
   * Any of these on one line. Letter case does not matter; around ` … ` there are parts that follow each other somewhere on
   * the line. Nothing else has a meaning, so that looking for one takes time linear in the line.
   */
  readonly signs: readonly string[];
  /** Where a sign is the first line of a Go crash: functions, one of which the trace below must name, the innermost first. */
  readonly frames?: readonly string[];
  /** More general failures that the same line would be taken for. */
  readonly covers?: readonly string[];
  readonly cause: string;
  /** Versions of the other program that have it. */
  readonly versions?: string;
  /** `owner/repository#number` on GitHub, where it is discussed. */
  readonly issues?: readonly string[];
  /** What to do. */
  readonly instead: string;
  /** True where running the same command by Waybill is what helps, or may help. */
  readonly rerun?: true;
}
