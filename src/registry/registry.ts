import { asReferrer } from "../content/needs.ts";
import type { CallOptions, Store, TargetFacts } from "../content/store.ts";
import { drain } from "../http/body.ts";
import type { Location } from "../spec/reference.ts";
import { isDigest, type Digest } from "../spec/digest.ts";
import { isManifestType, essence } from "../spec/media-type.ts";
import {
  accessTo,
  ask,
  besideRepositories,
  inTask,
  locationOf,
  type Access,
  type RegistryAccess,
  type RegistryOptions,
} from "./access.ts";
import { deleteBlob, fetchBlob, hasBlob } from "./blobs.ts";
import { putManifest } from "./manifest-push.ts";
import { hasManifest, resolveManifest, taggedManifest } from "./manifest-names.ts";
import { deleteManifest, deleteTag, getManifest } from "./manifests.ts";
import { refuseHtml } from "./web-page.ts";
import { probePush } from "./probe.ts";
import { problemOf } from "./problem.ts";
import { profileOf } from "./profiles.ts";
import { unknownRegistry } from "./quirks.ts";
import { fallbackTags } from "./referrers-fallback.ts";
import { listReferrers } from "./referrers.ts";
import { listRepositories, listTags } from "./tags.ts";
import { askStatus, cancelSession } from "./upload-requests.ts";
import { openUploads } from "./uploads.ts";
import { requireWireOptions } from "./wire-options.ts";

/** One registry. What is learned about it while working serves all its repositories. Holds nothing open. */
export interface Registry {
  readonly host: string;
  /** The same object for the same name. @throws WaybillError `invalid_reference` */
  repository(name: string): Repository;
  /**
   * Names of repositories, page by page, where the registry tells.
   *
   * @throws WaybillError `not_found`, `unsupported`, `auth_denied` where it does not.
   * The catalog is no part of the distribution-spec: `GET /v2/_catalog` as distribution has it.
   */
  catalog(options?: CallOptions): AsyncIterable<string>;
  /** Settles where the API answers. @throws WaybillError `not_a_registry`, `auth_required`, `not_found` and the wire's. */
  ping(options?: CallOptions): Promise<void>;
}

/** An open upload that its owner drives by hand. */
export interface UploadHandle {
  /** The registry's own string: it must come back byte for byte. */
  readonly url: string;
}

/** A repository as a store, and what the distribution API offers beyond that. */
export interface Repository extends Store {
  readonly location: Location & { readonly kind: "registry" };
  /** Tags, page by page, each once. @throws WaybillError `not_found`. Spec: distribution-spec v1.1.1, "Listing Tags". */
  tags(options?: CallOptions): AsyncIterable<string>;
  /**
   * Deletes a manifest with all its tags. What is not there counts as deleted.
   *
   * @throws WaybillError `unsupported` where the registry deletes nothing, `auth_required`, `auth_denied`.
   * Spec: distribution-spec v1.1.1, "Deleting manifests".
   */
  deleteManifest(digest: Digest, options?: CallOptions): Promise<void>;
  /**
   * Deletes a tag alone; its manifest stays. What is not there counts as deleted.
   *
   * @throws WaybillError `unsupported` where the registry deletes no tags, `auth_required`, `auth_denied`, `invalid_reference`.
   * Spec: distribution-spec v1.1.1, "Deleting tags".
   */
  deleteTag(tag: string, options?: CallOptions): Promise<void>;
  /**
   * Deletes a blob. What is not there counts as deleted.
   *
   * @throws WaybillError `unsupported` where the registry deletes no blobs, `auth_required`, `auth_denied`.
   * Spec: distribution-spec v1.1.1, "Deleting Blobs".
   */
  deleteBlob(digest: Digest, options?: CallOptions): Promise<void>;
  /** Bytes that an open upload holds; `undefined` where the registry does not say, or knows no such upload. */
  uploadStatus(upload: UploadHandle, options?: CallOptions): Promise<number | undefined>;
  /** Gives an upload up; false where the registry does not let us. Never throws. */
  cancelUpload(upload: UploadHandle): Promise<boolean>;
}

/** Opens nothing: the first request is the first that somebody needs. @throws WaybillError `invalid_argument` for `options`. */
export function openRegistry(host: string, options: RegistryOptions): Registry {
  requireWireOptions(options);
  const { baseUrl, ...rest } = options;
  const registry: RegistryAccess = { ...rest, host, baseUrl: baseUrl.replace(/\/$/, ""), quirks: unknownRegistry() };
  const repositories = new Map<string, Repository>();
  return {
    host,
    repository(name) {
      const known = repositories.get(name) ?? openRepository(accessTo(registry, name));
      repositories.set(name, known);
      return known;
    },
    catalog: (call) => listRepositories(registry, call),
    ping: (call) => ping(registry, call),
  };
}

function openRepository(access: Access): Repository {
  const uploads = openUploads(access);
  const fallback = fallbackTags(access);
  return {
    location: locationOf(access),
    facts: () => factsOf(access),
    probe: (options) => probePush(inTask(access, options), options),
    resolve: (name, options) => resolveManifest(inTask(access, options), name, options),
    manifest: (target, options) => getManifest(inTask(access, options), target, options),
    fetch: (target, options) => fetchBlob(inTask(access, options), target, options),
    referrers: (subject, options) => listReferrers(inTask(access, options), subject, options),
    async exists(target, options) {
      const own = inTask(access, options);
      if (isManifestType(essence(target.mediaType))) return hasManifest(own, target.digest, options);
      return (await hasBlob(own, target, options)) === true;
    },
    tagged: async (tag, options) => (isDigest(tag) ? undefined : taggedManifest(inTask(access, options), tag, options)),
    pushBlob: (blob, body, options) => uploads.push(blob, body, options),
    async pushManifest(manifest, options) {
      const { subjectKnown } = await putManifest(inTask(access, options), manifest, options);
      const { subject } = manifest.document;
      if (subject && !subjectKnown) await fallback.add(subject.digest, asReferrer(manifest), options);
    },
    tags: (options) => listTags(inTask(access, options), options),
    deleteManifest: (digest, options) => deleteManifest(inTask(access, options), digest, options),
    deleteTag: (tag, options) => deleteTag(inTask(access, options), tag, options),
    deleteBlob: (digest, options) => deleteBlob(inTask(access, options), digest, options),
    uploadStatus: (upload, options) => heldBy(inTask(access, options), upload, options),
    cancelUpload: (upload) => cancelSession({ access, place: upload }),
  };
}

function factsOf({ host, quirks }: Access): TargetFacts {
  const { maxManifestBytes, maxBlobBytes } = profileOf(host);
  const { pullQuota, kind } = quirks;
  return {
    maxManifestBytes,
    ...(maxBlobBytes !== undefined && { maxBlobBytes }),
    ...(kind?.deletesTagsAlone && { deletesTagsAlone: true }),
    ...(pullQuota && { pullQuota }),
  };
}

async function heldBy(access: Access, place: UploadHandle, { signal }: CallOptions = {}): Promise<number | undefined> {
  const { answer } = await askStatus({ access, place, signal });
  return answer.type === "held" ? answer.bytes : undefined;
}

async function ping(registry: RegistryAccess, options: CallOptions = {}): Promise<void> {
  const { signal } = options;
  const access = inTask(besideRepositories(registry), options);
  const request = { method: "GET", operation: "ping", scopes: [] } as const;
  const response = await ask(access, { ...request, path: `${registry.baseUrl}/v2/`, signal });
  await refuseHtml(access, response);
  if (response.status >= 300) throw await problemOf(access, response, "Cannot use");
  await drain(response);
}
