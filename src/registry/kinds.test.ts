import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fakeClock } from "../../test/support/fake-clock.ts";
import { faulty, type FaultRule } from "../server/faults.ts";
import { createMemoryStorage } from "../server/memory-storage.ts";
import { createRegistry } from "../server/registry.ts";
import { silent } from "../telemetry/events.ts";
import { kinds } from "./kinds.ts";
import { openRegistry } from "./registry.ts";

const page = readFileSync(new URL("../../docs/registries.md", import.meta.url), "utf8");
const section = page.split("## Does deleting a tag leave the image?\n")[1] ?? "";

test("the kinds whose tags are deleted are those that docs/registries.md has tried", () => {
  const rows = section
    .split("\n")
    .filter((line) => /^\| (?!registry)[^-]/.test(line))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  expect(rows.length).toBeGreaterThan(5);
  const proved = rows.filter((cells) => cells.at(-2) === "yes").map(([, name]) => name);
  expect(proved).toEqual(kinds.filter(({ deletesTagsAlone }) => deletesTagsAlone).map(({ name }) => name));
});

function repositoryWith(rules: readonly FaultRule[] = []) {
  const send = faulty(createRegistry(createMemoryStorage()), rules);
  const wire = { send, clock: fakeClock(), random: () => 0, report: silent, baseUrl: "https://registry.example" };
  return openRegistry("registry.example", wire).repository("app");
}

test("a registry is of a kind once it has said so itself", async () => {
  const repository = repositoryWith();

  expect(repository.facts?.().deletesTagsAlone).toBeUndefined();
  await repository.tagged("1");
  expect(repository.facts?.().deletesTagsAlone).toBe(true);
});

test.each([
  ["says nothing", { server: undefined }],
  ["stands behind a proxy", { server: "nginx" }],
  ["only begins like one", { server: "waybill-fork/2" }],
])("a registry that %s is of no kind", async (_how, set) => {
  const repository = repositoryWith([{ fault: { kind: "headers", set } }]);

  await repository.tagged("1");

  expect(repository.facts?.().deletesTagsAlone).toBeUndefined();
});
