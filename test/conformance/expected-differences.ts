import type { Differences } from "./suite.ts";

const noReferrers = "it implements distribution-spec 1.0, which has no referrers API";
const noPaging = "it lists all tags whatever n and last say";
const noOrder = "it ignores Content-Range and appends whatever comes";
const noResume =
  "a location names the offset it was given out at, and is 404 BLOB_UPLOAD_INVALID once the upload has other bytes";

/** Debian's `docker-registry` 2.8: what it does otherwise, as seen on version 2.8.2+ds1. */
export const dockerRegistryDifferences: Differences = {
  "a range outside the blob is 416": "its 416 announces a body of the blob's length and breaks off before it",
  "a range that ends before it begins is 416": "its 416 announces a body of the blob's length and breaks off before it",
  "a manifest's address that is neither tag nor digest is 400 or 404":
    "it takes `sha256:bad…` for a tag and fails with 500",
  "a manifest whose address is no digest is 400 or 404": "it takes `sha256:bad…` for a tag and fails with 500",
  "a manifest is answered with the type it was pushed with, whatever is asked for":
    "an OCI type must be named in Accept: `*/*` is 404 MANIFEST_UNKNOWN",
  "a single POST stores a blob": "it opens an upload instead, as the spec allows",
  "a single POST with another digest is 400 and stores nothing": "it opens an upload instead, as the spec allows",
  "a chunk out of order is 416 and the session goes on where it was": noOrder,
  "a first chunk that does not begin at 0 is 416": noOrder,
  "a closing PUT with a chunk out of order is 416 and the session goes on": noOrder,
  "a 416 tells where to go on": noOrder,
  "bytes of a PATCH that broke off are kept": noResume,
  "bytes of a PUT that broke off are kept": noResume,
  "an upload that nobody opened is 404": "its code is BLOB_UPLOAD_INVALID where the location's state is missing",
  "a mount without a source finds the blob wherever it is":
    "it mounts only from a named repository, as the spec allows",
  "a layer of another kind whose bytes lie elsewhere may be missing":
    "without a list of allowed URLs in its configuration it fails with 500",
  "a manifest above 4 MiB is 413": "it answers 400 MANIFEST_INVALID",
  "a manifest may be named by sha512": "it stores manifests by sha256 only",
  "a push by digest gives all tags of its query, and says so in OCI-Tag":
    "the parameter is younger than distribution-spec 1.1; it is ignored",
  "a tag moves only from where If-Match says it is": "it does not look at conditions of a PUT",
  "tags are listed in order": { sometimes: "it lists them as the file system does" },
  "n limits the list, and Link leads through all of it": noPaging,
  "last begins the list after it, with and without n": noPaging,
  "last need not be a tag that is there": noPaging,
  "n = 0 gives an empty list without Link": noPaging,
  "an n that is no number is 400": noPaging,
  "a repository without tags has an empty list": "it knows a repository only once it has a tag",
  "a manifest without referrers has an empty index of them": noReferrers,
  "referrers of what is no digest are 400": noReferrers,
  "a manifest with a subject is answered with OCI-Subject": noReferrers,
  "a subject that is not there yet is taken, and found afterwards": noReferrers,
  "referrers are listed with type, size, annotations": noReferrers,
  "a referrer without artifactType is listed with its config's type, an index without any": noReferrers,
  "a filter is applied and said to be": noReferrers,
  "a deleted referrer is listed no more": noReferrers,
  "a referrer counts in its own repository only": noReferrers,
  "a deleted tag is gone; its manifest and its other tags stay": "it deletes by digest only: 400 DIGEST_INVALID",
  "what is not there cannot be deleted: 404": "it deletes by digest only: 400 DIGEST_INVALID",
};
