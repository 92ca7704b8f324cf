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
    const controller = new AbortController();
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

async function board<V>(flight: Flight<V>, signal: AbortSignal | undefined, abandon: () => void): Promise<V> {
  if (!signal) return flight.result;
  const left = Symbol("left");
  let leave: () => void = () => undefined;
  const leaving = new Promise<typeof left>((resolve) => {
    leave = () => resolve(left);
  });
  signal.addEventListener("abort", leave, { once: true });
  try {
    const first = await Promise.race([flight.result, leaving]);
    if (first !== left) return first;
  } finally {
    signal.removeEventListener("abort", leave);
  }
  flight.passengers -= 1;
  if (flight.passengers === 0) await end(flight, signal, abandon);
  throw signal.reason;
}

async function end<V>(flight: Flight<V>, signal: AbortSignal, abandon: () => void): Promise<void> {
  abandon();
  flight.controller.abort(signal.reason);
  await flight.result.then(
    () => undefined,
    () => undefined,
  );
}
