/** What a target that fails may mean for the others. */
export const onErrorPolicies = ["abort", "keep-going"] as const;
/** What a tag that cannot be written may mean for those that were. */
export const onTagErrorPolicies = ["finish", "rollback"] as const;
/** What may be asked for before tags are written, from nothing to all. */
export const verifyPolicies = ["ack", "manifests", "full"] as const;
/** In what order targets may be published to. */
export const strategies = ["parallel", "serial"] as const;

/** How targets depend on each other, and what counts as proof. */
export interface PublishPolicy {
  /**
   * `abort`: no tag is written anywhere before every target is staged; one that cannot be staged ends them all.
   * `keep-going`: each target for itself.
   */
  readonly onError: (typeof onErrorPolicies)[number];
  /**
   * When a tag cannot be written. `finish` (default): the other targets get theirs. `rollback`: what was moved is put back, at
   * all targets or, with `keep-going`, at that one; tags that are new, and so cannot be put back, are written last.
   */
  readonly onTagError?: (typeof onTagErrorPolicies)[number];
  /** What is asked for before tags are written. Default: `ack` for one target, `manifests` for several. */
  readonly verify?: (typeof verifyPolicies)[number];
  /** With `rollback`: take new tags away again where the target is known to take nothing else with them. Default: they stay. */
  readonly deleteCreatedTags?: boolean;
  /** Never move a tag that names something else. */
  readonly noClobber?: boolean;
  /** Something was demanded of what tags name: each is asked for once more before it is written. Implied by `noClobber`. */
  readonly compare?: boolean;
  /** `parallel` (default): all at the same time. `serial`: one target after the other, in the given order, one blob at a time. */
  readonly strategy?: (typeof strategies)[number];
}
