import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/spec/digest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { answerWith, evilHost, type Arrived } from "../support/evil-host.ts";
import { runInProcess, type Ran } from "../support/in-process.ts";

// S35: what a terminal acts on. CSI and OSC in 7 and 8 bits, the clipboard, a link, a title, overwriting, direction, hiding.
const attacks = [
  "\u001b[2J\u001b[31mgone",
  "\u001b]52;c;Y3VybCBldmlsfHNo\u0007",
  "\u001b]8;;https://evil.example\u001b\\click\u001b]8;;\u001b\\",
  "\u009b2Jgone\u009d0;title\u009c",
  "\r100% done\b\b\b",
  "a\u202egnp.exe\u202c\u2066x\u2069",
  "a\u200bb\ufeff\u2060\u{e0041}",
  "\u007f\u0085\u2028\u2029",
  "\nERROR: fake\n#99 DONE 7.7s\n",
];
const attack = attacks.join(" ");
/** What a header can carry: the 8-bit forms. */
const inHeader = "\u009b2J\u0085\u00ad\u009d0;title\u009c";
const raw = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;
/** What our own screen uses: line ends, tabs of Go templates, colours, and moving within the lines it has drawn. */
// oxlint-disable-next-line no-control-regex -- what a screen is drawn with
const ours = /\n|\t|\u001b\[(?:\?(?:25|2026)[hl]|\d*[ABCDGJK]|[0-9;]*m|2K|1A|H)/g;

function expectCalm(text: string): void {
  const left = text.replace(ours, "");
  expect([...left.matchAll(raw)].map(([char]) => char.codePointAt(0)?.toString(16))).toEqual([]);
  // None of ours is built of theirs: their colour and their erasing are not there.
  expect(text).not.toContain("\u001b[2J");
  expect(text).not.toContain("\u001b[31mgone");
}

function expectNoForgedLine({ stderr }: Ran): void {
  expect(stderr).not.toMatch(/^ERROR: fake/m);
  expect(stderr).not.toMatch(/^#99 DONE/m);
}

const config = Buffer.from(
  JSON.stringify({ architecture: attack, os: "linux", author: attack, config: { Labels: { [attack]: attack } } }),
);
const layer = Buffer.from("layer");

/** JSON with everything raw that JSON lets stand raw. */
function rawJson(value: unknown): string {
  return JSON.stringify(value, undefined, " ").replaceAll("\\u007f", "\u007f");
}

const image = rawJson({
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: { mediaType: mediaTypes.ociConfig, digest: digestOf(config), size: config.byteLength },
  layers: [{ mediaType: mediaTypes.ociLayerGzip, digest: digestOf(layer), size: layer.byteLength }],
  annotations: { [attack]: attack },
}).replace("{", "{\r\r ");
const index = rawJson({
  schemaVersion: 2,
  mediaType: mediaTypes.ociIndex,
  manifests: [
    {
      mediaType: mediaTypes.ociManifest,
      digest: digestOf(Buffer.from(image)),
      size: Buffer.byteLength(image),
      platform: { architecture: attack, os: attack, variant: attack, "os.version": attack, "os.features": [attack] },
      annotations: { [attack]: attack },
      urls: [attack],
    },
  ],
  annotations: { [attack]: attack },
});

type Way = "json" | "text" | "code";

function failure(way: Way): { body: unknown; headers: Record<string, string> } {
  const headers = { warning: `299 - "${inHeader}"`, "x-request-id": inHeader };
  if (way === "text") return { body: attack, headers };
  const code = way === "code" ? attack : "DENIED";
  return { body: { errors: [{ code, message: attack, detail: attack }] }, headers };
}

async function hostile(options: { failAt?: (arrived: Arrived) => boolean; way?: Way } = {}) {
  const { failAt = () => false, way = "json" } = options;
  return evilHost((arrived, response) => {
    const { method, target } = arrived;
    if (failAt(arrived)) return answerWith(response, 403, failure(way));
    const warning = { warning: `299 - "${inHeader}"` };
    const give = (body: string | Buffer, type: string) =>
      answerWith(response, 200, { headers: { ...warning, "content-type": type }, body });
    if (method === "POST") return answerWith(response, 202, { headers: { location: "/v2/t/blobs/uploads/1" } });
    if (method === "PUT" && target.includes("/uploads/")) {
      const digest = decodeURIComponent(/digest=([^&]*)/.exec(target)?.[1] ?? "");
      return answerWith(response, 201, { headers: { "docker-content-digest": digest } });
    }
    if (method === "PUT")
      return answerWith(response, 201, { headers: { "docker-content-digest": digestOf(Buffer.from(arrived.body)) } });
    if (method === "HEAD") return answerWith(response, 404);
    if (target.includes("/manifests/image") || target.includes(digestOf(Buffer.from(image))))
      return give(image, mediaTypes.ociManifest);
    if (target.includes("/manifests/index") || target.includes(digestOf(Buffer.from(index))))
      return give(index, mediaTypes.ociIndex);
    if (target.includes(digestOf(config))) return give(config, "application/octet-stream");
    if (target.includes(digestOf(layer))) return give(layer, "application/octet-stream");
    return answerWith(response, 404, failure(way));
  });
}

describe("S35 inspect on a terminal", () => {
  const ways: readonly (readonly string[])[] = [
    [],
    ["--raw"],
    ["--format", "{{json .}}"],
    ["--format", "{{.Name}} {{json .Manifest}}"],
    ["--format", "{{range .Manifest.Manifests}}{{.Platform.Architecture}}{{end}}"],
    ["--format", "{{range $k, $v := .Manifest.Annotations}}{{$k}}={{$v}}{{end}}"],
    ["--format", "{{json .Image}}"],
    ["--format", '{{printf "%s" "\\x1b[2J"}}'],
  ];

  test.each(ways)("S35 shows nothing that a terminal acts on: %s %s", async (...args) => {
    await using host = await hostile();
    for (const tag of ["image", "index"]) {
      const ran = await runInProcess(["inspect", "-D", ...args, `${host.host}/t:${tag}`], { isTTY: true });
      expectCalm(ran.output);
      expectNoForgedLine(ran);
    }
  });

  test("S35 programs get the manifest's own bytes", async () => {
    await using host = await hostile();
    const ran = await runInProcess(["inspect", "--raw", `${host.host}/t:image`]);
    expect(ran.stdout).toBe(image);
  });
});

describe("S35 create on a terminal", () => {
  const run = (host: string, args: readonly string[]) =>
    runInProcess(["create", "-D", ...args, "-t", `${host}/t:new`, `${host}/t:index`], { isTTY: true });

  test.each(["tty", "plain", "quiet"])(
    "S35 shows nothing that a terminal acts on in a log with --progress %s",
    async (mode) => {
      await using host = await hostile();
      for (const format of ["text", "json"]) {
        const args = ["--progress", mode, "--log-level", "trace", "--log-format", format];
        const ran = await run(host.host, args);
        expectCalm(ran.output);
        expectNoForgedLine(ran);
        expect(ran.stderr).toContain(format === "json" ? '"level":"warn"' : "WARNING: ");
      }
    },
  );

  test.each(["tty", "plain", "rawjson", "quiet"])(
    "S35 shows nothing that a terminal acts on with --progress %s",
    async (mode) => {
      await using host = await hostile();
      const ran = await run(host.host, ["--progress", mode]);
      expectCalm(ran.output);
      expectNoForgedLine(ran);
    },
  );

  test("S35 shows the dry run's image without escapes, and programs its bytes", async () => {
    await using host = await hostile();
    const args = ["create", "--dry-run", "--prefer-index=false", `${host.host}/t:image`];
    expectCalm((await runInProcess(args, { isTTY: true })).output);
    expect((await runInProcess(args)).stdout).toBe(`${image}\n`);
  });

  const stages: readonly (readonly [string, (arrived: Arrived) => boolean])[] = [
    ["a source's manifest", ({ method, target }) => method === "GET" && target.includes("/manifests/index")],
    ["a target's tag", ({ method }) => method === "HEAD"],
    ["opening an upload", ({ method }) => method === "POST"],
    ["an upload", ({ method, target }) => method === "PUT" && target.includes("/uploads/")],
    ["a manifest's push", ({ method, target }) => method === "PUT" && target.includes("/manifests/")],
    ["a blob", ({ method, target }) => method === "GET" && target.includes("/blobs/")],
  ];
  const ways: readonly Way[] = ["json", "text", "code"];
  const cases = stages.flatMap(([name, failAt]) => ways.map((way) => [name, way, failAt] as const));

  test.each(cases)("S35 shows a refusal of %s, told as %s, without escapes", async (_name, way, failAt) => {
    await using host = await hostile({ failAt, way });
    for (const mode of ["tty", "plain", "rawjson"]) {
      const ran = await run(host.host, ["--progress", mode]);
      expectCalm(ran.output);
      expectNoForgedLine(ran);
    }
  });
});

test("S36 JSON lines stay one document a line, whatever the registry says", async () => {
  const failAt = ({ method, target }: Arrived) => method === "PUT" && target.includes("/manifests/");
  await using host = await hostile({ failAt });
  const args = ["create", "--progress", "rawjson", "-t", `${host.host}/t:new`, `${host.host}/t:index`];
  const { stderr } = await runInProcess(args);
  const lines = stderr.split("\n").filter((line) => line.startsWith("{"));
  expect(lines.length).toBeGreaterThan(2);
  for (const line of lines) {
    const members = Object.keys(JSON.parse(line) as object);
    expect(["vertexes", "statuses", "logs", "warnings"]).toEqual(expect.arrayContaining(members));
  }
});

test("S35 a name that the user was tricked to paste is shown without escapes", async () => {
  for (const name of [`r.example/${attack}:1`, `oci-layout:///nonexistent/${attack}`]) {
    for (const args of [
      ["inspect", name],
      ["create", "--dry-run", name],
      [name],
      ["inspect", `--${attack}`],
      ["login", name],
    ]) {
      expectCalm((await runInProcess(args, { isTTY: true })).output);
    }
  }
});
