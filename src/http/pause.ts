import { sleep, type Clock } from "../async/clock.ts";
import type { EventOf, Report } from "../telemetry/events.ts";
import type { HttpRequest } from "./send.ts";
import { shownUrl } from "./url.ts";

type Retry = EventOf<"retry">;

/** What failed: `target` as in its news. */
export type Failed = Pick<HttpRequest, "method" | "url" | "ledBy" | "registry" | "tags" | "task" | "signal"> &
  Pick<Retry, "target">;

/**
 * Waits for `delayMs` before what failed is tried again, with the news that it will be.
 *
 * @throws the signal's reason, as soon as it aborts
 */
export function pause(
  { method, url, ledBy, registry, target, tags, task, signal }: Failed,
  wait: Pick<Retry, "attempt" | "delayMs" | "why" | "cause">,
  { clock, report }: { readonly clock: Clock; readonly report: Report },
): Promise<void> {
  report({
    type: "retry",
    method,
    url: shownUrl({ url, ledBy }),
    ...(registry !== undefined && { registry }),
    ...(target !== undefined && { target }),
    ...(tags && { tags }),
    ...(task !== undefined && { task }),
    ...wait,
    at: clock.now(),
  });
  return sleep(clock, wait.delayMs, signal);
}
