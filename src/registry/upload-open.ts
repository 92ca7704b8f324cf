import { openScope } from "../async/scope.ts";
import type { PushBlobOptions } from "../content/store.ts";
import { drain } from "../http/body.ts";
import { speaksOfLoad } from "../http/retry-policy.ts";
import type { HttpResponse } from "../http/send.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { isRepository, type Location } from "../spec/reference.ts";
import { hasCode, WaybillError } from "../errors.ts";
import { ask, contextOf, locationOf, nameOfRepository, type Access } from "./access.ts";
import { hasBlob } from "./blobs.ts";
import { withRepositoryAdvice } from "./missing-repository.ts";
import { problemOf } from "./problem.ts";
import { mountPath, placeFrom, uploadsPath, type UploadPlace } from "./upload-location.ts";
import { provesDigest } from "./upload-requests.ts";

/** From here on a blob that is present shall never be sent again, even if that costs a HEAD. */
const largeBytes = 1024 * 1024;

/** From here on sending a blob costs more than asking for some time to have it mounted. */
const costlyBytes = 64 * 1024 * 1024;

/** What opening an upload came to. Whoever gets a `place` owns the session there. */
export type Opening =
  | Opened
  | { readonly is: "present"; readonly outcome: "existed" | "mounted"; readonly place?: UploadPlace };

/** A session that is open. */
export interface Opened {
  readonly is: "opened";
  readonly place: UploadPlace;
  readonly leastBytes: number;
}

type RegistryLocation = Location & { readonly kind: "registry" };
type Options = Pick<PushBlobOptions, "mountFrom" | "distrustPresence" | "signal">;

/**
 * Opens an upload in a way that is an existence check at the same time: by asking to mount the blob from another repository
 * of the registry, or else from this one. The answer is the blob's presence, or a session.
 *
 * Large blobs are asked for by HEAD alongside, until the registry was seen to honour a mount from the same repository; all
 * blobs where it was seen to decline one.
 * Spec: distribution-spec v1.1.1, "Mounting a blob from another repository".
 */
export async function openUpload(access: Access, blob: Descriptor, options: Options): Promise<Opening> {
  if (options.distrustPresence) return postPlain(access, blob, options.signal);
  const candidates = (options.mountFrom ?? []).filter((from) => isMountable(access, from));
  const other = candidates.length > 0 ? await firstAllowed(access, candidates) : undefined;
  const isSelf = other === undefined;
  const from = other ?? (access.quirks.selfMount === "refuses" ? undefined : access.repository);
  const open = () =>
    from === undefined ? postPlain(access, blob, options.signal) : post(access, blob, { from, ...options });
  const isAlongside = from === undefined || isAskedAlongside(access, blob);
  const [opening, isThere] = isAlongside ? await openAndAsk(access, blob, options, open) : [await open(), undefined];
  if (opening.is === "present") return opening;
  const asks = !isAlongside && !isSelf && blob.size >= largeBytes;
  if (!(asks ? await isPresent(access, blob, options.signal) : isThere)) return opening;
  if (isSelf && from !== undefined && access.quirks.selfMount === "unknown") access.quirks.selfMount = "declines";
  return { is: "present", outcome: "existed", place: opening.place };
}

/** Opens by `open`, and asks for the blob by HEAD at the same time. */
async function openAndAsk(
  access: Access,
  blob: Descriptor,
  { signal }: Options,
  open: () => Promise<Opening>,
): Promise<readonly [Opening, boolean | undefined]> {
  await using scope = openScope({ signal });
  const head = scope.spawn((own) => isPresent(access, blob, own));
  const opening = await open();
  return [opening, opening.is === "present" ? undefined : await head];
}

/** The opening does not depend on this answer: its failure means "not known". */
async function isPresent(access: Access, blob: Descriptor, signal?: AbortSignal): Promise<boolean | undefined> {
  return hasBlob(access, blob, { signal }).catch(() => undefined);
}

