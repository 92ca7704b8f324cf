import process from "node:process";
import type { ExporterThread, ThreadEvents } from "./exporter-link.ts";
import type { ExportOrder, FromExporter, ToExporter } from "./protocol.ts";

/** What the exporting thread may take of the machine, in MiB. */
const limits = { maxOldGenerationSizeMb: 48, maxYoungGenerationSizeMb: 2 };

/**
 * Starts the thread that exports. `file` is its program. It shares nothing with us: it has neither our environment nor our
 * output, and its end, whatever brings it about, is an event here and nothing more.
 */
export function startThread(file: string, order: ExportOrder, { onMessage, onFailure }: ThreadEvents): ExporterThread {
  // Loaded no sooner than it is used, at the end of most runs.
  const { Worker } = process.getBuiltinModule("node:worker_threads");
  const options = { workerData: order, resourceLimits: limits, env: {}, execArgv: [], stdout: true, stderr: true };
  const worker = new Worker(file, options);
  worker.on("message", (message: FromExporter) => onMessage(message));
  worker.on("messageerror", () => onFailure("its thread said something that cannot be understood"));
  worker.on("error", (error) => onFailure(`its thread has failed: ${error.message}`));
  worker.on("exit", (code) => onFailure(`its thread has ended (${code})`));
  // The job alone decides how long the process lives.
  worker.unref();
  return {
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin.
    post: (message: ToExporter) => worker.postMessage(message),
    stop: () => void worker.terminate(),
  };
}
