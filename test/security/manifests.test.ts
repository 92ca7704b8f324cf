import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/spec/digest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { answerWith, evilHost } from "../support/evil-host.ts";
import { runInProcess, type Ran } from "../support/in-process.ts";

const { ociManifest, ociIndex, ociConfig, ociLayerGzip } = mediaTypes;
const hex = "a".repeat(64);
const config = `{"mediaType":"${ociConfig}","digest":"sha256:${hex}","size":2}`;
const layer = `{"mediaType":"${ociLayerGzip}","digest":"sha256:${hex}","size":2}`;
const child = `{"mediaType":"${ociManifest}","digest":"sha256:${hex}","size":2}`;
const imageOf = (layers: string, more = "") =>
  `{"schemaVersion":2,"mediaType":"${ociManifest}","config":${config},"layers":[${layers}]${more}}`;
const indexOf = (children: string, more = "") =>
  `{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[${children}]${more}}`;

interface Hostile {
  readonly body: string | Buffer;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Serves `hostile` under every tag and digest; everything that is pushed is remembered. */
async function run(
  hostile: Hostile,
  command: "inspect" | "create",
  reference = "1",
): Promise<{ ran: Ran; writes: number }> {
  const { body, type = ociManifest, headers = {} } = hostile;
  await using host = await evilHost(({ method, target }, response) => {
    if (method === "HEAD" && target.includes("/target/")) return answerWith(response, 404);
    if (!target.includes("/manifests/")) return answerWith(response, 404);
    answerWith(response, 200, { headers: { "content-type": type, ...headers }, body });
  });
  const source = `${host.host}/app${reference.startsWith("@") ? reference : `:${reference}`}`;
  const args =
    command === "inspect"
      ? ["inspect", "--raw", source]
      : ["create", "--progress", "quiet", "-t", `${host.host}/target:1`, source];
  const ran = await runInProcess(args);
  return { ran, writes: host.arrived.filter(({ method }) => method !== "GET" && method !== "HEAD").length };
}

async function expectRefused(hostile: Hostile, message: RegExp, reference?: string): Promise<void> {
  for (const command of ["inspect", "create"] as const) {
    const { ran, writes } = await run(hostile, command, reference);
    expect(ran.stderr).toMatch(message);
    expect([ran.code, ran.stdout, writes]).toEqual([1, "", 0]);
  }
}

describe("S18 one document, two readings", () => {
  test.each([
    ["manifests and layers", `{"schemaVersion":2,"manifests":[],"layers":[],"config":${config}}`],
    ["manifests and config", `{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[${child}],"config":${config}}`],
    ["manifests and null layers", `{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[${child}],"layers":null}`],
    ["Layers in another case", imageOf(layer, `,"Layers":[]`)],
    ["manifeſts with a long s", imageOf(layer, `,"manifeſts":[${child}]`)],
    [
      "a digest in another case",
      imageOf(`{"mediaType":"${ociLayerGzip}","Digest":"sha256:${hex}","digest":"sha256:${hex}","size":2}`),
    ],
  ])("S18 a document with %s is refused", async (_what, body) => {
    for (const type of [ociManifest, ociIndex, "application/json"])
      await expectRefused({ body, type }, /Cannot read manifest/);
  });

  test.each([
    [ociIndex, imageOf(layer)],
    [ociManifest, indexOf(child)],
    [mediaTypes.dockerManifest, imageOf(layer)],
    [`${ociIndex}; charset=utf-8`, imageOf(layer)],
    [ociIndex.toUpperCase(), imageOf(layer)],
  ])("S18 a header that says %s and a body that says otherwise are refused", async (type, body) => {
    await expectRefused({ body, type }, /Cannot read manifest: it was announced as/);
  });

  test.each(["application/json", "text/plain; charset=utf-8", "application/octet-stream", ""])(
    "S18 a header of %j leaves it to the body",
    async (type) => {
      const { ran } = await run({ body: imageOf(layer), type }, "inspect");
      expect([ran.code, ran.stdout]).toEqual([0, imageOf(layer)]);
    },
  );
});

describe("S19 other bytes than were asked for", () => {
  const body = imageOf(layer);
  const pinned = `@${digestOf(Buffer.from("other"))}`;

  test("S19 a pinned digest gets only its bytes, whatever the header says", async () => {
    const headers = { "docker-content-digest": pinned.slice(1) };
    await expectRefused({ body, headers }, /expected sha256:\w+, got sha256:/, pinned);
    await expectRefused({ body }, /expected sha256:\w+, got sha256:/, pinned);
  });

  test("S19 a tag whose header names other bytes is refused", async () => {
    const headers = { "docker-content-digest": digestOf(Buffer.from("other")) };
    await expectRefused({ body, headers }, /expected sha256:\w+, got sha256:/);
  });

  test("S21 a header of the other algorithm is hashed too", async () => {
    const wrong = { "docker-content-digest": digestOf(Buffer.from("other"), "sha512") };
    await expectRefused({ body, headers: wrong }, /expected sha512:/, `@${digestOf(Buffer.from(body))}`);
    const right = { "docker-content-digest": digestOf(Buffer.from(body), "sha512") };
    const { ran } = await run({ body, headers: right }, "inspect", `@${digestOf(Buffer.from(body))}`);
    expect(ran.code).toBe(0);
  });
});

describe("S20 digests", () => {
  test.each([
    "sha256:../../x",
    `sha256:${"A".repeat(64)}`,
    "sha256:",
    `__proto__:${hex}`,
    `md5:${"a".repeat(32)}`,
    `sha1:${"a".repeat(40)}`,
    `SHA256:${hex}`,
    `sha256:${hex}\u0000`,
    `sha256:${hex}/../../../etc/passwd`,
    ` sha256:${hex}`,
    `sha256:${"a".repeat(3_000_000)}`,
    "",
  ])("S20 a child with a digest like %.40s is refused", async (digest) => {
    const text = JSON.stringify(digest);
    const descriptor = (type: string) => `{"mediaType":"${type}","digest":${text},"size":2}`;
    await expectRefused({ body: imageOf(descriptor(ociLayerGzip)) }, /layers\.0\.digest is not valid/);
    await expectRefused(
      { body: indexOf(descriptor(ociManifest)), type: ociIndex },
      /manifests\.0\.digest is not valid/,
    );
  });

  test.each(["sha256:x", `sha256:${"A".repeat(64)}`, `md5:${"a".repeat(32)}`, `sha512:${hex}`])(
    "S20 a reference to %s is the user's mistake",
    async (digest) => {
      const ran = await runInProcess(["inspect", `r.example/app@${digest}`]);
      expect([ran.code, ran.stdout]).toEqual([2, ""]);
    },
  );
});

describe("S26 numbers of descriptors", () => {
  test("S26 more than five thousand are refused, and a flag allows them", async () => {
    const many = Array.from({ length: 5001 }, (_, at) => child.replace(hex, at.toString(16).padStart(64, "0"))).join(
      ",",
    );
    await expectRefused({ body: indexOf(many), type: ociIndex }, /5001 descriptors are more than 5000/);
    await using host = await evilHost((_arrived, response) =>
      answerWith(response, 200, { headers: { "content-type": ociIndex }, body: indexOf(many) }),
    );
    const ran = await runInProcess(["inspect", "--raw", "--max-descriptors", "5001", `${host.host}/app:1`]);
    expect(ran.code).toBe(0);
  });

  test("S26 a million empty objects are refused soon", async () => {
    const startedAt = performance.now();
    await expectRefused(
      { body: indexOf(Array(1_000_000).fill("{}").join(",")), type: ociIndex },
      /descriptors are more than/,
    );
    expect(performance.now() - startedAt).toBeLessThan(5000);
  });

  test("S26 five thousand children are asked for a few at a time", async () => {
    let [now, most] = [0, 0];
    const many = Array.from({ length: 400 }, (_, at) => child.replace(hex, at.toString(16).padStart(64, "0"))).join(
      ",",
    );
    await using host = await evilHost(async ({ method, target }, response) => {
      if (target.endsWith("/manifests/1"))
        return answerWith(response, 200, { headers: { "content-type": ociIndex }, body: indexOf(many) });
      if (method !== "GET") return answerWith(response, 404);
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
      answerWith(response, 404);
    });
    await runInProcess(["create", "--progress", "quiet", "-t", `${host.host}/target:1`, `${host.host}/app:1`]);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThan(100);
  });
});

describe("S26 bytes in sum", () => {
  test("S26 an index of gigabytes of manifests is refused before they are asked for", async () => {
    const large = Array.from({ length: 5000 }, (_, at) =>
      child.replace(hex, at.toString(16).padStart(64, "0")).replace('"size":2', '"size":4000000'),
    ).join(",");
    await using host = await evilHost(({ method, target }, response) => {
      if (!target.endsWith("/manifests/1")) return answerWith(response, 404);
      answerWith(response, method === "GET" ? 200 : 404, {
        headers: { "content-type": ociIndex },
        body: indexOf(large),
      });
    });
    const args = [
      "create",
      "--progress",
      "quiet",
      "--referrers",
      "none",
      "-t",
      `${host.host}/target:2`,
      `${host.host}/app:1`,
    ];
    const ran = await runInProcess(args);
    expect(ran.code).not.toBe(0);
    expect(host.arrived.length).toBeGreaterThan(60);
    expect(host.arrived.length).toBeLessThan(100);
  });

  test("S26 a list of referrers without end is left", async () => {
    let pages = 0;
    const empty = digestOf(Buffer.from("{}"));
    const image = imageOf("").replace(`sha256:${hex}`, empty);
    const entries = Array(4000)
      .fill(child.replace("}", `,"annotations":{"a":"${"x".repeat(500)}"}}`))
      .join(",");
    await using host = await evilHost(({ target }, response) => {
      if (target.includes("/manifests/1"))
        return answerWith(response, 200, { headers: { "content-type": ociManifest }, body: image });
      if (target.endsWith(empty)) return answerWith(response, 200, { body: "{}" });
      if (!target.includes("/referrers/")) return answerWith(response, 404);
      const link = `<${target.split("?")[0]}?last=${++pages}>; rel="next"`;
      answerWith(response, 200, { headers: { "content-type": ociIndex, link }, body: indexOf(entries) });
    });
    const args = ["create", "--progress", "quiet", "--referrers", "all", "--prefer-index=false"];
    const ran = await runInProcess([...args, "-t", `${host.host}/target:2`, `${host.host}/app:1`]);
    expect(ran.code).not.toBe(0);
    expect(pages).toBeGreaterThan(1);
    expect(pages).toBeLessThan(20);
  });
});

describe("S27 depth and size", () => {
  test.each([
    ["arrays", "[".repeat(100_000)],
    ["objects", '{"a":'.repeat(100_000)],
    ["annotations", imageOf(layer, `,"annotations":${'{"a":'.repeat(80)}1${"}".repeat(80)}`)],
  ])("S27 %s nested without end are refused", async (_what, body) => {
    await expectRefused({ body }, /nested deeper than 64 levels/);
  });

  test("S27 a manifest above 4 MiB is refused", async () => {
    await expectRefused(
      { body: imageOf(layer, `,"annotations":{"a":"${"x".repeat(4 * 1024 * 1024)}"}`) },
      /longer than 4194304 bytes/,
    );
  });
});

describe("S28 names of prototypes", () => {
  const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty"];

  test.each(names)("S28 an annotation called %s is one like any other", async (name) => {
    const body = imageOf(layer, `,"annotations":{${JSON.stringify(name)}:"seen"}`);
    await using host = await evilHost((_arrived, response) =>
      answerWith(response, 200, { headers: { "content-type": ociManifest }, body }),
    );
    const ran = await runInProcess(["inspect", `${host.host}/app:1`]);
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(new RegExp(`${name}: +seen`));
    expect(({} as Record<string, unknown>)["seen"]).toBeUndefined();
  });

  test("S28 an object there is refused", async () => {
    await expectRefused(
      { body: imageOf(layer, `,"annotations":{"__proto__":{"polluted":"yes"}}`) },
      /annotations is not valid/,
    );
  });

  test("S28 no manifest changes a prototype", async () => {
    const before = Object.getOwnPropertyNames(Object.prototype).sort();
    const keys = fc.constantFrom(...names, "a", "mediaType", "layers");
    const tree = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.string(),
        fc.integer(),
        fc.dictionary(keys, tie("value")),
        fc.array(tie("value"), { maxLength: 3 }),
      ),
    })).value;
    await using host = await evilHost((_arrived, response) =>
      answerWith(response, 200, { headers: { "content-type": ociManifest }, body: current }),
    );
    let current = "";
    await fc.assert(
      fc.asyncProperty(tree, tree, async (annotations, more) => {
        current = imageOf(layer, `,"annotations":${JSON.stringify(annotations)},"more":${JSON.stringify(more)}`);
        const ran = await runInProcess(["inspect", "--format", "{{json .}}", `${host.host}/app:1`]);
        expect(ran.code).not.toBe(70);
      }),
      { numRuns: 60 },
    );
    expect(Object.getOwnPropertyNames(Object.prototype).sort()).toEqual(before);
  });
});

