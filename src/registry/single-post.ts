import { hasCode } from "../errors.ts";
import { drain } from "../http/body.ts";
import { isPassingStatus } from "../http/retry-policy.ts";
import type { HttpResponse, RequestBody } from "../http/send.ts";
import { ask } from "./access.ts";
import { heldBytes, singlePostPath, type UploadPlace } from "./upload-location.ts";
import { opened } from "./upload-open.ts";
import { cancelSession, carrying, provesDigest, refusal, type Session } from "./upload-requests.ts";
import type { UploadAnswer } from "./upload-events.ts";

/** What came of it; a `place` belongs to whoever gets it. */
export interface Posted {
  readonly answer: UploadAnswer;
  readonly place?: UploadPlace;
}

/**
 * Sends a whole blob with the request that else would open an upload. A registry that does not take that should open one all the
 * same: then the answer is `opened`. Whatever else it says that is final is `declined`.
 *
 * @throws what `Send` throws where no answer came.
 * Spec: distribution-spec v1.1.1, "Single POST".
 */
export async function postBlob(session: Omit<Session, "place">, body: RequestBody | Uint8Array): Promise<Posted> {
  const { access, blob } = session;
  const response = await ask(access, {
    method: "POST",
    path: singlePostPath(blob.digest),
    headers: { "content-type": "application/octet-stream" },
    body,
    ...carrying(session),
  });
  const { status, headers } = response;
  if (status === 202) return openedInstead(session, response);
  if (isPassingStatus(status)) return { answer: passingAnswer(await refusal(session, response)) };
  await drain(response);
  if (status >= 300) return { answer: { type: "declined" } };
  return { answer: { type: status === 201 && provesDigest(headers, blob.digest) ? "proved" : "unproved" } };
}

/** What else an error answer may say speaks of an upload, and there is none. */
function passingAnswer(answer: UploadAnswer): UploadAnswer {
  return answer.type === "broken" || answer.type === "refused" ? answer : { type: "declined" };
}

/** A session that holds bytes already is not the fresh one that it should be: it is given up. */
async function openedInstead({ access, signal }: Omit<Session, "place">, response: HttpResponse): Promise<Posted> {
  const opening = await opened(access, response).catch(unusable);
  if (!opening) return { answer: { type: "declined" } };
  const { place, leastBytes } = opening;
  if (!heldBytes(response.headers.get("range"))) return { answer: { type: "opened", leastBytes }, place };
  await cancelSession({ access, place }, signal);
  return { answer: { type: "declined" } };
}

/** A session that nobody can find is none. */
function unusable(error: unknown): undefined {
  if (!hasCode(error, "rejected")) throw error;
  return undefined;
}
