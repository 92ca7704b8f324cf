import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { cachedDataVersionTag } from "node:v8";
import { expect, test } from "vitest";
import { loadCompiled, type Surroundings } from "./compiled.ts";

/** A file that exports `value`, and a user's cache beside it. */
async function fileOf(value: string, env: Readonly<Record<string, string>> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "compiled-"));
  const path = join(folder, "file.js");
  writeFileSync(path, sourceOf(value));
  const cache = join(folder, "cache");
  const { arch, platform, versions } = process;
  const around: Surroundings = { arch, platform, versions, env: { XDG_CACHE_HOME: cache, ...env } };
  const kept = join(cache, "waybill", `waybill-b1-${versions.node}-${arch}-${cachedDataVersionTag().toString(16)}`);
  return {
    path,
    around,
    cache: join(cache, "waybill"),
    kept,
    load: (build = "b1") => loadCompiled(path, build, around),
  };
}

function sourceOf(value: string): string {
  return `exports.value = () => "${value}"; exports.again = () => require(__filename);`;
}

function valueOf({ exports }: { readonly exports: unknown }): string {
  return (exports as { value(): string }).value();
}

test("loadCompiled gives what the file exports, also to whoever requires it again", async () => {
  const { load } = await fileOf("a");

  const { exports } = load();

  expect(valueOf({ exports })).toBe("a");
  expect((exports as { again(): unknown }).again()).toBe(exports);
});

test("loadCompiled keeps the places in the file that stacks name", async () => {
  const { load, path } = await fileOf("a");
  const source = 'exports.value = () => new Error("here");';
  writeFileSync(path, source);

  const { stack } = (load().exports as { value(): Error }).value();

  expect(stack).toContain(`${path}:1:${source.indexOf("new Error") + 1}`);
});

// V8 asks of a source only how long it is: another one of the same length shows whose code runs.
test("loadCompiled runs the code that an earlier process has kept", async () => {
  const { load, path, kept, cache } = await fileOf("old");
  const first = load();
  valueOf(first);

  first.keep?.({ isWhole: true });
  writeFileSync(path, sourceOf("new"));
  const second = load();

  expect(valueOf(second)).toBe("old");
  expect(second.keep).toBeUndefined();
  expect(statSync(kept).mode & 0o777).toBe(0o600);
  expect(statSync(cache).mode & 0o777).toBe(0o700);
  expect(readdirSync(cache)).toHaveLength(1);
});

test("loadCompiled keeps a part where there is nothing, and the whole in its place", async () => {
  const { load, kept } = await fileOf("a");
  load().keep?.({ isWhole: false });
  const part = readFileSync(kept);

  const again = load();
  valueOf(again);
  again.keep?.({ isWhole: false });
  expect(readFileSync(kept)).toEqual(part);

  again.keep?.({ isWhole: true });
  expect(readFileSync(kept)).not.toEqual(part);
  expect(load().keep).toBeUndefined();
});

test("loadCompiled runs no code that was kept of another build", async () => {
  const { load, path } = await fileOf("old");
  load().keep?.({ isWhole: true });
  writeFileSync(path, sourceOf("new"));

  expect(valueOf(load("b2"))).toBe("new");
});

test.each([
  ["is damaged", (kept: string) => writeFileSync(kept, damaged(readFileSync(kept)))],
  ["is cut short", (kept: string) => writeFileSync(kept, readFileSync(kept).subarray(0, 2))],
  ["others can write to", (kept: string) => chmodSync(kept, 0o622)],
  ["lies in a folder that others can write to", (kept: string) => chmodSync(join(kept, ".."), 0o777)],
])("loadCompiled compiles anew where what was kept %s", async (_, spoil) => {
  const { load, path, kept } = await fileOf("old");
  load().keep?.({ isWhole: true });
  spoil(kept);
  writeFileSync(path, sourceOf("new"));

  const loaded = load();

  expect(valueOf(loaded)).toBe("new");
  expect(loaded.keep).toBeDefined();
});

function damaged(bytes: Buffer): Buffer {
  const at = bytes.byteLength >> 1;
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  return bytes;
}

test("loadCompiled keeps nothing in a folder that others can write to", async () => {
  const { load, cache } = await fileOf("a");
  mkdirSync(cache, { recursive: true });
  chmodSync(cache, 0o777);

  load().keep?.({ isWhole: true });

  expect(readdirSync(cache)).toEqual([]);
});

test("loadCompiled says nothing where the cache cannot be a folder", async () => {
  const { load, cache } = await fileOf("a");
  writeFileSync(join(cache, ".."), "");

  load().keep?.({ isWhole: true });

  expect(valueOf(load())).toBe("a");
});

test.each([
  ["NODE_DISABLE_COMPILE_CACHE", "1"],
  ["NODE_V8_COVERAGE", "/tmp"],
])("loadCompiled keeps nothing with %s", async (name, value) => {
  const { load, cache } = await fileOf("a", { [name]: value });

  expect(load().keep).toBeUndefined();
  expect(existsSync(cache)).toBe(false);
});

test("loadCompiled keeps code where NODE_COMPILE_CACHE says", async () => {
  const folder = await mkdtemp(join(tmpdir(), "compiled-"));
  const { load } = await fileOf("a", { NODE_COMPILE_CACHE: folder });

  load().keep?.({ isWhole: true });

  expect(readdirSync(folder)).toHaveLength(1);
});

test("loadCompiled keeps what a run with telemetry uses apart from what others do", async () => {
  const plain = await fileOf("a");
  plain.load().keep?.({ isWhole: true });
  const env = { ...plain.around.env, OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:4318" };

  const traced = loadCompiled(plain.path, "b1", { ...plain.around, env });
  traced.keep?.({ isWhole: true });

  expect(readdirSync(plain.cache).map((name) => name.endsWith("-traced"))).toEqual([false, true]);
  expect(loadCompiled(plain.path, "b1", { ...plain.around, env }).keep).toBeUndefined();
});

test("loadCompiled forgets the oldest of more than four", async () => {
  const { load, cache } = await fileOf("a");
  mkdirSync(cache, { recursive: true, mode: 0o700 });
  writeFileSync(join(cache, "something else"), "");
  for (const [age, name] of ["waybill-b", "waybill-c", "waybill-d", "waybill-e"].entries()) {
    writeFileSync(join(cache, name), "");
    utimesSync(join(cache, name), 1000 - age, 1000 - age);
  }

  load().keep?.({ isWhole: true });

  const names = readdirSync(cache);
  expect(names).toHaveLength(5);
  expect(names).not.toContain("waybill-e");
  expect(names).toContain("something else");
});
