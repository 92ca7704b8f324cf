import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { WaybillError } from "../../errors.ts";
import { digestOf, type Digest } from "../../spec/digest.ts";
import { display, widthOf } from "../../spec/display.ts";
import { mediaTypes } from "../../spec/media-type.ts";
import type { TagResult, TagState, TargetResult } from "../../transfer/result.ts";
import type { CreateResult } from "../../verbs/create.ts";
import { outcomeError } from "../outcome.ts";
import { createRepeats } from "../../transfer/repeats.ts";
import { summaryText, type SummaryOptions } from "./summary.ts";

const bytes = Buffer.from("{}");
const digest = digestOf(bytes);
const old = digestOf(Buffer.from("old"));
const denied = new WaybillError("auth_denied", 'Cannot push manifest to "acme/app": 403 DENIED "write_package"');
const copying = new WaybillError(denied.code, `copy x to y: ${denied.message}`, {}, { cause: denied });

function target(host: string, tags: readonly TagResult[], rest: Partial<TargetResult> = {}): TargetResult {
  const at = { kind: "registry" as const, host, repository: "acme/app" };
  const amounts = { sentBytes: 212_000_000, mountedBytes: 0, skippedBytes: 18_000_000 };
  return { at, tags, ...amounts, durationMs: 1234, heldBack: false, ...rest };
}

function result(...targets: readonly TargetResult[]): CreateResult {
  const descriptor = { mediaType: mediaTypes.ociIndex, digest, size: bytes.byteLength };
  return { root: { descriptor, bytes }, targets, leftBehind: {} };
}

function lines(given: CreateResult, options: SummaryOptions = {}): readonly string[] {
  return summaryText(given, { error: outcomeError(given, "told"), ...options })
    .trimEnd()
    .split("\n");
}

const published = result(
  target("ghcr.io", [{ tag: "1.4.2", state: "created", before: "absent", writtenAt: 1000 }]),
  target("docker.io", [
    { tag: "1.4.2", state: "created", before: "absent", writtenAt: 1200 },
    { tag: "latest", state: "moved", before: old, writtenAt: 1640 },
  ]),
);

const refused = result(
  target("docker.io", [
    { tag: "1.4", state: "rolled-back", before: old },
    { tag: "1.4.2", state: "left-behind", before: "absent" },
  ]),
  target("ghcr.io", [{ tag: "1.4.2", state: "failed", before: "absent" }], { error: copying }),
  target("harbor.example", [{ tag: "1.4.2", state: "not-attempted", before: old }], { heldBack: true, sentBytes: 0 }),
);

