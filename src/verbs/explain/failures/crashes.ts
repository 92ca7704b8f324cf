import type { Failure } from "../failure.ts";

const nilPointer = "invalid memory address or nil pointer dereference";
const closedChannel = "panic: send on closed channel";
const mapWrites = "fatal error: concurrent map writes";
const byWaybill = "Run the same command with Waybill";

/**
 * Crashes of buildx. A trace is given to the first failure here whose sign began it and one of whose frames it names; those
 * without frames take what is left.
 */
export const crashes: readonly Failure[] = [
  {
    id: "http-tracer",
    kind: "crash",
    about: "buildx crashed in the HTTP tracer of OpenTelemetry",
    signs: [nilPointer],
    frames: ["otelhttptrace.(*clienttracer)"],
    cause:
      "Over HTTP/2 a request may be handed a connection that another request dialled. The tracer then hears that a connection was got without having heard that one was wanted, and uses a span that it never began.",
    versions: "buildx before 0.20",
    issues: ["docker/buildx#2232", "docker/buildx#1768", "moby/buildkit#4377"],
    instead: `${byWaybill}, or update buildx to 0.20 or newer`,
    rerun: true,
  },
  {
    id: "push-on-closed-channel",
    kind: "crash",
    about: "buildx crashed while it pushed: a retry met an upload that had been given up",
    signs: [closedChannel],
    frames: ["pushwriter).setpipe", "docker.(*pushwriter)"],
    cause:
      "Reading the source failed and closed the upload's channel; then the target answered something that is retried (429, 408, an expired token), and the retry sent on that channel. The whole program ended, pushes to other registries with it.",
    versions: "buildx 0.10 to 0.13",
    issues: ["docker/buildx#2232", "containerd/containerd#8379", "containerd/containerd#9921"],
    instead: `${byWaybill}; newer buildx hangs or fails there instead of crashing`,
    rerun: true,
  },
  {
    id: "progress-on-closed-channel",
    kind: "crash",
    about: "buildx crashed in its progress display",
    signs: [closedChannel],
    frames: ["progress.(*printer).write"],
    cause: "Something still reported progress after the display had been closed.",
    versions: "buildx up to 0.36, as far as is known",
    issues: ["docker/buildx#3873", "docker/buildx#3875", "docker/buildx#3948"],
    instead: byWaybill,
    rerun: true,
  },
  {
    id: "map-writes-in-copy",
    kind: "crash",
    about: "buildx crashed while it copied to several tags at once",
    signs: [mapWrites],
    frames: ["remotes.withmediatypekeyprefix"],
    cause: "Copies that run at the same time wrote one table of media types without taking turns.",
    versions: "buildx 0.30.0; mended in 0.30.1",
    issues: ["docker/buildx#3503", "containerd/containerd#12582"],
    instead: `${byWaybill}, or update buildx to 0.30.1 or newer`,
    rerun: true,
  },
  {
    id: "map-writes",
    kind: "crash",
    about: "buildx crashed because two of its tasks wrote one table at the same time",
    signs: [mapWrites],
    frames: ["imagetools.(*resolver)"],
    cause: "With several repositories as targets, the copies shared a table of sources without taking turns.",
    versions: "buildx before 0.13",
    issues: ["docker/buildx#2229"],
    instead: `${byWaybill}, or update buildx to 0.13 or newer`,
    rerun: true,
  },
  {
    id: "commit-without-writer",
    kind: "crash",
    about: "buildx crashed when it finished an upload that it had never begun",
    signs: [nilPointer],
    frames: ["docker.(*pushwriter).commit"],
    cause:
      "Nothing had been written before the commit. The usual reason is a whole manifest given where a descriptor is expected: `imagetools inspect --raw IMAGE | imagetools create -f -`.",
    versions: "buildx before 0.24; 0.36 and newer refuse such a source with a sentence",
    issues: ["docker/buildx#2091", "containerd/containerd#11670"],
    instead: "Name the image itself as the source: waybill create -t TARGET IMAGE",
  },
  {
    id: "annotation-without-platform",
    kind: "crash",
    about: "buildx crashed while it joined images",
    signs: [nilPointer],
    frames: ["imagetools.(*resolver).combine"],
    cause:
      "An annotation for one platform (`manifest-descriptor[PLATFORM]:`) met a child whose descriptor names no platform.",
    versions: "seen in buildx 0.29",
    instead: `${byWaybill}, which leaves such a child alone`,
    rerun: true,
  },
  {
    id: "tracer-delegate",
    kind: "crash",
    about: "buildx crashed at its start because an OTEL_* variable is set",
    signs: [nilPointer],
    frames: ["withtracerdelegate).setspanexporter"],
    cause: "An exporter was configured from OTEL_EXPORTER_OTLP_ENDPOINT and handed to a builder that has no tracer.",
    versions: "buildx before 0.10",
    issues: ["docker/buildx#1521", "docker/buildx#1383"],
    instead:
      "Unset OTEL_EXPORTER_OTLP_ENDPOINT for buildx, update it, or use Waybill, where telemetry cannot fail a run",
    rerun: true,
  },
  {
    id: "nil-in-imagetools",
    kind: "crash",
    about: "buildx crashed in imagetools",
    signs: [nilPointer],
    frames: ["imagetools.", "github.com/docker/buildx"],
    cause: "buildx used something that was not there; seen with sources given as JSON descriptors.",
    versions: "reported for buildx 0.9; not known to be mended",
    issues: ["docker/buildx#1425"],
    instead: byWaybill,
    rerun: true,
  },
  {
    id: "go-crash",
    kind: "crash",
    about: "A Go program crashed",
    signs: [nilPointer, "panic: ", "fatal error: "],
    frames: ["goroutine "],
    cause: "The trace names no place that is known here.",
    instead: "Report it to the program that the trace names; Waybill shares no code with buildx",
    rerun: true,
  },
  {
    id: "waybill-crash",
    kind: "crash",
    about: "A bug in Waybill",
    signs: ["this is a bug in waybill"],
    cause: "Something was thrown that no part of Waybill expects.",
    instead: "Report it with the lines around this one, the command, and what waybill --version says",
  },
];
