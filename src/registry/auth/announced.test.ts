import { expect, test } from "vitest";
import { parseReference } from "../../spec/reference.ts";
import { announced } from "./announced.ts";

const place = (name: string) => parseReference(name).location;

test("scopesFor gives each scope of a registry once, while some run has announced it", () => {
  const { announce, scopesFor } = announced();
  const one = announce({ pull: [place("r.example/base")], push: [place("r.example/app"), place("other.example/app")] });
  const other = announce({ pull: [place("r.example/base")], push: [] });

  expect(scopesFor("r.example")).toEqual(["repository:app:pull,push", "repository:base:pull"]);
  one[Symbol.dispose]();
  one[Symbol.dispose]();
  expect(scopesFor("r.example")).toEqual(["repository:base:pull"]);
  other[Symbol.dispose]();
  expect(scopesFor("r.example")).toEqual([]);
});