describe("summaryText", () => {
  test("gives each target a line when all went well, and leaves out what nobody did", () => {
    expect(lines(published)).toEqual([
      "✓ published to 2 targets  1.2s",
      `  ${digest} application/vnd.oci.image.index.v1+json`,
      "  target              tags                                         sent    skipped  time",
      "  ghcr.io/acme/app    1.4.2 created                                212 MB  18.0 MB  1.2s",
      "  docker.io/acme/app  1.4.2 created, latest moved (was cba0…fbd4)  212 MB  18.0 MB  1.2s",
      "  tag skew 640 ms",
    ]);
  });

  test("folds what has no room", () => {
    expect(lines(published, { columns: 40 }).slice(1)).toEqual([
      "  sha256:44136fa355b3678a1146ad16f7e8649",
      "  e94fb4fc21fe77e8310c060f61caaff8a",
      "  ghcr.io/acme/app",
      "    1.4.2 created",
      "    212 MB sent, 18.0 MB skipped, 1.2s",
      "  docker.io/acme/app",
      "    1.4.2 created, latest moved (was",
      "    cba0…fbd4)",
      "    212 MB sent, 18.0 MB skipped, 1.2s",
      "  tag skew 640 ms",
    ]);
  });

  test("says why a tag could not be taken back, in words that cannot move the cursor", () => {
    const left = { tag: "1", state: "left-behind", before: "absent", why: "405 \x1b[2Jno deletes here" } as const;
    const back = { tag: "2", state: "rolled-back", before: "absent", why: "the image went with it" } as const;
    const text = lines(result(target("docker.io", [left, back], { error: copying }))).join("\n");
    expect(text).toContain("(was absent: 405 \\x1b[2Jno deletes here)");
    expect(text).toContain("absent (as before: the image went with it)");
  });

  test("says that nothing was to be done", () => {
    const idle = { sentBytes: 0, skippedBytes: 0 };
    const [first] = lines(result(target("ghcr.io", [{ tag: "1", state: "unchanged" }], idle)));

    expect(first).toBe("✓ nothing to do at 1 target  1.2s");
  });

  test("gives each tag a line when something went wrong, and says why and what is next", () => {
    expect(lines(refused, { recordedAs: "waybill-report.json" })).toEqual([
      "✗ failed and rolled back: 1 tag not put back (exit 3)  1.2s",
      `  ${digest} application/vnd.oci.image.index.v1+json`,
      "",
      "  target                   tag    result         digest                  sent    skipped",
      "  docker.io/acme/app       1.4    rolled back    cba0…fbd4 (as before)   212 MB  18.0 MB",
      "                           1.4.2  left behind    4413…ff8a (was absent)",
      "  ghcr.io/acme/app         1.4.2  failed         absent                  212 MB  18.0 MB",
      "  harbor.example/acme/app  1.4.2  not attempted  cba0…fbd4               0 B     18.0 MB",
      "",
      '  why   ghcr.io/acme/app: Cannot push manifest to "acme/app": 403 DENIED "write_package"',
      "        docker.io/acme/app: not all put back: another target failed",
      "        harbor.example/acme/app: held back: another target failed",
      "  next  the account was recognised but may not do this; -D names the source of its credential",
      "        then: waybill resume waybill-report.json  (3 tags to write)",
    ]);
  });

  test("folds at 40 columns and says all the same", () => {
    expect(lines(refused, { columns: 40 }).slice(4)).toEqual([
      "",
      "  docker.io/acme/app  212 MB sent, 18.0",
      "  MB skipped",
      "    1.4  rolled back  cba0…fbd4 (as",
      "    before)",
      "    1.4.2  left behind  4413…ff8a (was",
      "    absent)",
      "  ghcr.io/acme/app  212 MB sent, 18.0 MB",
      "  skipped",
      "    1.4.2  failed  absent",
      "  harbor.example/acme/app  18.0 MB",
      "  skipped",
      "    1.4.2  not attempted  cba0…fbd4",
      "",
      "  why   ghcr.io/acme/app: Cannot push",
      '        manifest to "acme/app": 403',
      '        DENIED "write_package"',
      "        docker.io/acme/app: not all put",
      "        back: another target failed",
      "        harbor.example/acme/app: held",
      "        back: another target failed",
      "  next  the account was recognised but",
      "        may not do this; -D names the",
      "        source of its credential",
      "        then: run the same command",
      "        again: what is there is not sent",
      "        again",
    ]);
  });

  test("says no cause of what was only told to stop", () => {
    const cancelled = new WaybillError("cancelled", "Cancelled: got SIGINT");
    const text = lines(result(target("ghcr.io", [{ tag: "1", state: "not-attempted" }], { error: cancelled })));

    expect(text[0]).toBe("✗ interrupted: no tag was written  1.2s");
    expect(text.at(-1)).toBe("  next  run the same command again: what is there is not sent again");
  });

  test.each([
    ["1 tag may have been written", []],
    ["1 of 2 tags written, 1 more may be", [{ tag: "0", state: "moved", before: old }]],
  ] as const)("does not promise what nobody can tell: %s", (words, others) => {
    const unsure = { tag: "1", state: "failed", before: old, mayDiffer: true } as const;
    const text = lines(result(target("ghcr.io", [...others, unsure], { error: denied })));

    expect(text[0]).toContain(`✗ failed: ${words} (exit `);
  });

  test.each([
    ["1 tag may not be as before", { tag: "0", state: "rolled-back", before: old }],
    ["1 tag not put back, 1 more may not be as before", { tag: "0", state: "left-behind", before: "absent" }],
  ] as const)("does not say of a tag that was never seen written that it was not put back: %s", (words, other) => {
    const unsure = { tag: "1", state: "failed", before: old, mayDiffer: true } as const;
    const text = lines(result(target("ghcr.io", [other, unsure], { error: denied })));

    expect(text[0]).toContain(`✗ failed and rolled back: ${words} (exit `);
  });

  test("offers to put back what was moved", () => {
    const half = result(
      target("ghcr.io", [{ tag: "1", state: "moved", before: old }]),
      target("docker.io", [{ tag: "1", state: "failed" }], { error: denied }),
    );

    expect(lines(half, { recordedAs: "'a file.json'" }).slice(-2)).toEqual([
      `        then: waybill resume 'a file.json'  (1 tag to write)`,
      `        or: waybill rollback 'a file.json'  (puts 1 tag back)`,
    ]);
  });

  test("does not tell to go on where a tag may not move", () => {
    const error = new WaybillError("tag_immutable", "Cannot push: 409", { advice: "Choose another tag" });
    const half = result(
      target("ghcr.io", [{ tag: "1", state: "moved", before: old }]),
      target("docker.io", [{ tag: "1", state: "failed" }], { error }),
    );

    expect(lines(half, { recordedAs: "0123456789abcdef" }).slice(-2)).toEqual([
      "  next  Choose another tag",
      "        or: waybill rollback 0123456789abcdef  (puts 1 tag back)",
    ]);
    expect(outcomeError(half, { command: "waybill resume 0123456789abcdef" })).toMatchObject({
      code: "partial",
      context: { advice: "Choose another tag" },
    });
  });

  test("names commands as docker's user types them, and says so where nobody has advice", () => {
    const error = new WaybillError("rejected", "Cannot push: 418");
    const half = result(target("docker.io", [{ tag: "1", state: "failed" }], { error }));

    expect(lines(half, { recordedAs: "0123456789abcdef", typed: "docker waybill" }).at(-1)).toBe(
      "  next  put right what failed, then: docker waybill resume 0123456789abcdef  (1 tag to write)",
    );
  });

  test("counts what was tried again and what does not travel", () => {
    const repeats = createRepeats();
    const retry = { type: "retry" as const, method: "PUT", url: "https://registry-1.docker.io/v2/", attempt: 1, at: 0 };
    for (const why of ["HTTP 429", "HTTP 429", "HTTP 503"])
      repeats.hear({ ...retry, registry: "docker.io", delayMs: 2500, why });
    repeats.hear({ type: "content-again", id: "1", offsetBytes: 10, at: 4000 });

    expect(lines({ ...published, leftBehind: { "x/y": 2 } }, { repeats }).slice(-4)).toEqual([
      "  retries 3 (docker.io: HTTP 429 twice, HTTP 503, waited 2.5s)",
      "  1 upload resumed",
      "  tag skew 640 ms",
      "  left behind: 2 x/y (not asked for with --referrers, or about an index that was changed)",
    ]);
  });

  test("does not speak of what was left behind when nothing went anywhere", () => {
    const nowhere = { ...result(target("ghcr.io", [], { error: denied })), leftBehind: { "x/y": 2 } };

    expect(lines(nowhere).join()).not.toContain("left behind");
  });

  test("colours what it says only where colours are wanted", () => {
    expect(summaryText(published)).not.toContain("\u001b");
    expect(summaryText(published, { color: true })).toContain("\u001b[32m✓\u001b[39m");
  });
});

