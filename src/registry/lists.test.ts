import { describe, expect, test } from "vitest";
import { client } from "../../test/support/client.ts";
import { respond } from "../../test/support/responses.ts";
import { blobOf, imageOf, pushImage, referrerOf } from "../../test/support/samples.ts";
import type { Send } from "../http/send.ts";
import { createMemoryStorage } from "../server/memory-storage.ts";
import { createRegistry } from "../server/registry.ts";
import { digestOf } from "../spec/digest.ts";
import { mediaTypes } from "../spec/media-type.ts";
import { referrersTag } from "./referrers.ts";

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** A wire that was redirected to `url` for the first page, and is told of a second one there. */
function redirectedTo(url: string, body: object): Send {
  const type = { "content-type": "application/vnd.oci.image.index.v1+json" };
  return async (request) => {
    if (request.url.endsWith("/page2")) return respond(request, 200, { headers: type, body });
    return respond(request, 200, { url, headers: { ...type, link: '</page2>; rel="next"' }, body });
  };
}

const nextElsewhere = { url: "https://storage.example/page2", ledBy: "https://registry.example" };

describe("tags", () => {
  test("tags come over all pages, each once", async () => {
    const to = client({ server: { maxPage: 2 } });
    await pushImage(to.repository, imageOf("x"), { tags: ["a", "b", "c", "d", "e"] });
    to.forget();
    expect(await all(to.repository.tags())).toEqual(["a", "b", "c", "d", "e"]);
    expect(to.requests).toHaveLength(3);
    expect(to.requests[0]).toBe("GET tags/list?n=1000");
  });

  test("tags leave out what is none, with one warning", async () => {
    const tags = ["ok", null, "ok", "sha256:12", 7, "x/y", "also.ok"];
    const to = client({ send: async (request) => respond(request, 200, { body: { name: "app", tags } }) });
    expect(await all(to.repository.tags())).toEqual(["ok", "also.ok"]);
    expect(to.warnings).toHaveLength(1);
  });

  test("tags take null for an empty list", async () => {
    const to = client({ send: async (request) => respond(request, 200, { body: { name: "app", tags: null } }) });
    expect(await all(to.repository.tags())).toEqual([]);
  });

  test.each([400, 405])("tags ask for fewer after %i and remember it", async (status) => {
    const send: Send = async (request) => {
      const n = Number(new URL(request.url).searchParams.get("n"));
      return n > 300 ? respond(request, status) : respond(request, 200, { body: { tags: ["a"] } });
    };
    const to = client({ send });
    expect(await all(to.repository.tags())).toEqual(["a"]);
    to.forget();
    await all(to.repository.tags());
    expect(to.requests).toEqual(["GET tags/list?n=250"]);
  });

  test("tags give the registry's cursor back as it came", async () => {
    const link = "/v2/app/tags/list?last=a%2fb~c&n=1";
    const send: Send = async (request) => {
      const isFirst = request.url.endsWith("n=1000");
      return respond(request, 200, {
        body: { tags: [isFirst ? "a" : "b"] },
        ...(isFirst && { headers: { link: `<${link}>; rel="next"` } }),
      });
    };
    const to = client({ send });
    expect(await all(to.repository.tags())).toEqual(["a", "b"]);
    expect(to.asked[1]?.url).toBe(`https://registry.example${link}`);
  });

  test("tags end when a page leads back to itself", async () => {
    const headers = { link: '</v2/app/tags/list?last=a>; rel="next"' };
    const to = client({ send: async (request) => respond(request, 200, { headers, body: { tags: ["a"] } }) });
    expect(await all(to.repository.tags())).toEqual(["a"]);
  });

  test("tags follow no link to another host", async () => {
    const headers = { link: '<https://evil.example/v2/app/tags/list>; rel="next"' };
    const to = client({ send: async (request) => respond(request, 200, { headers, body: { tags: ["a"] } }) });
    await expect(all(to.repository.tags())).rejects.toMatchObject({ code: "rejected" });
    expect(to.requests).toHaveLength(1);
    expect(to.unread).toEqual([]);
  });

  test.each(["http://registry.example", "https://registry.example:8443", "http://registry.example:5000"])(
    "tags go on where they are read when the next page is said to be at %s",
    async (said) => {
      const send: Send = async (request) => {
        const isFirst = request.url.endsWith("n=1000");
        const headers: Record<string, string> = isFirst
          ? { link: `<${said}/v2/app/tags/list?last=a%2fb>; rel="next"` }
          : {};
        return respond(request, 200, { headers, body: { tags: [isFirst ? "a" : "b"] } });
      };
      const to = client({ send });
      expect(await all(to.repository.tags())).toEqual(["a", "b"]);
      expect(to.asked[1]?.url).toBe("https://registry.example/v2/app/tags/list?last=a%2fb");
    },
  );

  test("tags say who led to the next page of a list that the registry had elsewhere", async () => {
    const to = client({ send: redirectedTo("https://storage.example/list", { tags: ["a"] }) });
    expect(await all(to.repository.tags())).toEqual(["a"]);
    expect(to.asked.at(-1)).toMatchObject(nextElsewhere);
  });

  test("tags say of no page of the registry's own that somebody led there, whatever scheme it speaks", async () => {
    const to = client({ send: redirectedTo("http://registry.example/list", { tags: ["a"] }) });
    await all(to.repository.tags());
    expect(to.asked.at(-1)).toMatchObject({ url: "http://registry.example/page2" });
    expect(to.asked.at(-1)).not.toHaveProperty("ledBy");
  });

  test("tags of a repository that does not exist are not_found", async () => {
    await expect(all(client().repository.tags())).rejects.toMatchObject({ code: "not_found" });
  });
});

