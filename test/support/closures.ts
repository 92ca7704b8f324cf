import { digestOf, type Digest } from "../../src/spec/digest.ts";
import type { Storage } from "../../src/server/storage.ts";

interface Document {
  readonly config?: { readonly digest: Digest };
  readonly layers?: readonly { readonly digest: Digest }[];
  readonly manifests?: readonly { readonly digest: Digest }[];
}

/** What below the manifest a repository lacks, or holds with other bytes. Reads every byte. */
export async function missingBelow(storage: Storage, repository: string, digest: Digest): Promise<readonly string[]> {
  if (!storage.catalogue.manifest(repository, digest)) return [`manifest ${digest}`];
  const bytes = await bytesOf(storage, digest);
  if (!bytes || digestOf(bytes) !== digest) return [`bytes of manifest ${digest}`];
  const { config, layers = [], manifests = [] } = JSON.parse(bytes.toString()) as Document;
  const blobs = [...(config ? [config] : []), ...layers];
  const below = [
    ...blobs.map((blob) => missingBlob(storage, repository, blob.digest)),
    ...manifests.map((child) => missingBelow(storage, repository, child.digest)),
  ];
  return (await Promise.all(below)).flat();
}

async function missingBlob(storage: Storage, repository: string, digest: Digest): Promise<readonly string[]> {
  if (storage.catalogue.blob(repository, digest) === undefined) return [`blob ${digest}`];
  const bytes = await bytesOf(storage, digest);
  return bytes && digestOf(bytes) === digest ? [] : [`bytes of blob ${digest}`];
}

async function bytesOf(storage: Storage, digest: Digest): Promise<Buffer | undefined> {
  const content = await storage.content(digest);
  if (!content) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of content.open(0, content.sizeBytes)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** A sentence for each tag that names something that is not whole, or that is none of `roots`. */
export async function wrongTags(storage: Storage, roots?: readonly Digest[]): Promise<readonly string[]> {
  const { catalogue } = storage;
  const found: string[] = [];
  for (const repository of catalogue.repositories()) {
    for (const tag of catalogue.tags(repository) ?? []) {
      const digest = catalogue.tagged(repository, tag)!;
      const missing = await missingBelow(storage, repository, digest);
      if (missing.length > 0) found.push(`${repository}:${tag} lacks ${missing.join(", ")}`);
      const isList = tag.startsWith("sha256-");
      if (!isList && roots && !roots.includes(digest)) found.push(`${repository}:${tag} names ${digest}`);
    }
  }
  return found;
}
