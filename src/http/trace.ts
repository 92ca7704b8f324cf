import type { Clock } from "../async/clock.ts";
import { WaybillError } from "../errors.ts";
import type { Report } from "../telemetry/events.ts";
import type { HttpRequest, HttpResponse, Interceptor } from "./send.ts";
import { originOf } from "./send.ts";

export interface TraceOptions {
  readonly clock: Clock;
  readonly report: Report;
}

const idHeaders = [
  "x-request-id",
  "x-amzn-requestid",
  "x-amz-request-id",
  "x-ms-request-id",
  "x-github-request-id",
  "docker-distribution-request-id",
  "cf-ray",
];

/** Reports one `http` event for each attempt, as soon as its headers or its failure are known. URLs lose their query. */
export function trace({ clock, report }: TraceOptions): Interceptor {
  return (next) => async (request) => {
    const startedAt = clock.now();
    let sentBytes = 0;
    const counted: HttpRequest = {
      ...request,
      onProgress(bytes) {
        sentBytes += bytes;
        request.onProgress?.(bytes);
      },
    };
    const event = (rest: { status?: number; error?: string; requestId?: string; protocol?: string }) => {
      const { method } = request;
      const url = withoutQuery(request.url);
      quietly(report, {
        type: "http",
        method,
        url,
        attempt: request.attempt ?? 1,
        startedAt,
        durationMs: clock.now() - startedAt,
        sentBytes,
        ...rest,
      });
    };
    try {
      const response = await next(counted);
      event({ status: response.status, ...factsOf(response) });
      return response;
    } catch (error) {
      event({ error: error instanceof WaybillError ? error.code : "internal" });
      throw error;
    }
  };
}

// Nothing that the URL parser would change but dots, which are shown as they are sent.
const plainPath = /^\/[\w.~!$&'()*+,;=:@%/-]*(?=[?#]|$)/;

/** A URL as it may be shown: without query, fragment, user and password. */
export function withoutQuery(url: string): string {
  const origin = originOf(url);
  const path = url.startsWith(origin) ? plainPath.exec(url.slice(origin.length))?.[0] : undefined;
  return origin + (path ?? new URL(url).pathname);
}

function factsOf(response: HttpResponse): { requestId?: string; protocol?: string } {
  const named = idHeaders.find((name) => response.headers.get(name) !== undefined);
  const requestId = named && response.headers.get(named);
  return {
    ...(requestId === undefined ? {} : { requestId: requestId.slice(0, 200) }),
    ...(response.protocol === undefined ? {} : { protocol: response.protocol }),
  };
}

/** An observer never fails what it observes. */
function quietly(report: Report, event: Parameters<Report>[0]): void {
  try {
    report(event);
  } catch {
    // Whoever listens has a bug; the request has none.
  }
}