describe("referrers", () => {
  const subject = imageOf("subject");
  const sbom = referrerOf(subject.descriptor, "application/vnd.example.sbom");
  const signature = referrerOf(subject.descriptor, "application/vnd.example.signature");
  const { digest } = subject.descriptor;
  const digests = (list: readonly { digest: string }[]) => list.map(({ digest }) => digest).sort();

  test("referrersTag cuts both parts of the digest", () => {
    expect(referrersTag(digest)).toBe(digest.replace(":", "-"));
    const long = digestOf(Buffer.from("x"), "sha512");
    expect(referrersTag(long)).toBe(`sha512-${long.slice(7, 71)}`);
  });

  test("referrers ask once without a filter, for every type", async () => {
    const to = client();
    for (const image of [subject, sbom, signature]) await pushImage(to.repository, image);
    to.forget();
    const found = await to.repository.referrers(digest, { artifactType: "application/vnd.example.sbom" });
    expect(digests(found)).toEqual([sbom.descriptor.digest]);
    expect(to.requests).toEqual([`GET referrers/${digest}`]);
  });

  test("referrers come over all pages", async () => {
    const to = client({ server: { maxPage: 1 } });
    for (const image of [subject, sbom, signature]) await pushImage(to.repository, image);
    expect(digests(await to.repository.referrers(digest))).toEqual(digests([sbom.descriptor, signature.descriptor]));
  });

  test("referrers say who led to the next page of a list that the registry had elsewhere", async () => {
    const body = { schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [] };
    const to = client({ send: redirectedTo("https://storage.example/list", body) });
    expect(await to.repository.referrers(digest)).toEqual([]);
    expect(to.asked.at(-1)).toMatchObject(nextElsewhere);
  });

  /** A wire with one entry on each page, where `next` tells the number of the page behind a page. */
  function paged(next: (page: number) => number): Send {
    return async (request) => {
      const page = Number(new URL(request.url).searchParams.get("page") ?? 0);
      const headers = { "content-type": mediaTypes.ociIndex, link: `<?page=${next(page)}>; rel="next"` };
      const entry = { ...sbom.descriptor, digest: digestOf(Buffer.from(`${page}`)) };
      const body = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [entry] };
      return respond(request, 200, { headers, body });
    };
  }

  test("referrers end when a page leads back to itself", async () => {
    const to = client({ send: paged(() => 1) });
    expect(await to.repository.referrers(digest)).toHaveLength(2);
    expect(to.requests).toHaveLength(2);
  });

  test("referrers are not cut short where there are more pages than are read", async () => {
    const to = client({ send: paged((page) => page + 1) });
    await expect(to.repository.referrers(digest)).rejects.toMatchObject({
      code: "too_large",
      message: 'Cannot list referrers in "registry.example/app": more than 100 pages',
    });
    expect(to.requests).toHaveLength(100);
  });

  test("referrers are kept in the fallback tag and read from there, and the API is asked once", async () => {
    const to = client({ server: { referrers: false } });
    for (const image of [subject, sbom, signature]) await pushImage(to.repository, image);
    to.forget();
    const expected = digests([sbom.descriptor, signature.descriptor]);
    expect(digests(await to.repository.referrers(digest))).toEqual(expected);
    expect(digests(await to.repository.referrers(digest))).toEqual(expected);
    const tag = `GET manifests/${referrersTag(digest)}`;
    expect(to.requests).toEqual([`GET referrers/${digest}`, tag, tag]);
  });

  test("referrers written at the same time are all kept", async () => {
    const to = client({ server: { referrers: false } });
    await pushImage(to.repository, subject);
    const many = Array.from({ length: 8 }, (_, at) => referrerOf(subject.descriptor, `application/vnd.example.n${at}`));
    await Promise.all(many.map((image) => pushImage(to.repository, image)));
    expect(digests(await to.repository.referrers(digest))).toEqual(digests(many.map(({ descriptor }) => descriptor)));
  });

  test("referrers that wait while the list is written are listed by the next write, all of them", async () => {
    const to = client({ server: { referrers: false } });
    await pushImage(to.repository, subject);
    const many = Array.from({ length: 8 }, (_, at) => referrerOf(subject.descriptor, `application/vnd.example.n${at}`));
    await Promise.all(many.map((image) => pushImage(to.repository, image)));
    const writes = to.requests.filter((line) => line === `PUT manifests/${referrersTag(digest)}`);
    expect(writes.length).toBeLessThanOrEqual(2);
  });

  test("referrers are listed again when somebody has taken the list away in between", async () => {
    const to = client({ server: { referrers: false } });
    for (const image of [subject, sbom]) await pushImage(to.repository, image);
    await to.repository.deleteTag(referrersTag(digest));
    await pushImage(to.repository, sbom);
    expect(digests(await to.repository.referrers(digest))).toEqual(digests([sbom.descriptor]));
  });

  test("referrers that wait are listed also when the one before them fails", async () => {
    const wire = createRegistry(createMemoryStorage(), { referrers: false });
    let isFirst = true;
    const failing = client({
      send: async (request) => {
        const isWrite = request.method === "PUT" && request.url.endsWith(referrersTag(digest));
        if (!isWrite || !isFirst) return wire(request);
        isFirst = false;
        return respond(request, 403);
      },
    });
    await pushImage(failing.repository, subject);
    const pushes = [sbom, signature].map((image) => pushImage(failing.repository, image));
    const outcomes = await Promise.allSettled(pushes);
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    const listed = digests(await client({ send: wire }).repository.referrers(digest));
    expect(listed).toEqual(digests([sbom.descriptor, signature.descriptor]));
  });

  test("referrers stay listed when the registry shows the list late", async () => {
    const wire = createRegistry(createMemoryStorage(), { referrers: false });
    let writes = 0;
    // After the second write the list seems to be gone, once.
    const late = client({
      send: async (request) => {
        const isList = request.url.endsWith(referrersTag(digest));
        if (isList && request.method === "PUT") writes += 1;
        if (!isList || request.method !== "GET" || writes !== 2) return wire(request);
        writes += 1;
        return respond(request, 404);
      },
    });
    for (const image of [subject, sbom, signature]) await pushImage(late.repository, image);
    const found = await client({ send: wire }).repository.referrers(digest);
    expect(digests(found)).toEqual(digests([sbom.descriptor, signature.descriptor]));
  });

  test("referrers written by others at the same time are merged", async () => {
    const wire = createRegistry(createMemoryStorage(), { referrers: false });
    const other = client({ send: wire }).repository;
    const list = Buffer.from(
      JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [signature.descriptor] }),
    );
    let isFirst = true;
    // Somebody else writes the tag just after us, from what was there before, and the registry does not care about If-Match.
    const racing = client({
      send: async (request) => {
        const { "if-match": _, ...headers } = request.headers ?? {};
        const isWrite = request.method === "PUT" && request.url.endsWith(referrersTag(digest));
        if (isWrite && isFirst) {
          isFirst = false;
          const response = await wire({ ...request, headers });
          // The other had read before we wrote: its list does not hold our entry.
          await wire({ ...request, headers, body: list });
          return response;
        }
        return wire({ ...request, headers });
      },
    });
    await pushImage(racing.repository, subject);
    // Without its subject, so that nobody lists it yet.
    await pushImage(other, { ...signature, document: { ...signature.document, subject: undefined } });
    await pushImage(racing.repository, sbom);
    expect(digests(await other.referrers(digest))).toEqual(digests([sbom.descriptor, signature.descriptor]));
  });

  test("referrers take a 200 that is no index for a missing API", async () => {
    const to = client({
      send: async (request) => {
        if (request.url.includes("/referrers/"))
          return respond(request, 200, { headers: { "content-type": "text/html" }, body: "hi" });
        return respond(request, 404);
      },
    });
    expect(await to.repository.referrers(digest)).toEqual([]);
    expect(to.requests).toHaveLength(2);
  });

  test.each(["", "{}", '{"manifests":[{}]}'])("referrers name the registry whose list is %j", async (body) => {
    const headers = { "content-type": mediaTypes.ociIndex };
    const to = client({ send: async (request) => respond(request, 200, { headers, body }) });
    await expect(to.repository.referrers(digest)).rejects.toMatchObject({
      code: "invalid_manifest",
      message: expect.stringMatching(/^Cannot list referrers in "registry\.example\/app": Cannot read /),
      context: { registry: "registry.example", repository: "app" },
    });
  });

  test("referrers say what is looked for under a fallback tag that is refused", async () => {
    const to = client({
      server: { referrers: false },
      faults: [{ path: referrersTag(digest), fault: { kind: "status", status: 403 } }],
    });
    await expect(to.repository.referrers(digest)).rejects.toMatchObject({
      code: "auth_denied",
      message: `Cannot list referrers in "registry.example/app": Cannot read manifest "${referrersTag(digest)}" in "registry.example/app": 403`,
      context: { status: 403, advice: expect.stringMatching(/^Signatures and attestations .* --referrers none/) },
    });
  });

  test("referrers of a repository that does not exist teach nothing about the API", async () => {
    const body = { errors: [{ code: "NAME_UNKNOWN" }] };
    const to = client({ send: async (request) => respond(request, 404, { body }) });
    await to.repository.referrers(digest);
    await to.repository.referrers(digest);
    expect(to.requests.filter((line) => line.includes("referrers/"))).toHaveLength(2);
  });

  test("referrers of what has none are empty", async () => {
    const to = client();
    expect(await to.repository.referrers(blobOf(Buffer.from("nobody")).digest)).toEqual([]);
  });
});
