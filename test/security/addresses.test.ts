import { networkInterfaces } from "node:os";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../src/async/clock.ts";
import { classOfAddress } from "../../src/http/address.ts";
import { createNetwork, type Network, type NetworkOptions } from "../../src/http/network.ts";
import { digestOf } from "../../src/spec/digest.ts";
import { goJson } from "../../src/spec/json.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";
import { answerWith, evilHost, type Answer, type EvilHost } from "../support/evil-host.ts";
import { basicEntry, internet, type InternetOptions } from "../support/hosts.ts";
import { parseReference } from "../../src/spec/reference.ts";

const empty = Buffer.from("{}");
const image = goJson({
  schemaVersion: 2,
  mediaType: mediaTypes.ociManifest,
  config: { mediaType: mediaTypes.ociConfig, digest: digestOf(empty), size: 2 },
  layers: [],
});

/** Serves the image; to those without credential only the challenge, where there is a realm. */
function registry(realm?: (host: string) => string): Answer {
  return ({ headers }, response) => {
    const challenge = realm?.(String(headers["host"]));
    if (challenge !== undefined && headers["authorization"] === undefined)
      return answerWith(response, 401, { headers: { "www-authenticate": `Bearer realm="${challenge}"` } });
    answerWith(response, 200, { headers: { "content-type": mediaTypes.ociManifest }, body: image });
  };
}

const tokens: Answer = (_arrived, response) => answerWith(response, 200, { body: { token: "t" } });
const redirect =
  (location: string): Answer =>
  (_arrived, response) =>
    answerWith(response, 307, { headers: { location } });

async function pull(reference: string, options: InternetOptions = {}) {
  await using net = await internet("sockets", options);
  const { location } = parseReference(reference);
  return (await (await net.stores.open(location)).manifest("1")).descriptor.mediaType;
}

/** A network of real sockets whose names lead where a test says. */
function networkTo(options: Partial<NetworkOptions>): Network {
  return createNetwork({ clock: systemClock(), userAgent: "waybill/test", ...options });
}

/** A registry that is not on a private address as far as anybody can tell: it is reached by name, through a proxy. */
async function farAway(answer: Answer, options: Partial<NetworkOptions> = {}) {
  const proxy = await evilHost(answer);
  const proxyFor = (url: string) => (new URL(url).hostname === "far.example" ? `http://${proxy.host}` : undefined);
  const network = networkTo({ proxyFor, ...options });
  return {
    proxy,
    settings: { network, plainHttp: ["far.example"] },
    async [Symbol.asyncDispose]() {
      await network.close();
      await proxy[Symbol.asyncDispose]();
    },
  };
}

const inside = [
  "http://127.0.0.1:PORT/",
  "http://localhost:PORT/",
  "http://2130706433:PORT/",
  "http://0x7f.1:PORT/",
  "http://0177.0.0.1:PORT/",
  "http://[::ffff:127.0.0.1]:PORT/",
  "http://[::ffff:7f00:1]:PORT/",
  "http://[::1]:PORT/",
  "http://127.1:PORT/",
];

