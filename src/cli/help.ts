import { typedName } from "./typed-name.ts";
import type { Host } from "./host.ts";
import { groups } from "./route.ts";

/** `waybill --help`: what there is, how to begin, and what the exit codes mean. */
export function rootHelp(host: Pick<Host, "isPlugin">): string {
  const waybill = typedName(host);
  return `Usage: ${waybill} COMMAND

Assemble a multi-platform container image and publish it to one or many registries at once

Commands:
${rows("")}
${nested("registry")}
${nested("plugin")}
  imagetools        create and inspect under the names that docker buildx has for them

Options:
  --builder NAME    Use the registry settings of this buildx builder [$BUILDX_BUILDER]
  --config DIR      Folder of docker's config.json [$DOCKER_CONFIG]
  -D, --debug       The same as --log-level debug: each request, causes and stacks of errors
  --log-level LEVEL Least that is told: trace, debug, info, warn, error or fatal (default: warn)
  --log-format FORM text, or json: a JSON object a line (default: text)
  -h, --help        Show this help, or that of a command
  -v, --version     Show the version

Looking on:
  Traces and metrics are sent where OpenTelemetry's OTEL_* variables say (docs/telemetry.md); logs go to
  stderr (docs/logs.md); --timeline FILE draws a publish as a page (docs/telemetry.md); --progress jsonl
  tells a program what happens (docs/progress.md).

Examples:
  # Join the images of two build jobs, for two registries
  ${waybill} create -t ghcr.io/acme/app:1.4.2 -t docker.io/acme/app:1.4.2 -f build/amd64.json -f build/arm64.json

  # Promote an image, signatures and all
  ${waybill} create -t docker.io/acme/app:1.4.2 harbor.corp.example/staging/app:1.4.2-rc

  # Look at the result
  ${waybill} inspect docker.io/acme/app:1.4.2

  # Find out beforehand what would go wrong
  ${waybill} doctor ghcr.io/acme/app:1.4.2 docker.io/acme/app:1.4.2

Exit codes:
  0  done                              5  rate limit or quota
  1  failed for another reason         6  not found
  2  wrong usage                       7  a precondition does not hold
  3  failed after some tag moved       8  registry or network failing: try again
  4  authentication or permission     70  a bug in waybill
  129: ended by SIGHUP (a closed terminal); 130 and 143: interrupted by Ctrl-C or SIGTERM

Results go to stdout, everything else to stderr.
`;
}

/** Help of commands that only hold others. */
export function groupHelp(group: string, host: Host): string {
  const shown = host.isPlugin && group === "imagetools" ? "docker" : typedName(host);
  const about: Readonly<Record<string, string>> = {
    imagetools: "Commands to work on images in registry",
    registry: "The embedded registry",
    plugin: "The docker CLI plugin",
  };
  return `Usage: ${shown} ${group} COMMAND

${about[group] ?? ""}

Commands:
${rows(group)}

See ${shown} ${group} COMMAND --help
`;
}

function rows(group: string): string {
  return (groups[group] ?? []).map(({ name, summary }) => `  ${name.padEnd(18)}${summary}`).join("\n");
}

function nested(group: string): string {
  return (groups[group] ?? []).map(({ name, summary }) => `  ${`${group} ${name}`.padEnd(18)}${summary}`).join("\n");
}
