import { sharedWork } from "../async/shared-work.ts";
import type { PushBlobOptions, PushOutcome, Replayable } from "../content/store.ts";
import { WaybillError } from "../errors.ts";
import { bodyOf } from "../http/body.ts";
import type { RequestBody, RequestHistory } from "../http/send.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import type { Digest } from "../spec/digest.ts";
import { contextOf, inTask, locationOf, nameOfRepository, type Access } from "./access.ts";
import { presenceGuess, type PresenceGuess } from "./presence-guess.ts";
import { smallBlobs, type SmallBlobs, type Turn } from "./small-blobs.ts";
import { sourceReader, type SourceReader } from "./source-reader.ts";
import { placeOf, type UploadPlace } from "./upload-location.ts";
import { postBlob } from "./single-post.ts";
import { hasCandidates, openUpload } from "./upload-open.ts";
import { askStatus, cancelSession, sendPiece, unanswered, verifyBlob, type Session } from "./upload-requests.ts";
import type { UploadAnswer, UploadCommand, UploadStep } from "./upload-events.ts";
import { Unusable } from "./upload-steps.ts";
import { waitToGoOn, type Waiting } from "./upload-wait.ts";
import { beginUpload, continueUpload, postUpload, stepUpload } from "./upload-state.ts";

/** Pushes blobs to one repository: one upload per digest at a time. */
export interface Uploads {
  /**
   * As `Target.pushBlob`. Whoever asks for a digest that is on its way waits for it, and is told that it existed; where it was given up
   * by the one who sends it, the next sends it.
   */
  push(blob: Descriptor, body: Replayable, options?: PushBlobOptions): Promise<PushOutcome>;
}

/** Empty; learns as it goes whether blobs tend to be there. */
export function openUploads(access: Access): Uploads {
  const share = sharedWork<string, PushOutcome>();
  const guess = presenceGuess();
  const small = smallBlobs(access, guess);
  const seen = new Set<Digest>();
  return {
    async push(blob, body, options = {}) {
      const { signal = access.signal } = options;
      let outcome: PushOutcome = "existed";
      const key = options.distrustPresence ? `${blob.digest} again` : blob.digest;
      const work = async () => {
        const ended = signal ?? new AbortController().signal;
        const job = { access: inTask(access, options), blob, body, options, guess, small, seen, signal: ended };
        outcome = await upload(job);
        seen.add(blob.digest);
        return outcome;
      };
      await share(key, work, signal);
      return outcome;
    },
  };
}

interface Job {
  readonly access: Access;
  readonly blob: Descriptor;
  readonly body: Replayable;
  readonly options: PushBlobOptions;
  readonly guess: PresenceGuess;
  readonly small: SmallBlobs;
  /** Blobs that are known to be there. */
  readonly seen: ReadonlySet<Digest>;
  readonly signal: AbortSignal;
}

/** A job under way. */
interface Run extends Job {
  readonly reader: SourceReader;
  readonly turn: Turn | undefined;
  place: UploadPlace | undefined;
  /** Of the last request that the upload could not do without. */
  method: Waiting["method"];
  /** Of the piece that is under way: what is sent because it did not get through follows it. */
  history: RequestHistory;
  /** The last piece got no answer. */
  isUnanswered: boolean;
  /** The place that whoever wants to resume was told last. */
  told: string | undefined;
}

/** No more than what is held of a body anyway for a reader that is slower than the wire. */
const wholePieceBytes = 256 * 1024;
/** A smaller blob is sent again sooner than its session is asked where it stands. */
const worthResumingBytes = 256 * 1024;

/** Whether a blob may go whole with the request that else would open an upload. */
function mayGoWhole({ access, blob, options, seen }: Job): boolean {
  const { quirks, chunkSizeBytes } = access;
  if (quirks.singlePost === "declines" || chunkSizeBytes !== undefined || options.resume !== undefined) return false;
  const mostBytes = Math.min(wholePieceBytes, quirks.maxChunkBytes ?? Number.POSITIVE_INFINITY);
  if (blob.size === 0 || blob.size > mostBytes) return false;
  return !options.distrustPresence && !options.mayBeThere && !seen.has(blob.digest) && !hasCandidates(access, options);
}

/** Lets the state machine decide and does what it says, until it has come to an end. */
async function upload(job: Job): Promise<PushOutcome> {
  const reader = sourceReader(job.body, job.blob.size, job.signal);
  let turn: Turn | undefined;
  try {
    if (mayGoWhole(job)) turn = await job.small.turn(job.signal, () => void readAhead(reader));
    return await uploadFrom(reader, job, turn);
  } finally {
    turn?.[Symbol.dispose]();
    await reader[Symbol.asyncDispose]();
  }
}

/** Starts the source. Its failure comes out when the piece is read, so that a blob that is present needs no source. */
function readAhead(reader: SourceReader): Promise<void> {
  return reader.prime(0).catch(() => undefined);
}

async function uploadFrom(reader: SourceReader, job: Job, turn: Turn | undefined): Promise<PushOutcome> {
  const { access, options } = job;
  const place = options.resume === undefined ? undefined : placeOf(access, options.resume);
  const fresh = { method: "POST", history: { sent: 0 }, isUnanswered: false } as const;
  const run: Run = { reader, place, turn, ...fresh, told: options.resume, ...job };
  const begin = place ? continueUpload : turn?.goesWhole ? postUpload : beginUpload;
  let [state, command]: UploadStep = begin(job.blob.size, access.chunkSizeBytes ?? access.quirks.maxChunkBytes);
  while (command) {
    const { epoch } = command;
    const answer = await carryOut(run, command);
    tellSession(run);
    [state, command] = stepUpload(state, { epoch, ...answer });
    if (answer.type === "too-large" && state.at === "sending") learnChunk(access, state.facts.chunkBytes);
    if (command && command.run !== "release" && job.signal.aborted) {
      [state, command] = stepUpload(state, { type: "cancel", error: job.signal.reason });
    }
  }
  if (!isTakenOver(run)) run.place = undefined;
  tellSession(run);
  if (state.at === "committed") return state.outcome;
  throw state.at === "failed" ? named(state.error, job) : new TypeError(`The upload stopped while ${state.at}`);
}

