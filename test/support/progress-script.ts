import type { WaybillEvent } from "../../src/telemetry/events.ts";

const image = "application/vnd.oci.image.layer.v1.tar+gzip";
const small = `sha256:${"a".repeat(64)}`;
const large = `sha256:${"b".repeat(64)}`;
const root = `sha256:${"c".repeat(64)}`;

/** A run towards two targets, the second of which fails: what each renderer is tried with. */
export const script: readonly WaybillEvent[] = [
  { type: "work-started", id: "a", name: "pushing one.example/app", target: "one.example/app", at: 1000 },
  { type: "work-log", id: "a", message: `copying ${small} from one.example/app to one.example/app`, at: 1000 },
  { type: "work-started", id: "b", name: "pushing two.example/app", target: "two.example/app", at: 1100 },
  {
    type: "content-started",
    id: "1",
    digest: small,
    mediaType: image,
    sizeBytes: 500,
    target: "one.example/app",
    at: 1200,
  },
  {
    type: "content-done",
    id: "1",
    digest: small,
    target: "one.example/app",
    outcome: "mounted",
    sizeBytes: 500,
    at: 1300,
  },
  {
    type: "content-started",
    id: "2",
    digest: large,
    mediaType: image,
    sizeBytes: 4_000_000,
    target: "two.example/app",
    at: 1300,
  },
  { type: "content-progress", id: "2", bytes: 1_000_000, at: 1400 },
  {
    type: "retry",
    method: "PATCH",
    url: "https://two.example/v2/app/blobs/uploads/1",
    attempt: 2,
    delayMs: 1200,
    why: "503",
    at: 1500,
  },
  { type: "content-progress", id: "2", bytes: 3_500_000, at: 7000 },
  {
    type: "content-done",
    id: "2",
    digest: large,
    target: "two.example/app",
    outcome: "sent",
    sizeBytes: 4_000_000,
    at: 7100,
  },
  { type: "warning", message: "this repository is \u001b[31mold", source: "two.example", at: 7100 },
  { type: "tag-done", target: "one.example/app", tag: "1.0", digest: root, state: "created", at: 7200 },
  { type: "work-done", id: "a", at: 7200 },
  { type: "work-done", id: "b", at: 12_000, error: "Cannot push manifest: denied" },
];
