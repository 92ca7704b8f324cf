import { Controller, follow } from "../async/on-abort.ts";
import { crowded } from "../async/scope.ts";
import type { Clock, Random } from "../async/clock.ts";
import { eventLoopLoad, type OwnLoad } from "../async/own-load.ts";
import type { Store } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import type { Location } from "../spec/reference.ts";
import { openStores, type Stores, type StoresOptions } from "../stores.ts";
import { asCancelled } from "../transfer/cancelled.ts";
import type { Recorder } from "../transfer/recording.ts";
import { guarded, type Report } from "../telemetry/events.ts";

/** What a verb needs of the world. */
export interface Context {
  /** Opens a place; the same place gives the same store for as long as the context lives. */
  open(location: Location): Promise<Store>;
  /**
   * Tells which places a run will read and write, so that one token for each registry can serve all of it. The run disposes of
   * it at its end: the next one asks for no more than it needs itself.
   */
  announce(access: Access): Disposable;
  readonly report: Report;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts the run, with a `WaybillError`; it does, too, when the context is disposed of. */
  readonly signal: AbortSignal;
  /** Takes publishes down so that they can be resumed and undone; default: nobody does. */
  readonly recorder?: Recorder;
  /** How busy we are ourselves, from 0 to 1; default not at all. */
  readonly ownLoad?: OwnLoad;
  /** The slowest that a blob may go before its step is given up; default 128 KiB a second. */
  readonly leastBytesPerSecond?: number;
  /** Most descriptors in one manifest; default 5,000. */
  readonly maxDescriptors?: number;
}

/** The places that a run touches. */
export interface Access {
  readonly pull: readonly Location[];
  readonly push: readonly Location[];
}

/** A context over real registries and folders, with the way to the wire. Disposing closes all connections. */
export interface OpenContext
  extends Context, Pick<Stores, "send" | "bareSend" | "endpoints" | "registry" | "inspect">, AsyncDisposable {}

/** What a context is made of. Clock, chance, environment, `report` and `signal` must be given; a context outlives none of them. */
export interface ContextOptions extends StoresOptions {
  /** Aborts whatever the context is used for, which throws its reason, or `cancelled` where that is no `WaybillError`. */
  readonly signal: AbortSignal;
  /** Takes publishes down so that they can be resumed and undone; default: nobody does. */
  readonly recorder?: Recorder;
}

/**
 * Opens one over real registries and folders. The caller disposes of it, which closes all connections; a call that is still
 * under way ends then as if `signal` had aborted.
 *
 * @throws WaybillError `invalid_argument`, `invalid_config` for what the options name.
 */
export async function openContext(options: ContextOptions): Promise<OpenContext> {
  const { clock, random, maxDescriptors } = options;
  const report = guarded(options.report);
  const { ownLoad = eventLoopLoad(clock) } = options;
  const ended = new Controller();
  const signal = crowded(ended.signal);
  const stores = await openStores({ ...options, report, ownLoad, signal });
  const stay = follow(options.signal, ended, () => asCancelled(options.signal.reason, options.signal));
  return {
    ...stores,
    report,
    clock,
    random,
    signal,
    ownLoad,
    ...(maxDescriptors !== undefined && { maxDescriptors }),
    ...(options.recorder && { recorder: options.recorder }),
    async [Symbol.asyncDispose]() {
      ended.abort(new WaybillError("cancelled", "Cannot go on: the context was disposed of"));
      stay();
      await stores[Symbol.asyncDispose]();
    },
  };
}
