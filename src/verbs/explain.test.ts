import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { explain } from "./explain.ts";

const folder = join(import.meta.dirname, "../../test/fixtures/explain");

async function* chunks(...texts: readonly string[]): AsyncGenerator<string> {
  yield* texts;
}

/** Fixture, what is found in it in this order, and where. */
const expected: Readonly<Record<string, readonly string[]>> = {
  "annotation-without-platform.log": ["annotation-without-platform 2,6"],
  "commit-without-writer.log": ["commit-without-writer 5,11"],
  "go-crash.log": ["go-crash 1,3"],
  "http-tracer.log": ["http-tracer 10,14"],
  "many.log": ["unauthorized 9", "server-error 8", "timed-out 5", "tls-timeout 6"],
  "map-writes-in-copy.log": ["map-writes-in-copy 5,10"],
  "map-writes.log": ["map-writes 3,7"],
  "nil-in-imagetools.log": ["nil-in-imagetools 2,6"],
  "ours.log": ["connection-refused 5", "held-back 4", "exit-8 8"],
  "progress-on-closed-channel.log": ["progress-on-closed-channel 2,5"],
  "push-on-closed-channel.log": ["push-on-closed-channel 5,8", "rate-limited 4"],
  "tracer-delegate.log": ["tracer-delegate 1,5"],
};

describe("explain", () => {
  test("knows every fixture", () => {
    expect(readdirSync(folder).toSorted()).toEqual(Object.keys(expected));
  });

  test.each(Object.entries(expected))("finds in %s what is in it, the gravest first", async (name, found) => {
    const { findings, read } = await explain(chunks(readFileSync(join(folder, name), "utf8")));

    const shown = findings.map(({ failure, excerpts }) => `${failure.id} ${excerpts.map(({ line }) => line).join()}`);
    expect(shown).toEqual(found);
    expect(read.isWhole).toBe(true);
  });

  test("shows no secret of a log", async () => {
    const text = readFileSync(join(folder, "many.log"), "utf8");
    expect(text).toContain("CANARY");
    expect(JSON.stringify(await explain(chunks(text)))).not.toContain("CANARY");
  });

  test.each([
    ['Cannot get a token for "r.example" from "https://r.example/token": it answered 401', "unauthorized"],
    ['Cannot get a token for "r.example" from "https://r.example/token": it answered 403', "denied"],
    ['Cannot sign in to "r.example": it wants a credential, and there is none', "unauthorized"],
    ['Cannot read reference "r.example/ABC:1": repository name must be lowercase', "repository-name"],
    ["none of the manifests match the provided platforms", "no-such-platform"],
    ["Cannot finish in time: it was not done after 60 s", "time-limit"],
  ])("knows Waybill's own %j", async (message, id) => {
    const { findings } = await explain(chunks(`$ waybill create …\nERROR: ${message}\n`));

    expect(findings.map(({ failure }) => failure.id)).toEqual([id]);
    expect(findings[0]?.failure.rerun).toBeUndefined();
  });

  test("tells the version of buildx and the command in Waybill's words", async () => {
    const text = readFileSync(join(folder, "http-tracer.log"), "utf8");
    const { buildxVersion, command } = await explain(chunks(text));

    expect(buildxVersion).toBe("0.12.1");
    expect(command?.text).toBe(
      "waybill create -t docker.io/acme/app:1.4.2 -t ghcr.io/acme/app:1.4.2 docker.io/acme/app:1.4.2-amd64 docker.io/acme/app:1.4.2-arm64",
    );
  });

  test("tells of an exit code only in a log that names Waybill, and the last one", async () => {
    expect((await explain(chunks("exit code 8"))).findings).toEqual([]);
    const { findings } = await explain(
      chunks("waybill create\nexit code 8\nProcess completed with exit code 70.\nexit status 0"),
    );
    expect(findings.map(({ failure }) => failure.id)).toEqual(["exit-70"]);
  });

  test("never throws, whatever a log holds, and finds a needle in it", async () => {
    const hostile = fc.array(
      fc.oneof(
        fc.string({ unit: "binary" }),
        fc.constantFrom("panic: ", "goroutine 1", "buildx imagetools create ", "\\", "'", "\u001b[", "\ufeff"),
      ),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(hostile, async (parts) => {
        const { findings } = await explain(chunks(...parts, "\n429 Too Many Requests\n", ...parts));
        expect(findings.map(({ failure }) => failure.id)).toContain("rate-limited");
      }),
    );
  });
});
