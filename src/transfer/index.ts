// The public names of `waybill/transfer`.
export { closureOf, type Closure, type ClosureOptions, type ClosureRoot, type Node } from "./closure.ts";
export { planPublish, type PlannedTarget } from "./plan.ts";
export type { PlanOptions } from "./plan-tags.ts";
export { performOn, type PerformOptions } from "./perform.ts";
export { run, type Perform, type RunOptions, type StepOutcome, type StepResult } from "./run.ts";
export type {
  BarrierStep,
  CheckStep,
  CompareStep,
  ConfirmStep,
  Plan,
  StageStep,
  Step,
  TagStep,
  TargetStep,
  VerifyStep,
} from "./step.ts";
export { lookAt, type Found, type LookOptions, type Looked, type PreflightResult, type PublishTarget } from "./look.ts";
export type { Late } from "./late.ts";
export { preflight, type PreflightOptions } from "./preflight.ts";
export type { PublishPolicy } from "./policy.ts";
export { publish, type PublishOptions } from "./publish.ts";
export type { TagResult, TagState, TargetResult } from "./result.ts";
export { parseReferrersPolicy, type ReferrersPolicy } from "./referrers.ts";
