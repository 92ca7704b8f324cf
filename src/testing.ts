// The public names of `waybill/testing`: what the tests of a program that publishes images need, without a socket.
export { createMemoryStorage } from "./server/memory-storage.ts";
export { createRegistry, type RegistryOptions } from "./server/registry.ts";
export { faulty, type Fault, type FaultRule } from "./server/faults.ts";
export { intercept, type HttpRequest, type HttpResponse, type Interceptor, type Send } from "./http/send.ts";
export { createRecorder, type Recorded, type Recorder } from "./http/record.ts";
