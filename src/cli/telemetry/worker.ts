// The thread that exports: whatever goes wrong here, the job does not hear of it.
import { parentPort, workerData } from "node:worker_threads";
import { openExporting } from "./otel/exporting.ts";
import type { ExportOrder, FromExporter, ToExporter } from "./protocol.ts";

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin.
const tell = (message: FromExporter) => parentPort?.postMessage(message);
const exporting = openExporting(workerData as ExportOrder, tell);
let handled: Promise<unknown> = exporting;

parentPort?.on("message", (message: ToExporter) => {
  // What is taken in may be waiting for room: this is to end that.
  if (message.type === "hurry") void exporting.then((opened) => opened.hurry(message.until));
  else handled = handled.then(() => handle(message));
});

async function handle(message: Exclude<ToExporter, { type: "hurry" }>): Promise<void> {
  const opened = await exporting;
  if (message.type === "news") {
    await opened.take(message.events);
    tell({ type: "taken" });
  } else {
    tell({ type: "done", health: await opened.finish(message.until, message.lost) });
  }
}