function named(error: unknown, { access, blob }: Job): unknown {
  if (!(error instanceof Unusable)) return error;
  const message = error.message.replace("blob:", `blob ${blob.digest} to "${nameOfRepository(access)}":`);
  return new WaybillError(error.code, message, { ...error.context, ...contextOf(access) });
}

/** Tells where the upload lives, to whoever would go on with it after us. What they throw is dropped. */
function tellSession(run: Run): void {
  const { options, blob, place } = run;
  if (blob.size < worthResumingBytes || run.told === place?.url) return;
  run.told = place?.url;
  try {
    options.onSession?.(run.told);
  } catch {
    // Whoever listens has a bug; the upload has none.
  }
}

/** A cancelled upload that somebody means to resume stays open. */
function isTakenOver({ options, blob, signal, place }: Run): boolean {
  return place !== undefined && options.onSession !== undefined && blob.size >= worthResumingBytes && signal.aborted;
}

function learnChunk({ quirks }: Access, chunkBytes: number | undefined): void {
  quirks.maxChunkBytes = Math.min(
    quirks.maxChunkBytes ?? Number.POSITIVE_INFINITY,
    chunkBytes ?? Number.POSITIVE_INFINITY,
  );
}

/** One command, one answer. Never throws. */
async function carryOut(run: Run, command: UploadCommand): Promise<UploadAnswer> {
  try {
    switch (command.run) {
      case "open":
        return await open(run);
      case "post":
        return await post(run);
      case "send":
        return await send(run, command);
      case "ask":
        run.method = "GET";
        return await withPlace(run, askStatus(sessionOf(run)));
      case "verify":
        return await verifyBlob(run);
      case "wait":
        await waitToGoOn(run, command);
        return { type: "elapsed" };
      default:
        if (run.place && !isTakenOver(run)) await cancelSession({ access: run.access, place: run.place }, run.signal);
        return { type: "released" };
    }
  } catch (error) {
    if (run.reader.failure?.error === error || command.run === "open") return { type: "refused", error };
    return unanswered(run.access, error, command.run === "send" || command.run === "post" ? "content" : "nothing");
  }
}

/** Opens the session. Where blobs tend to be absent the source starts at the same time, which saves a trip. */
async function open(run: Run): Promise<UploadAnswer> {
  const { access, blob, options, signal, guess, small } = run;
  const isEarly = guess.isAbsent && blob.size > 0;
  const ahead = isEarly ? readAhead(run.reader) : undefined;
  const opening = await openUpload(access, blob, { ...options, signal });
  guess.saw(opening.is === "present");
  small.look();
  run.place = opening.place;
  if (opening.is === "present") {
    return { type: "present", outcome: opening.outcome, holdsSession: opening.place !== undefined };
  }
  await ahead;
  return { type: "opened", leastBytes: opening.leastBytes };
}

/** Sends the blob without a session. */
async function post(run: Run): Promise<UploadAnswer> {
  const { access, blob, signal, options, history, turn } = run;
  let met: Parameters<Turn["tell"]>[0] = "nothing";
  try {
    const body = await pieceOf(run.reader, 0, blob.size);
    const { onProgress } = options;
    const session = { access, blob, signal, history, ...(onProgress && { onProgress }) };
    const { answer, place } = await postBlob(session, body);
    run.place = place;
    if (answer.type === "opened" || answer.type === "declined") met = "declined";
    if (answer.type === "proved") met = "taken";
    return answer;
  } finally {
    turn?.tell(met);
  }
}

async function send(run: Run, command: Extract<UploadCommand, { run: "send" }>): Promise<UploadAnswer> {
  const { offset, length, closing } = command;
  run.method = closing ? "PUT" : "PATCH";
  const body = await pieceOf(run.reader, offset, length);
  try {
    const piece = { offset, length, closing, body };
    const answer = await withPlace(
      run,
      sendPiece({ history: run.history, isFresh: run.isUnanswered, ...sessionOf(run) }, piece),
    );
    run.isUnanswered = false;
    if (answer.type === "accepted") run.history = { sent: 0 };
    return answer;
  } catch (error) {
    run.isUnanswered = true;
    // However the wire wrapped it: a source that failed is not the target's failure.
    throw run.reader.failure ? run.reader.failure.error : error;
  }
}

/** A small piece is read whole: then it is verified before any of it leaves, and goes out in one write. */
async function pieceOf(reader: SourceReader, offset: number, length: number): Promise<RequestBody | Uint8Array> {
  if (length === 0) return new Uint8Array();
  if (length <= wholePieceBytes) return bodyOf(await reader.chunks(offset, length), length);
  await reader.prime(offset);
  return { sizeBytes: length, open: () => reader.read(offset, length) };
}

async function withPlace(run: Run, sending: ReturnType<typeof sendPiece>): Promise<UploadAnswer> {
  const { answer, place } = await sending;
  run.place = place;
  return answer;
}

function sessionOf({ access, blob, place, options, signal }: Run): Session {
  if (!place) throw new TypeError(`No upload is open in ${locationOf(access).repository}`);
  return { access, blob, place, signal, ...(options.onProgress && { onProgress: options.onProgress }) };
}
