#!/usr/bin/env node
// The entry point. What docker and scripts ask often is answered here, before anything else is loaded.
import process from "node:process";
import { invocationOf, pluginMetadata } from "./plugin.ts";
import { version } from "./version.ts";

const invocation = invocationOf(process.argv);

if (invocation.wants === "metadata") {
  process.stdout.write(pluginMetadata(version));
} else if (invocation.wants === "version") {
  process.stdout.write(`waybill ${version}\n`);
} else {
  const { start } = await import("./start.ts");
  await start(invocation, version);
}
