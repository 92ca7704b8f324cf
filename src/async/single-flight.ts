import { Controller, onAbort } from "./on-abort.ts";

export interface FlightOptions {
  readonly signal?: AbortSignal;
}

/**
 * Runs `work` unless the same key is already being worked on, and gives everybody who asked the one result.
 *
 * `signal` takes one caller out: it gets the signal's reason, the others are not disturbed. When the last caller has left,
 * the work's own signal aborts, and that last caller waits until the work has ended. Results are not kept.
 */
export type SingleFlight<K, V> = (
  key: K,
  work: (signal: AbortSignal) => Promise<V>,
  options?: FlightOptions,
) => Promise<V>;

interface Flight<V> {
  readonly controller: AbortController;
  readonly result: Promise<V>;
  passengers: number;
}

/** Makes an empty `SingleFlight`; keys are compared as `Map` does. */
export function singleFlight<K, V>(): SingleFlight<K, V> {
  const flights = new Map<K, Flight<V>>();

  function start(key: K, work: (signal: AbortSignal) => Promise<V>): Flight<V> {
    const controller = new Controller();
    const result = (async () => work(controller.signal))();
    const flight: Flight<V> = { controller, result, passengers: 0 };
    flights.set(key, flight);
    const land = () => {
      if (flights.get(key) === flight) flights.delete(key);
    };
    result.then(land, land);
    return flight;
  }

  return async (key, work, options = {}) => {
    options.signal?.throwIfAborted();
    const flight = flights.get(key) ?? start(key, work);
    flight.passengers += 1;
    return board(flight, options.signal, () => {
      if (flights.get(key) === flight) flights.delete(key);
    });
  };
}

/** One caller's share of a flight. `abandon` is called when it was the last that left. */
function board<V>(flight: Flight<V>, signal: AbortSignal | undefined, abandon: () => void): Promise<V> {
  if (!signal) return flight.result;
  return new Promise((resolve, reject) => {
    let hasLeft = false;
    const leave = () => reject(signal.reason as Error);
    const stay = onAbort(signal, () => {
      hasLeft = true;
      flight.passengers -= 1;
      if (flight.passengers > 0) return leave();
      abandon();
      flight.controller.abort(signal.reason);
    });
    const arrive = (tell: () => void) => {
      stay();
      if (hasLeft) leave();
      else tell();
    };
    flight.result.then(
      (value) => arrive(() => resolve(value)),
      (error: unknown) => arrive(() => reject(error)),
    );
  });
}
