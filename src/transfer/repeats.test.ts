import { expect, test } from "vitest";
import { parseReference } from "../spec/reference.ts";
import type { WaybillEvent } from "../telemetry/events.ts";
import { createRepeats } from "./repeats.ts";

const at = parseReference("docker.io/acme/app").location;
const retry = (method: string, path: string, registry = "docker.io"): WaybillEvent => ({
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
  repeats.hear(retry("PUT", "acme/app/manifests/1"));
  repeats.hear(retry("PUT", "acme/app/manifests/1"));
  repeats.hear(retry("HEAD", "acme/app/manifests/1"));
  repeats.hear(retry("PUT", `acme/app/manifests/sha256:${"0".repeat(64)}`));
  repeats.hear(retry("POST", "acme/app/blobs/uploads/"));
  repeats.hear(retry("POST", "acme/other/blobs/uploads/"));
  repeats.hear(retry("POST", "acme/app/blobs/uploads/", "ghcr.io"));

  expect(repeats.atTarget(at)).toBe(5);
  expect(repeats.ofTag(at, "1")).toBe(2);
  expect(repeats.ofTag(at, "latest")).toBe(0);
  expect([...repeats.byRegistry]).toMatchObject([
    ["docker.io", { requests: 6, causes: new Map([["HTTP 503", 6]]) }],
    ["ghcr.io", { requests: 1, causes: new Map([["HTTP 503", 1]]) }],
  ]);
});

test("createRepeats counts how long was waited: at the same time once, and no longer than it lasted", () => {
  const repeats = createRepeats();
  const wait = (at: number, delayMs: number) =>
    repeats.hear({ ...retry("PUT", "acme/app/manifests/1"), delayMs, at } as WaybillEvent);
  wait(1000, 400);
  wait(1100, 500);
  wait(5000, 60_000);
  repeats.hear({ type: "work-done", id: "docker.io/acme/app", at: 6000 });

  expect(repeats.byRegistry.get("docker.io")?.waitedMs).toBe(600 + 1000);
});

test("createRepeats counts uploads that went on or began anew", () => {
  const repeats = createRepeats();
  const content = { id: "1", digest: "d", mediaType: "m", sizeBytes: 1, target: "docker.io/acme/app", at: 0 };
  repeats.hear({ type: "content-started", ...content });
  repeats.hear({ type: "content-again", id: "1", offsetBytes: 5, at: 1 });
  repeats.hear({ type: "content-again", id: "1", offsetBytes: 0, at: 1 });
  expect([repeats.atTarget(at), repeats.resumed]).toEqual([2, 1]);
});
