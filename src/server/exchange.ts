import type { HttpRequest } from "../http/send.ts";
import type { Access } from "./access.ts";
import type { Sessions } from "./sessions.ts";
import type { Storage } from "./storage.ts";

/** `RegistryOptions` with every default filled in. */
export interface Settings {
  readonly multiTag: boolean;
  readonly referrers: boolean;
  readonly mounts: boolean;
  readonly singlePost: boolean;
  readonly readOnly: boolean;
  readonly deletes: boolean;
  readonly immutableTags: boolean;
  readonly childManifests: "required" | "optional";
  readonly chunkMinLength: number | undefined;
  readonly maxRequestBytes: number;
  readonly maxPage: number;
}

/** One request on its way through a handler. */
export interface Exchange {
  readonly request: HttpRequest;
  readonly query: URLSearchParams;
  readonly principal: string;
  readonly storage: Storage;
  readonly sessions: Sessions;
  readonly settings: Settings;
  /** Whether whoever asks may also do this. */
  may(access: Access): Promise<boolean>;
}