describe("S30 sizes", () => {
  test.each([
    "9007199254740993",
    "9007199254740992",
    "1e400",
    "-0",
    "-1",
    "0.5",
    '"12"',
    "1e2",
    "1.0000000000000000001",
    "null",
    "[]",
  ])("S30 a size of %s is refused", async (size) => {
    const descriptor = (type: string) => `{"mediaType":"${type}","digest":"sha256:${hex}","size":${size}}`;
    await expectRefused({ body: imageOf(descriptor(ociLayerGzip)) }, /Cannot read manifest/);
    await expectRefused({ body: indexOf(descriptor(ociManifest)), type: ociIndex }, /Cannot read manifest/);
  });

  test.each(["1.0000000000000000001", "1e2", "-0"])(
    "S30 a size of %s is refused also behind an escaped name",
    async (size) => {
      const sly = `{"mediaType":"${ociLayerGzip}","digest":"sha256:${hex}","siz\\u0065":${size}}`;
      await expectRefused({ body: imageOf(sly) }, /Cannot read manifest/);
    },
  );
});

describe("S14 what could break a header or an address", () => {
  test.each([
    "application/x\r\nx-evil: 1",
    "application/ünïcode",
    "a/b\u0000",
    "a",
    "application/x y",
    `a/${"b".repeat(5000)}`,
  ])("S14 a media type of %j is refused", async (type) => {
    const bad = `{"mediaType":${JSON.stringify(type)},"digest":"sha256:${hex}","size":2}`;
    await expectRefused({ body: imageOf(bad) }, /layers\.0\.mediaType is not valid/);
  });

  test.each([
    "r.example/a\r\nx:1",
    "r.example/a b:1",
    "r.example/a?x=1",
    "r.example/a#x:1",
    "r.example/a/../../x:1",
    "r.example/%2e%2e/x:1",
    "r.example/a:t\r\nx",
    "r.example/a:t?x",
    "r.example:80@evil.example/a:1",
    "r.example\\@evil.example/a:1",
    "https://r.example/a:1",
    "r.example/ä:1",
  ])("S14 a reference like %j is refused before anything is asked", async (reference) => {
    const ran = await runInProcess(["inspect", reference]);
    expect([ran.code, ran.stdout]).toEqual([2, ""]);
  });
});
