// The public names of `waybill/transfer`.
export { closureOf, toPush, type Closure, type ClosureOptions, type ClosureRoot, type Node } from "./closure.ts";
export { planPublish, type PlannedTarget } from "./plan.ts";
export { performOn, type PerformOptions } from "./perform.ts";
export { run, type Perform, type RunOptions, type StepOutcome, type StepResult } from "./run.ts";
export type { CheckStep, Plan, StageStep, Step, TagStep } from "./step.ts";
export { lookAt, publish, type Looked, type PublishOptions, type PublishTarget, type TargetResult } from "./publish.ts";
export { parseReferrersPolicy, type ReferrersPolicy } from "./referrers.ts";
