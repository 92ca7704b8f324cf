import { findDockerRegistry, startDockerRegistry } from "./docker-registry.ts";
import { dockerRegistryDifferences } from "./expected-differences.ts";
import { conformanceSuite } from "./suite.ts";

const binary = await findDockerRegistry(process.env["PATH"] ?? "");
const open = binary === undefined ? undefined : () => startDockerRegistry(binary);
const why = binary === undefined ? " (skipped: none on PATH; Debian: apt install docker-registry)" : "";

conformanceSuite(`docker-registry 2.8${why}`, open, dockerRegistryDifferences);
