import * as fc from "fast-check";
import { expect, test } from "vitest";
import { WaybillError } from "../errors.ts";
import { isRepository } from "../spec/reference.ts";
import { parsePath } from "./route.ts";

const word = fc.constantFrom("a", "b1", "manifests", "blobs", "uploads", "tags", "list", "referrers", "v2");
const repository = fc.array(word, { minLength: 1, maxLength: 5 }).map((words) => words.join("/"));

test("parsePath finds the repository's name however many words of the API it holds", () => {
  fc.assert(
    fc.property(repository, (name) => {
      expect(parsePath(`/v2/${name}/manifests/latest`)).toEqual({
        kind: "manifest",
        repository: name,
        reference: "latest",
      });
      expect(parsePath(`/v2/${name}/blobs/sha256:ab`)).toEqual({ kind: "blob", repository: name, digest: "sha256:ab" });
      expect(parsePath(`/v2/${name}/blobs/uploads/`)).toEqual({ kind: "uploads", repository: name });
      expect(parsePath(`/v2/${name}/blobs/uploads/12`)).toEqual({ kind: "upload", repository: name, id: "12" });
      expect(parsePath(`/v2/${name}/tags/list`)).toEqual({ kind: "tags", repository: name });
      expect(parsePath(`/v2/${name}/referrers/sha256:ab`)).toEqual({
        kind: "referrers",
        repository: name,
        digest: "sha256:ab",
      });
    }),
  );
});

test("parsePath reads escaped paths as it reads plain ones", () => {
  expect(parsePath("/v2/a/blobs/sha256%3Aab")).toEqual({ kind: "blob", repository: "a", digest: "sha256:ab" });
});

test("parsePath gives a route with a valid name, nothing, or a refusal", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(word, fc.string()), { maxLength: 8 }), (words) => {
      try {
        const route = parsePath(`/v2/${words.join("/")}`);
        if (route && "repository" in route) expect(isRepository(route.repository)).toBe(true);
      } catch (error) {
        expect((error as WaybillError).context.registryCode).toBe("NAME_INVALID");
      }
    }),
  );
});

test("parsePath takes no name that leads out of its folder", () => {
  for (const name of ["..", "a/../b", "%2e%2e/a", "a/%2e%2e", "a%00b", "A", "a//b", "-a"]) {
    expect(() => parsePath(`/v2/${name}/manifests/latest`)).toThrow(WaybillError);
  }
});
