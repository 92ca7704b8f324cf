import { describe, expect, test } from "vitest";

/** A name that disappears from here breaks somebody's program: take one away only with a new major version. */
const doors: Readonly<Record<string, { open: () => Promise<object>; names: readonly string[] }>> = {
  "index.ts": {
    open: () => import("../src/index.ts"),
    names: [
      "WaybillError",
      "childrenOf",
      "create",
      "createMemoryStore",
      "digestOf",
      "display",
      "formatPlatform",
      "formatReference",
      "hasCode",
      "inspect",
      "isDigest",
      "isRetryable",
      "journalRecorder",
      "listRuns",
      "mediaTypes",
      "normalizePlatform",
      "openContext",
      "parseDescriptor",
      "parseDigest",
      "parseManifest",
      "parsePlatform",
      "parsePublication",
      "parseReference",
      "parseReport",
      "planRollback",
      "platformMatches",
      "publicationId",
      "readRun",
      "reportOf",
      "resume",
      "rollback",
      "systemClock",
    ],
  },
  "registry/index.ts": {
    open: () => import("../src/registry/index.ts"),
    names: ["Secret", "authorize", "endpoints", "mirrored", "openRegistry", "samePrincipal"],
  },
  "transfer/index.ts": {
    open: () => import("../src/transfer/index.ts"),
    names: ["closureOf", "lookAt", "parseReferrersPolicy", "performOn", "planPublish", "preflight", "publish", "run"],
  },
  "server/index.ts": {
    open: () => import("../src/server/index.ts"),
    names: [
      "Catalogue",
      "basicAuth",
      "bearerAuth",
      "createMemoryStorage",
      "createRegistry",
      "faulty",
      "openDiskStorage",
      "parseHtpasswd",
      "serve",
    ],
  },
  "testing.ts": {
    open: () => import("../src/testing.ts"),
    names: ["createMemoryStorage", "createRecorder", "createRegistry", "faulty", "intercept"],
  },
};

describe("public names", () => {
  test.each(Object.entries(doors))("src/%s exports exactly what is listed", async (_door, { open, names }) => {
    expect(Object.keys(await open()).toSorted()).toEqual(names);
  });
});
