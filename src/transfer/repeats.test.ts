import { expect, test } from "vitest";
import { parseReference } from "../spec/reference.ts";
import type { RetryEvent } from "../telemetry/retry.ts";
import { createRepeats } from "./repeats.ts";

const at = parseReference("docker.io/acme/app").location;
const retry = (method: string, path: string, registry = "docker.io"): RetryEvent => ({
  type: "retry",
  method,
  url: `https://registry-1.docker.io/v2/${path}`,
  registry,
  attempt: 1,
  delayMs: 1,
  why: "HTTP 503",
  at: 0,
});

test("createRepeats counts what was sent again, by target and by tag", () => {
  const repeats = createRepeats();
  repeats.hear({ ...retry("PUT", "acme/app/manifests/1"), tags: ["1"] });
  repeats.hear({ ...retry("PUT", `acme/app/manifests/sha256:${"0".repeat(64)}`), tags: ["1", "2"] });
  repeats.hear(retry("HEAD", "acme/app/manifests/1"));
  repeats.hear(retry("PUT", `acme/app/manifests/sha256:${"0".repeat(64)}`));
  repeats.hear(retry("POST", "acme/app/blobs/uploads/"));
  repeats.hear(retry("POST", "acme/other/blobs/uploads/"));
  repeats.hear(retry("POST", "acme/app/blobs/uploads/", "ghcr.io"));

  expect(repeats.atTarget(at)).toBe(5);
  expect(repeats.ofTag(at, "1")).toBe(2);
  expect(repeats.ofTag(at, "2")).toBe(1);
  expect(repeats.ofTag(at, "latest")).toBe(0);
  expect([...repeats.byRegistry]).toMatchObject([
    ["docker.io", { requests: 6, causes: new Map([["HTTP 503", 6]]) }],
    ["ghcr.io", { requests: 1, causes: new Map([["HTTP 503", 1]]) }],
  ]);
});

test("createRepeats counts how long was waited: at the same time once, and no longer than it lasted", () => {
  const repeats = createRepeats();
  const wait = (at: number, delayMs: number) => repeats.hear({ ...retry("PUT", "acme/app/manifests/1"), delayMs, at });
  wait(1000, 400);
  wait(1100, 500);
  wait(5000, 60_000);
  repeats.hear({ type: "work-done", id: "docker.io/acme/app", at: 6000 });

  expect(repeats.byRegistry.get("docker.io")?.waitedMs).toBe(600 + 1000);
});

test("createRepeats counts an upload once that a retry and what follows it tell of", () => {
  const repeats = createRepeats();
  const content = { digest: "d", mediaType: "m", sizeBytes: 9, target: "docker.io/acme/app", at: 0 };
  const upload = { ...retry("PUT", "acme/app/blobs/uploads/1"), task: "one" };
  const again = (id: string) => repeats.hear({ type: "content-again", id, task: id, offsetBytes: 5, at: 1 });
  for (const id of ["one", "two"]) repeats.hear({ type: "content-started", id, ...content });

  repeats.hear(upload);
  again("one");
  again("two");
  expect([repeats.atTarget(at), repeats.resumed]).toEqual([2, 2]);

  again("one");
  repeats.hear({ ...retry("POST", "acme/app/blobs/uploads/"), task: "one" });
  again("one");
  expect(repeats.atTarget(at)).toBe(5);
});

test("createRepeats counts for its target what goes to an upload elsewhere", () => {
  const repeats = createRepeats();
  const elsewhere = { ...retry("PUT", ""), url: "https://registry-1.docker.io/uploads/1" };
  repeats.hear({ ...elsewhere, target: "docker.io/acme/app" });
  repeats.hear(elsewhere);
  expect([repeats.atTarget(at), repeats.byRegistry.get("docker.io")?.requests]).toEqual([1, 2]);
});

test("createRepeats counts uploads that went on or began anew", () => {
  const repeats = createRepeats();
  const content = { id: "1", digest: "d", mediaType: "m", sizeBytes: 1, target: "docker.io/acme/app", at: 0 };
  repeats.hear({ type: "content-started", ...content });
  repeats.hear({ type: "content-again", id: "1", offsetBytes: 5, at: 1 });
  repeats.hear({ type: "content-again", id: "1", offsetBytes: 0, at: 1 });
  expect([repeats.atTarget(at), repeats.resumed]).toEqual([2, 1]);
});
