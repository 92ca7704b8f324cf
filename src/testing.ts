// The public names of `waybill/testing`: what the tests of a program that publishes images need, without a socket.
export { createMemoryStorage } from "./server/memory-storage.ts";
export { createRegistry, type RegistryOptions } from "./server/registry.ts";
export type { Fault } from "./server/fault.ts";
export { faulty, type FaultRoute, type FaultRule } from "./server/faults.ts";
export { intercept, type HttpRequest, type HttpResponse, type Interceptor, type Send } from "./http/send.ts";
export { createRecorder, type Recorded, type Recorder } from "./http/record.ts";
