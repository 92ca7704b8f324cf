import type { CredentialEnvironment } from "../../registry/credentials/environment.ts";
import type { TelemetryHealth } from "../../telemetry/health.ts";
import type { ContextOptions } from "../context.ts";
import type { Check } from "./check.ts";
import { authorities } from "./machine/authorities.ts";
import { builder } from "./machine/builder.ts";
import { config } from "./machine/config.ts";
import { helpers } from "./machine/helpers.ts";
import { proxy } from "./machine/proxy.ts";
import { telemetry } from "./machine/telemetry.ts";
import { versions } from "./machine/versions.ts";

/** What runs us. */
export interface Runtime {
  readonly waybill: string;
  /** Without a `v`. */
  readonly node: string;
  readonly platform: string;
}

/** This machine, as far as it matters to publishing. */
export interface Machine {
  readonly runtime: Runtime;
  readonly environment: CredentialEnvironment;
  readonly options: ContextOptions;
  /** The registries that are looked at. */
  readonly hosts: readonly string[];
  /** Sends one span where the environment says; absent where that cannot be done. */
  readonly trySpan?: (() => Promise<TelemetryHealth>) | undefined;
}

/** In the order in which they are told. */
export const machineChecks: readonly Check<Machine>[] = [
  versions,
  config,
  helpers,
  builder,
  proxy,
  authorities,
  telemetry,
];
