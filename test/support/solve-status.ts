// `SolveStatus` of moby/buildkit, client/graph.go, as JSON schema, and what its readers (progressui) take for granted.
import { Ajv } from "ajv";

const time = { type: "string", pattern: "^\\d{4}-\\d{2}-\\d{2}T\\d{2}:\\d{2}:\\d{2}(\\.\\d+)?Z$" };
const digest = { type: "string", pattern: "^sha256:[0-9a-f]{64}$" };
const base64 = { type: "string", pattern: "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$" };
const count = { type: "integer" };

function object(properties: Readonly<Record<string, object>>, required: readonly string[]): object {
  return { type: "object", additionalProperties: false, required, properties };
}

const vertex = object(
  {
    digest,
    inputs: { type: "array", items: digest },
    name: { type: "string" },
    started: time,
    completed: time,
    cached: { type: "boolean" },
    error: { type: "string" },
  },
  ["digest", "name"],
);
const status = object(
  {
    id: { type: "string", minLength: 1 },
    vertex: digest,
    name: { type: "string" },
    total: count,
    current: count,
    timestamp: time,
    started: time,
    completed: time,
  },
  ["id", "vertex", "current", "timestamp", "started"],
);
const log = object({ vertex: digest, stream: count, data: base64, timestamp: time }, ["vertex", "data", "timestamp"]);
const warning = object({ vertex: digest, level: count, short: base64, url: { type: "string" } }, ["vertex", "short"]);

const list = (items: object) => ({ type: "array", items });

const validate = new Ajv().compile(
  object({ vertexes: list(vertex), statuses: list(status), logs: list(log), warnings: list(warning) }, []),
);

interface SolveStatus {
  readonly vertexes?: readonly { readonly digest: string; readonly started?: string }[];
  readonly statuses?: readonly { readonly vertex: string; readonly current: number; readonly total?: number }[];
  readonly logs?: readonly { readonly vertex: string }[];
  readonly warnings?: readonly { readonly vertex: string }[];
}

/** What is wrong with `lines` for a reader of buildkit's status, as sentences. */
export function faultsOfSolveStatus(lines: readonly string[]): readonly string[] {
  const known = new Set<string>();
  return lines.flatMap((line) => {
    const document = JSON.parse(line) as SolveStatus;
    if (!validate(document))
      return validate.errors!.map(({ instancePath, message }) => `${line}: ${instancePath} ${message ?? ""}`);
    for (const { digest: named, started } of document.vertexes ?? []) if (started) known.add(named);
    const { statuses = [], logs = [], warnings = [] } = document;
    // Readers pass over what belongs to no vertex that has started.
    const lost = [...statuses, ...logs, ...warnings].filter(({ vertex: of }) => !known.has(of));
    const beyond = statuses.filter(({ current, total }) => current < 0 || (total !== undefined && current > total));
    return [...lost.map(() => `${line}: of no known vertex`), ...beyond.map(() => `${line}: more than all`)];
  });
}
