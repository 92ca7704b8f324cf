import type { HttpRequest, HttpResponse, Interceptor } from "./send.ts";

/** One exchange that went through a recorder. */
export interface Recorded {
  readonly request: HttpRequest;
  readonly status?: number;
  /** How many exchanges had to end before this one could begin, itself included. */
  readonly trip: number;
}

/** What went over the wire. For tests and benchmarks. */
export interface Recorder {
  readonly interceptor: Interceptor;
  readonly exchanges: readonly Recorded[];
  /** Paths with query, of one method or of all, in the order in which they were sent. */
  seen(method?: string): readonly string[];
  /** The longest chain of exchanges that began only after another had answered: what latency is paid for. */
  readonly trips: number;
}

/** Makes a recorder that has seen nothing. */
export function createRecorder(): Recorder {
  const exchanges: { request: HttpRequest; status?: number; trip: number }[] = [];
  let answered = 0;

  const interceptor: Interceptor = (next) => async (request) => {
    const exchange: (typeof exchanges)[number] = { request, trip: answered + 1 };
    exchanges.push(exchange);
    try {
      const response: HttpResponse = await next(request);
      exchange.status = response.status;
      return response;
    } finally {
      answered = Math.max(answered, exchange.trip);
    }
  };

  return {
    interceptor,
    exchanges,
    seen(method) {
      const wanted = exchanges.filter(({ request }) => method === undefined || request.method === method);
      return wanted.map(({ request }) => pathOf(request.url));
    },
    get trips() {
      return exchanges.reduce((longest, { trip }) => Math.max(longest, trip), 0);
    },
  };
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url);
  return pathname + search;
}