describe("S03 a registry that is far away", () => {
  test.each(inside)("S03 leads nobody to %s by a redirect", async (address) => {
    await using service = await evilHost(tokens);
    await using far = await farAway(redirect(address.replace("PORT", String(service.port))));
    await expect(pull("far.example/app:1", far.settings)).rejects.toMatchObject({ code: "address_forbidden" });
    expect(service.arrived).toEqual([]);
  });

  test.each(inside)("S03 leads nobody to %s by a realm", async (address) => {
    await using service = await evilHost(tokens);
    await using far = await farAway(registry(() => address.replace("PORT", String(service.port))));
    await expect(pull("far.example/app:1", far.settings)).rejects.toMatchObject({ code: "address_forbidden" });
    expect(service.arrived).toEqual([]);
  });

  test.each(inside)("S03 leads nobody to %s by an upload location", async (address) => {
    await using service = await evilHost((_arrived, response) => answerWith(response, 201));
    const location = address.replace("PORT", String(service.port));
    await using far = await farAway(({ method }, response) =>
      method === "POST" ? answerWith(response, 202, { headers: { location } }) : answerWith(response, 404),
    );
    await using net = await internet("sockets", far.settings);
    const store = await net.stores.open(parseReference("far.example/app").location);
    const blob = { mediaType: mediaTypes.ociLayer, digest: digestOf(empty), size: 2 };
    await expect(
      store.pushBlob(blob, async function* () {
        yield empty;
      }),
    ).rejects.toMatchObject({ code: "address_forbidden" });
    expect(service.arrived).toEqual([]);
  });

  test.each([
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fe80::1]/",
    "http://0.0.0.0:8080/",
    "http://0.1.2.3/",
    "http://[::]/",
    "http://[::ffff:169.254.169.254]/",
    "http://2852039166/",
    "http://10.0.0.1/",
    "http://192.168.0.1/",
    "http://172.16.0.1/",
    "http://100.64.0.1/",
    "http://[fd12::1]/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://[fd20:ce::254]/",
    "http://168.63.129.16/",
  ])("S03 leads nobody to %s", async (address) => {
    await using far = await farAway(redirect(address));
    await expect(pull("far.example/app:1", far.settings)).rejects.toMatchObject({ code: "address_forbidden" });
  });

  test("S03 leads nobody to a name behind which a private address stands among public ones", async () => {
    const lookup = async () => [
      { address: "203.0.113.1", family: 4 },
      { address: "127.0.0.1", family: 4 },
    ];
    await using far = await farAway(redirect("http://rebound.example/"), { lookup });
    await expect(pull("far.example/app:1", far.settings)).rejects.toMatchObject({ code: "address_forbidden" });
  });

  test("S03 a name that changes its address between two requests is looked at again", async () => {
    await using service = await evilHost(tokens);
    let asked = 0;
    // A public address at first, as a check would see it; then the one that is really connected to.
    const lookup = async () => [{ address: asked++ === 0 ? "203.0.113.1" : "127.0.0.1", family: 4 }];
    const deadlines = { connectMs: 50 };
    await using far = await farAway(redirect(`http://rebound.example:${service.port}/`), { lookup, deadlines });
    await expect(pull("far.example/app:1", far.settings)).rejects.toMatchObject({ code: "address_forbidden" });
    expect(asked).toBeGreaterThan(1);
    expect(service.arrived).toEqual([]);
  });

  test("S03 leads to a private host that the user allows, and from there nowhere else that is private", async () => {
    await using service = await evilHost(registry());
    const name = `127.0.0.1:${service.port}`;
    await using far = await farAway(redirect(`http://${name}/blob`), { allowPrivate: [name] });
    expect(await pull("far.example/app:1", far.settings)).toBe(mediaTypes.ociManifest);
    await using other = await farAway(redirect(`http://${name}/blob`), { allowPrivate: ["127.0.0.1:1", "10.0.0.1"] });
    await expect(pull("far.example/app:1", other.settings)).rejects.toMatchObject({
      code: "address_forbidden",
      context: { advice: expect.stringContaining(`--allow-private ${name}`) },
    });
  });

  test("S03 even a host that the user allows is not link-local", async () => {
    const address = "169.254.169.254";
    await using far = await farAway(redirect(`http://${address}/`), { allowPrivate: [address] });
    await expect(pull("far.example/app:1", far.settings)).rejects.toMatchObject({ code: "address_forbidden" });
  });

  test("S03 a literal address is looked at also where a proxy would connect to it", async () => {
    const proxied: string[] = [];
    const answer: Answer = (arrived, response, request) => {
      proxied.push(arrived.target);
      return redirect("http://10.0.0.1/secret")(arrived, response, request);
    };
    await using proxy = await evilHost(answer);
    const network = networkTo({ proxyFor: () => `http://${proxy.host}` });
    const settings = { network, plainHttp: ["far.example"] };
    await expect(pull("far.example/app:1", settings)).rejects.toMatchObject({ code: "address_forbidden" });
    expect(proxied).toHaveLength(1);
    await network.close();
  });
});

