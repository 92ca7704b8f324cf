import type { ReferrersOptions } from "../content/store.ts";
import { hasCode, inContext, WaybillError } from "../errors.ts";
import { drain, readBody } from "../http/body.ts";
import type { HttpResponse } from "../http/send.ts";
import type { Descriptor } from "../spec/descriptor.ts";
import { algorithmOf, hexOf, type Digest } from "../spec/digest.ts";
import { maxManifestBytes, parseManifest } from "../spec/manifest.ts";
import { essence, isIndexType } from "../spec/media-type.ts";
import { ask, contextOf, nameOfRepository, type Access } from "./access.ts";
import { getManifest } from "./manifests.ts";
import { problemOf, readProblem } from "./problem.ts";
import { nextPage, type PagePlace } from "./tags.ts";

const maxPages = 100;
/** Of all pages of one list together. */
const maxListBytes = 32 * 1024 * 1024;

/**
 * The manifests that name `subject`: from the referrers API, or from the fallback tag where the registry lacks the API, which
 * is found out once per registry. The whole list is asked for and filtered here, so that one answer serves every type.
 *
 * @throws WaybillError `too_large` beyond 100 pages or 32 MiB; a list is never cut short.
 * Spec: distribution-spec v1.1.1, "Listing Referrers", "Unavailable Referrers API".
 */
export async function listReferrers(
  access: Access,
  subject: Digest,
  options: ReferrersOptions = {},
): Promise<readonly Descriptor[]> {
  const all = (await fromApi(access, subject, options)) ?? (await fromTag(access, subject, options));
  const { artifactType } = options;
  const once = [...new Map(all.map((descriptor) => [descriptor.digest, descriptor])).values()];
  return artifactType === undefined ? once : once.filter((descriptor) => descriptor.artifactType === artifactType);
}

/** The tag under which referrers are listed without the API; its parts are cut to 32 and 64 characters. */
export function referrersTag(subject: Digest): string {
  return `${algorithmOf(subject).slice(0, 32)}-${hexOf(subject).slice(0, 64)}`;
}

async function fromApi(access: Access, subject: Digest, options: ReferrersOptions): Promise<Descriptor[] | undefined> {
  const { quirks } = access;
  if (quirks.referrersApi === "absent") return undefined;
  const found: Descriptor[] = [];
  let place: PagePlace | undefined = { path: `referrers/${subject}` };
  let leftBytes = maxListBytes;
  const visited = new Set<string>();
  for (let page = 0; place !== undefined && !visited.has(place.path); page++) {
    if (page === maxPages) throw tooLong(access);
    visited.add(place.path);
    const response = await get(access, place, options);
    if (response.status !== 200) return page === 0 ? await judge(access, response) : await fail(access, response);
    const listed = await pageOf(access, response, Math.min(maxManifestBytes, leftBytes)).catch((error: unknown) => {
      throw inContext(error, contextOf(access), `${cannotList(access)}: `);
    });
    if (!listed) return learnAbsent(access);
    leftBytes -= listed.sizeBytes;
    found.push(...listed.descriptors);
    place = nextPage(access, response);
  }
  quirks.referrersApi = "present";
  return found;
}

function tooLong(access: Access): WaybillError {
  return new WaybillError("too_large", `${cannotList(access)}: more than ${maxPages} pages`, contextOf(access));
}

function cannotList(access: Access): string {
  return `Cannot list referrers in "${nameOfRepository(access)}"`;
}

function get(access: Access, place: PagePlace, { signal, attempts }: ReferrersOptions): Promise<HttpResponse> {
  const headers = { accept: "application/vnd.oci.image.index.v1+json", "accept-encoding": "identity" };
  const limits = { signal, ...(attempts !== undefined && { attempts }) };
  return ask(access, { method: "GET", ...place, operation: "list", headers, ...limits });
}

/** What an answer other than 200 says about the API. `undefined`: look at the fallback tag. */
async function judge(access: Access, response: HttpResponse): Promise<undefined> {
  const { status } = response;
  // A registry that has the API but not the repository says so by a code; it is no proof of anything.
  const isUnclear = status === 400 || status === 403 || status === 406;
  if (status !== 404 && status !== 405 && status !== 501 && !isUnclear) return fail(access, response);
  const { codes } = await readProblem(response);
  if (!isUnclear && !codes.includes("NAME_UNKNOWN") && access.quirks.referrersApi === "unknown") learnAbsent(access);
  return undefined;
}

async function fail(access: Access, response: HttpResponse): Promise<never> {
  throw await problemOf(access, response, "Cannot list referrers in");
}

function learnAbsent({ quirks }: Access): undefined {
  quirks.referrersApi = "absent";
}

interface Page {
  readonly descriptors: readonly Descriptor[];
  readonly sizeBytes: number;
}

/** The entries of a page; `undefined` where it is no index: some servers answer 200 with a page of their own to every path. */
async function pageOf(access: Access, response: HttpResponse, maxBytes: number): Promise<Page | undefined> {
  if (!isIndexType(essence(response.headers.get("content-type") ?? ""))) {
    await drain(response);
    return undefined;
  }
  const bytes = await readBody(response, maxBytes);
  const limit = access.maxDescriptors === undefined ? {} : { maxDescriptors: access.maxDescriptors };
  const { document } = parseManifest(bytes, { mediaType: "application/vnd.oci.image.index.v1+json", ...limit });
  return document.kind === "index" ? { descriptors: document.manifests, sizeBytes: bytes.byteLength } : undefined;
}

async function fromTag(access: Access, subject: Digest, options: ReferrersOptions): Promise<readonly Descriptor[]> {
  try {
    const { document } = await getManifest(access, referrersTag(subject), options);
    return document.kind === "index" ? document.manifests : [];
  } catch (error) {
    if (hasCode(error, "not_found")) return [];
    throw hasCode(error, "auth_denied") ? untold(access, error) : error;
  }
}

/** Some registries answer 403 for a tag that is not there: nobody can tell whether there are referrers. */
function untold(access: Access, error: WaybillError): WaybillError {
  const advice = "Signatures and attestations are listed under that tag: with --referrers none nobody looks for them";
  const message = `${cannotList(access)}: ${error.message}`;
  return new WaybillError(error.code, message, { ...error.context, advice }, { cause: error });
}
