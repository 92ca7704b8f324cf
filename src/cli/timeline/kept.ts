import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import * as v from "valibot";
import { lastTimeMs } from "../../async/clock.ts";
import { WaybillError } from "../../errors.ts";
import { issueOf } from "../../spec/descriptor.ts";
import { parseJson } from "../../spec/json.ts";
import { filmPath, type KeptFilm } from "./keep.ts";

const maxBytes = 128 * 1024 * 1024;

const number = v.pipe(v.number(), v.finite());
// With a time that `Date` cannot tell the page could not be written.
const time = v.pipe(number, v.minValue(-lastTimeMs), v.maxValue(lastTimeMs));
const label = v.pipe(v.string(), v.maxLength(65_536));
const mark = v.object({ name: label, at: time });
const eventSchema = v.variant("type", [
  v.looseObject({
    type: v.literal("task-started"),
    id: label,
    phase: label,
    at: time,
    parent: orNothing(label),
    part: orNothing(label),
    target: orNothing(label),
    digest: orNothing(label),
    sizeBytes: orNothing(number),
    tags: orNothing(v.array(label)),
  }),
  v.looseObject({
    type: v.literal("task-done"),
    id: label,
    at: time,
    outcome: orNothing(label),
    digest: orNothing(label),
    error: orNothing(v.object({ code: label, message: label })),
  }),
  v.looseObject({ type: v.literal("retry"), at: time }),
  v.looseObject({
    type: v.literal("http"),
    id: label,
    method: label,
    url: label,
    task: orNothing(label),
    after: orNothing(label),
    registry: orNothing(label),
    operation: orNothing(label),
    status: orNothing(number),
    error: orNothing(label),
    requestId: orNothing(label),
    inFlight: orNothing(number),
    attempt: number,
    startedAt: time,
    durationMs: v.pipe(number, v.minValue(0)),
    sentBytes: number,
    receivedBytes: number,
    marks: v.array(mark),
  }),
]);
const filmSchema = v.object({ title: label, events: v.array(eventSchema), dropped: number });

/** What need not be there, and is passed over where it is not as it should be. */
function orNothing<T extends v.GenericSchema>(schema: T) {
  return v.fallback(v.optional(schema), undefined);
}

/** Reads it again; `undefined` where the run has kept none, or not the whole. @throws WaybillError `io_failed` where it is none. */
export async function readFilm(runFolder: string): Promise<KeptFilm | undefined> {
  const path = filmPath(runFolder);
  const packed = await readFile(path).catch(() => undefined);
  if (!packed) return undefined;
  const bytes = await promisify(gunzip)(packed, { maxOutputLength: maxBytes }).catch(() => undefined);
  if (!bytes) return undefined;
  const film = v.safeParse(filmSchema, parseJson(bytes, { maxBytes, what: `"${path}"` }));
  if (film.success) return film.output as unknown as KeptFilm;
  throw new WaybillError("io_failed", `Cannot read "${path}": ${issueOf(film.issues)}`);
}
