export { createRegistry, type RegistryOptions } from "./registry.ts";
export type { Access, RegistryAuth, Verdict } from "./access.ts";
export { Catalogue, type Change, type StoredManifest } from "./catalogue.ts";
export { createMemoryStorage } from "./memory-storage.ts";
export type { Draft, DraftInfo, Storage, StoredContent } from "./storage.ts";
export { faulty, type Fault, type FaultRule } from "./faults.ts";
export { serve, type RunningServer, type ServeOptions } from "./node.ts";