describe("S03 layouts that people have work without a flag", () => {
  test("S03 a registry on loopback with its token service on another port of loopback", async () => {
    await using service = await evilHost(tokens);
    for (const host of ["127.0.0.1", "localhost", "[::1]"]) {
      const options = host === "[::1]" ? { address: "::1" } : {};
      await using server = await evilHost(
        registry(() => `http://127.0.0.1:${service.port}/token`),
        options,
      );
      const name = `${host}:${server.port}`;
      const config = { auths: { [name]: basicEntry("me", "secret") } };
      expect(await pull(`${name}/app:1`, { config })).toBe(mediaTypes.ociManifest);
    }
  });

  test("S03 a registry on loopback that redirects to an object store on loopback", async () => {
    await using store = await evilHost(registry());
    await using server = await evilHost(redirect(`http://127.0.0.1:${store.port}/blob?X-Amz-Signature=1`));
    expect(await pull(`${server.host}/app:1`)).toBe(mediaTypes.ociManifest);
  });

  test("S03 a private registry with realm and object store on a second private host", async ({ skip }) => {
    const address = ownAddress("private");
    if (address === undefined) {
      skip("this machine has no private address");
      return;
    }
    await using second = await evilHost(
      (arrived, response, request) =>
        (arrived.target.startsWith("/blob") ? registry() : tokens)(arrived, response, request),
      { address },
    );
    const redirecting: Answer = (arrived, response, request) =>
      arrived.headers["authorization"] === undefined
        ? registry(() => `http://${second.host}/jwt/auth`)(arrived, response, request)
        : redirect(`http://${second.host}/blob`)(arrived, response, request);
    await using first = await evilHost(redirecting, { address });
    expect(await pull(`${first.host}/app:1`, { plainHttp: [first.host] })).toBe(mediaTypes.ociManifest);
    await expectNoLoopback(address);
  });

  async function expectNoLoopback(address: string): Promise<void> {
    await using local: EvilHost = await evilHost(tokens);
    await using server = await evilHost(redirect(`http://${local.host}/admin`), { address });
    const reading = pull(`${server.host}/app:1`, { plainHttp: [server.host] });
    await expect(reading).rejects.toMatchObject({ code: "address_forbidden" });
    expect(local.arrived).toEqual([]);
  }

  test("S03 a public registry leads to no private host, and to a public one", async ({ skip }) => {
    const [near, far] = [ownAddress("private"), ownAddress("public")];
    if (near === undefined || far === undefined) {
      skip("this machine has no such addresses");
      return;
    }
    await using local = await evilHost(registry(), { address: near });
    await using cdn = await evilHost(registry(), { address: far });
    await using leading = await evilHost(redirect(`http://${local.host}/`), { address: far });
    await using good = await evilHost(redirect(`http://${cdn.host}/`), { address: far });
    const to = ({ host }: EvilHost) => pull(`${host}/app:1`, { plainHttp: [host] });
    await expect(to(leading)).rejects.toMatchObject({ code: "address_forbidden" });
    expect(await to(good)).toBe(mediaTypes.ociManifest);
    expect(local.arrived).toEqual([]);
  });

  test("S03 what the user names is reached wherever it is", async () => {
    await using server = await evilHost(registry());
    const lookup = async () => [{ address: "127.0.0.1", family: 4 }];
    const network = networkTo({ lookup });
    const name = `corp.example:${server.port}`;
    expect(await pull(`${name}/app:1`, { network, plainHttp: [name] })).toBe(mediaTypes.ociManifest);
    await network.close();
  });
});

/** An address of this machine, other than loopback, of this class. */
function ownAddress(kind: "private" | "public"): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return all.map(({ address }) => address).find((address) => classOfAddress(address) === kind);
}
