#!/usr/bin/env node
// The entry point. What docker and scripts ask often is answered here, before anything else is loaded.
import { join } from "node:path";
import process from "node:process";
import { loadCompiled } from "./compiled.ts";
import type { start as Start } from "./start.ts";
import { invocationOf, pluginMetadata } from "./plugin.ts";
import { expectRun } from "./v8-habits.ts";
import { version } from "./version.ts";

/** Set by the build: it tells one `start.js` from every other. */
declare const build: string;

const invocation = invocationOf(process.argv);

if (invocation.wants === "metadata") {
  answer(pluginMetadata(version));
} else if (invocation.wants === "version") {
  answer(`waybill ${version}\n`);
} else {
  const { exports, keep } = loadCompiled(join(import.meta.dirname, "start.js"), build);
  const { start } = exports as { readonly start: typeof Start };
  void start(invocation, version, keep);
  setImmediate(expectRun, "short");
}

/** Whoever reads us may have left, which is no failure. */
function answer(text: string): void {
  process.stdout.on("error", ({ code = "unknown reason" }: NodeJS.ErrnoException) => {
    if (code === "EPIPE") return;
    process.stderr.write(`ERROR: Cannot write to standard output: ${code === "ENOSPC" ? "the disk is full" : code}\n`);
    process.exitCode = 1;
  });
  process.stdout.write(text);
}
