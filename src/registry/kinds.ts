import type { HttpResponse } from "../http/send.ts";
import { originOf } from "../http/url.ts";
import type { RegistryAccess } from "./access.ts";

/** A kind of registry of which it was tried what deleting a tag does, and how its answers tell it from others. */
export interface Kind {
  /** As the table in docs/registries.md, "Does deleting a tag leave the image?", calls it. */
  readonly name: string;
  /** What its `Server` header says. */
  readonly server: RegExp;
  /** Deleting a tag leaves the manifest and its other tags. */
  readonly deletesTagsAlone: boolean;
}

/**
 * Only what somebody has tried, with a test to show it; of all others it is not known what they would take away. A test holds
 * this list to docs/registries.md.
 */
export const kinds: readonly Kind[] = [{ name: "the embedded one", server: /^waybill$/, deletesTagsAlone: true }];

/** Takes down what an answer of the registry itself, not of a place that it led us to, says of its kind. */
export function noteKind(access: RegistryAccess, { url, headers }: HttpResponse): void {
  const server = headers.get("server");
  if (server === undefined || originOf(url) !== originOf(access.baseUrl)) return;
  access.quirks.kind = kinds.find((kind) => kind.server.test(server));
}
