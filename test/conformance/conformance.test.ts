import { createMemoryStorage } from "../../src/server/index.ts";
import { inProcess, onDisk, served } from "./subjects.ts";
import { conformanceSuite } from "./suite.ts";

conformanceSuite("our registry in memory", async () => inProcess(createMemoryStorage()));
conformanceSuite("our registry on disk", onDisk);
conformanceSuite("our registry over a socket", served);
