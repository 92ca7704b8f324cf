import { describe, expect, test } from "vitest";
import { respond } from "../../test/support/responses.ts";
import { readBody } from "./body.ts";
import { withoutEchoes } from "./echoes.ts";
import type { HttpRequest } from "./send.ts";

const asked: HttpRequest = { method: "GET", url: "https://r.example/v2/app/manifests/1" };

/** What is left of a 404 that `query` led to. */
async function answerAfter(query: string, body: string): Promise<string> {
  const url = `https://r.example/x?${query}`;
  const response = await withoutEchoes()(async (request) => respond(request, 404, { url, body }))(asked);
  return Buffer.from(await readBody(response, 1e6)).toString();
}

describe("withoutEchoes", () => {
  test("lets no answer grow by the parameters that it was redirected to", async () => {
    const query = Array.from({ length: 1900 }, () => "=redact").join("&");

    const seen = await answerAfter(query, "redact".repeat(10_900));

    expect(seen).toBe("[redacted]".repeat(10_900));
  });

  test("drops the words of a server that leads to more parameters than anybody needs", async () => {
    const query = Array.from({ length: 1900 }, (_, index) => `p=signature-${index}`).join("&");

    expect(await answerAfter(query, "signature-7 is not valid")).toBe("[redacted]");
  });

  test("takes every parameter of a signed address out, and leaves the rest", async () => {
    const query = "X-Sig=abc%2Fdef%2B%3D&X-Key=key.*key&digest=sha256:aa";

    const seen = await answerAfter(query, "no abc/def+= nor abc%2Fdef%2B%3D for key.*key or keyxxkey of sha256:aa");

    expect(seen).toBe("no [redacted] nor [redacted] for [redacted] or keyxxkey of sha256:aa");
  });
});
