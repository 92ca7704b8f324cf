import { shortDigest } from "../../spec/digest.ts";
import type { EventOf } from "../../telemetry/events.ts";
import { formatBytes } from "../units.ts";
import type { Row } from "./board.ts";

/** `retry 2 in 1.2s: PATCH https://…: 503`. */
export function retryText(event: EventOf<"retry">): string {
  return `retry ${event.attempt} in ${(event.delayMs / 1000).toFixed(1)}s: ${event.method} ${event.url}: ${event.why}`;
}

/** `sending sha256:9f2c…41be on from 8.00 MB`. */
export function againText({ id, offsetBytes }: EventOf<"content-again">, row: Row): string {
  const digest = shortDigest(row.blobs.get(id)?.digest ?? "");
  return offsetBytes === 0 ? `sending ${digest} anew` : `sending ${digest} on from ${formatBytes(offsetBytes)}`;
}