const states = fc.constantFrom<TagState>("created", "moved", "unchanged", "failed", "rolled-back", "left-behind");
const befores = fc.constantFrom<Digest | "absent" | undefined>(old, "absent", undefined);
const tags = fc.array(fc.record({ tag: fc.stringMatching(/^\w[\w.-]{0,127}$/), state: states, before: befores }), {
  maxLength: 4,
});
const words = fc.string({ unit: "grapheme", maxLength: 300 });
const targets = fc.array(fc.record({ host: fc.domain(), tags, words, isFailed: fc.boolean() }), {
  minLength: 1,
  maxLength: 4,
});

test("summaryText keeps within the terminal and cuts neither digest nor reason, whatever the registries say", () => {
  fc.assert(
    fc.property(targets, fc.constantFrom(40, 80, 200), (given, columns) => {
      const all = given.map(({ host, tags: of, words: said, isFailed }) =>
        target(host, of as TagResult[], isFailed ? { error: new WaybillError("rejected", `No: ${said}`) } : {}),
      );
      const told = lines(result(...all), { columns });
      for (const line of told) expect(widthOf(line)).toBeLessThanOrEqual(columns);
      const said = told.join("").replaceAll(/\s/gu, "");
      expect(said).toContain(digest);
      for (const { words: why, isFailed } of given)
        if (isFailed) expect(said).toContain(display(`No: ${why}`).replaceAll(/\s/gu, ""));
    }),
  );
});
