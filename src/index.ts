// The library's public names, listed one by one. test/public-api.test.ts holds the list.
export { WaybillError, hasCode, isRetryable, type ErrorCode, type ErrorContext, type Sent } from "./errors.ts";
export { systemClock, type Clock, type Random } from "./async/clock.ts";
export type { Report, WaybillEvent } from "./telemetry/events.ts";
export { digestOf, isDigest, parseDigest, type Digest, type DigestAlgorithm } from "./spec/digest.ts";
export { parseDescriptor, type Descriptor } from "./spec/descriptor.ts";
export {
  parseManifest,
  childrenOf,
  type ImageManifest,
  type Index,
  type Manifest,
  type ManifestOptions,
} from "./spec/manifest.ts";
export { mediaTypes } from "./spec/media-type.ts";
export { formatPlatform, normalizePlatform, parsePlatform, platformMatches, type Platform } from "./spec/platform.ts";
export { formatReference, parseReference, type Location, type Reference } from "./spec/reference.ts";
export { display } from "./spec/display.ts";
export type {
  Bytes,
  CallOptions,
  Content,
  FetchOptions,
  PushBlobOptions,
  PushManifestOptions,
  PullQuota,
  PushOutcome,
  ReferrersOptions,
  Replayable,
  Source,
  Store,
  KnownOptions,
  TaggedOptions,
  Target,
  TargetFacts,
} from "./content/store.ts";
export { createMemoryStore, type MemoryStore, type Shelf } from "./content/memory.ts";
export { openContext, type Access, type Context, type ContextOptions, type OpenContext } from "./verbs/context.ts";
export type { StoresOptions } from "./stores.ts";
export type { RegistryLimit } from "./registry/limits.ts";
export { create, type CreateRequest, type CreateResult } from "./verbs/create.ts";
export { resume } from "./verbs/resume.ts";
export {
  planRollback,
  rollback,
  type RollbackOptions,
  type RollbackTag,
  type RollbackTarget,
} from "./verbs/rollback.ts";
export { journalRecorder, type JournalOptions } from "./transfer/journal.ts";
export { listRuns, readRun } from "./transfer/runs.ts";
export type { RecordedRun } from "./transfer/recorded-run.ts";
export { parsePublication, publicationId, type Publication, type PublicationTarget } from "./transfer/publication.ts";
export type { Earlier, Ending, Held, Recorder, Recording, Witness } from "./transfer/recording.ts";
export {
  reportOf,
  type ErrorReport,
  type PublishReport,
  type ReportTimes,
  type TagReport,
  type TargetReport,
} from "./transfer/report.ts";
export type { Repeated, Repeats } from "./transfer/repeats.ts";
export { parseReport, type KeptReport } from "./transfer/report-reader.ts";
export { inspect, type InspectContext, type InspectRequest } from "./verbs/inspect.ts";
export type { SourceFile } from "./image/gather.ts";
export type { TagResult, TagState, TargetResult } from "./transfer/result.ts";
export type { PreflightResult } from "./transfer/look.ts";
