import { describe, test } from "vitest";
import { findDockerRegistry, startDockerRegistry } from "./docker-registry.ts";
import { dockerRegistryDifferences } from "./expected-differences.ts";
import { conformanceSuite } from "./suite.ts";

const binary = await findDockerRegistry(process.env["PATH"] ?? "");

if (binary !== undefined)
  conformanceSuite("docker-registry 2.8", () => startDockerRegistry(binary), dockerRegistryDifferences);
else {
  describe("docker-registry 2.8", () => {
    test.skip("skipped: no docker-registry on PATH (Debian: apt install docker-registry)", () => undefined);
  });
}