/** Whether the mount alone might leave us ignorant of a blob that should not be sent again. */
function isAskedAlongside({ quirks }: Access, blob: Descriptor): boolean {
  if (quirks.selfMount === "declines") return true;
  return quirks.selfMount !== "honours" && blob.size >= largeBytes;
}

/** Whether some repository of the registry may have the blob: then a mount may spare sending it. */
export function hasCandidates(access: Access, { mountFrom = [] }: Pick<PushBlobOptions, "mountFrom">): boolean {
  return mountFrom.some((from) => isMountable(access, from));
}

function isMountable(access: Access, from: Location): from is RegistryLocation {
  if (from.kind !== "registry" || from.host !== access.host || from.repository === access.repository) return false;
  return isRepository(from.repository);
}

/** The first repository that may be mounted from with the same credentials. */
async function firstAllowed(access: Access, candidates: readonly RegistryLocation[]): Promise<string | undefined> {
  const here = locationOf(access);
  for (const from of candidates) {
    if (!access.mayMount || (await access.mayMount(from, here))) return from.repository;
  }
  return undefined;
}

async function post(access: Access, blob: Descriptor, options: Options & { readonly from: string }): Promise<Opening> {
  const { from, signal } = options;
  const isSelf = from === access.repository;
  const request = { method: "POST", operation: "upload-open", rights: "pull,push" } as const;
  const asking = ask(access, {
    ...request,
    path: mountPath(blob.digest, from),
    ...(!isSelf && { mountFrom: from }),
    isOptional: isSelf || blob.size < costlyBytes,
    signal,
  });
  const response = isSelf ? await asking : await asking.catch(unlessDenied);
  if (response === undefined) return postPlain(access, blob, signal);
  if (response.status === 202) return opened(access, response);
  if (response.status === 201) return mounted(access, blob, { response, isSelf, signal });
  const mayBeTheMount = !speaksOfLoad(response.status) && (!isSelf || response.status !== 401);
  if (!mayBeTheMount) throw await problemOf(access, response, `Cannot push blob ${blob.digest} to`);
  await drain(response);
  const opening = await postPlain(access, blob, signal);
  if (isSelf && access.quirks.selfMount === "unknown") access.quirks.selfMount = "refuses";
  return opening;
}

/** A token service may give none for two repositories, and one for ours alone. @throws all that is no refusal */
function unlessDenied(error: unknown): undefined {
  if (!hasCode(error, "auth_denied", "auth_required")) throw error;
}

async function mounted(
  access: Access,
  blob: Descriptor,
  about: { readonly response: HttpResponse; readonly isSelf: boolean; readonly signal?: AbortSignal },
): Promise<Opening> {
  const { response, isSelf, signal } = about;
  const isProved = provesDigest(response.headers, blob.digest);
  await drain(response);
  if (!isProved && (await hasBlob(access, blob, { signal })) !== true) return postPlain(access, blob, signal);
  if (isSelf) access.quirks.selfMount = "honours";
  return { is: "present", outcome: isSelf ? "existed" : "mounted" };
}

async function postPlain(access: Access, blob: Descriptor, signal: AbortSignal | undefined): Promise<Opening> {
  const request = {
    method: "POST",
    operation: "upload-open",
    rights: "pull,push",
    path: uploadsPath(blob.digest),
  } as const;
  const response = await ask(access, { ...request, signal });
  if (response.status === 202) return opened(access, response);
  throw withRepositoryAdvice(access, await problemOf(access, response, "Cannot open an upload in"));
}

/** The session that a 202 tells of. @throws WaybillError `rejected` where it names no usable place. */
export async function opened(access: Access, response: HttpResponse): Promise<Opened> {
  await drain(response);
  const place = placeFrom(access, response);
  const least = response.headers.get("oci-chunk-min-length") ?? "";
  if (place) return { is: "opened", place, leastBytes: /^\d{1,12}$/.test(least) ? Number(least) : 0 };
  const message = `Cannot upload to "${nameOfRepository(access)}": the registry opened an upload without naming its location`;
  throw new WaybillError("rejected", message, contextOf(access));
}
