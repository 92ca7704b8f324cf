import type { CallOptions, KnownOptions, TaggedOptions } from "../content/store.ts";
import { hasCode } from "../errors.ts";
import { drain } from "../http/body.ts";
import type { HttpHeaders } from "../http/send.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { isDigest, type Digest } from "../spec/digest.ts";
import { essence, isManifestType } from "../spec/media-type.ts";
import type { Access } from "./access.ts";
import { announcedDigest, sizeIn } from "./announced.ts";
import { codingOf } from "./content-encoding.ts";
import {
  getManifest,
  rawManifest,
  requestManifest,
  requireName,
  settleContent,
  shown,
  type Limits,
} from "./manifests.ts";
import { problemOf } from "./problem.ts";

/**
 * What `name` stands for. One HEAD; a GET where HEAD is not allowed, or lacks digest, type or size, or is refused: only a
 * GET's answer says why.
 *
 * @throws WaybillError `not_found`, `auth_denied` and what `getManifest` throws.
 */
export async function resolveManifest(access: Access, name: string, options: CallOptions = {}): Promise<Descriptor> {
  const told = await describedByHead(access, name, options);
  if (told && isManifestType(told.mediaType)) return told;
  const { mediaType, digest, size } = (await getManifest(access, name, options)).descriptor;
  return { mediaType, digest, size };
}

/** What one HEAD tells of `name`; `undefined` where it is not allowed, or does not tell all. */
async function describedByHead(access: Access, name: string, options: Limits): Promise<Descriptor | undefined> {
  const response = await requestManifest(access, "HEAD", requireName(name), options);
  const { status, headers } = response;
  if (![200, 403, 405, 501].includes(status)) {
    throw await problemOf(access, response, `Cannot find ${shown(name)} in`);
  }
  await drain(response);
  return status === 200 ? describedBy(headers, name) : undefined;
}

/** The descriptor in a HEAD's headers, where they are complete and speak of the content itself. */
function describedBy(headers: HttpHeaders, name: string): Descriptor | undefined {
  const digest = announcedDigest(headers);
  const mediaType = essence(headers.get("content-type") ?? "");
  const size = sizeIn(headers);
  const isPage = mediaType === "" || mediaType === "text/html";
  if (!digest || size === undefined || size === 0 || isPage || codingOf(headers)) return undefined;
  return isDigest(name) && name !== digest ? undefined : { mediaType, digest, size };
}

/**
 * What a tag names now; `undefined` where it names nothing, and where the registry does not say: some answer 403 for what
 * does not exist, and the write that follows tells the difference.
 *
 * It need not be a manifest that is understood here, to be replaced by one: its media type is as the registry has it, and so is its digest.
 *
 * @throws WaybillError `auth_denied` where it does not say and the caller must know.
 */
export async function taggedManifest(
  access: Access,
  tag: string,
  options: TaggedOptions = {},
): Promise<Descriptor | undefined> {
  const find = async () => (await describedByHead(access, tag, options)) ?? describedByGet(access, tag, options);
  return find().catch((error: unknown) => absence(error, options));
}

/** The descriptor of whatever a GET answers with. The announced digest counts, also where the bytes have another. */
async function describedByGet(access: Access, name: string, options: Limits): Promise<Descriptor> {
  const { raw, headers } = await rawManifest(access, name, options);
  const mediaType = essence(headers.get("content-type") ?? "application/octet-stream");
  try {
    const { bytes, digest } = settleContent(access, raw, { headers, name, pinned: undefined });
    return { mediaType, digest, size: bytes.byteLength };
  } catch (error) {
    const digest = announcedDigest(headers);
    if (digest === undefined || !hasCode(error, "digest_mismatch")) throw error;
    return { mediaType, digest, size: raw.byteLength };
  }
}

/** @throws `error` where it does not mean that there is nothing */
function absence(error: unknown, { mustKnow }: KnownOptions): undefined {
  if (hasCode(error, "not_found") || (hasCode(error, "auth_denied") && !mustKnow)) return undefined;
  throw error;
}

/** Whether a manifest is there, by its digest. @throws WaybillError `auth_denied` where the caller must know and is not told */
export async function hasManifest(access: Access, digest: Digest, options: KnownOptions = {}): Promise<boolean> {
  const found = await resolveManifest(access, digest, options).catch((error: unknown) => absence(error, options));
  return found?.digest === digest;
}
