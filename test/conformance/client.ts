import { randomBytes } from "node:crypto";
import { expect } from "vitest";
import { readBody } from "../../src/http/body.ts";
import type { HttpHeaders, HttpRequest, Method, RequestBody, Send } from "../../src/http/send.ts";
import { digestOf, type Digest } from "../../src/spec/digest.ts";
import { mediaTypes } from "../../src/spec/media-type.ts";

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | RequestBody;
}

export interface Answered {
  readonly status: number;
  readonly headers: HttpHeaders;
  readonly bytes: Buffer;
  readonly json: unknown;
}

/** A registry as a state of the suite sees it, with the steps that many states share. */
export class Client {
  readonly #send: Send;
  readonly #base: string;

  constructor(send: Send, base: string) {
    this.#send = send;
    this.#base = base;
  }

  async ask(method: Method, path: string, { headers, body }: Asked = {}): Promise<Answered> {
    const url = new URL(path, this.#base).href;
    const request: HttpRequest = { method, url, ...(headers && { headers }), ...(body && { body }) };
    const response = await this.#send(request);
    const bytes = Buffer.from(await readBody(response, 64 * 1024 * 1024));
    return { status: response.status, headers: response.headers, bytes, json: parsed(bytes) };
  }

  /** A name that nobody has used yet. */
  newRepository(): string {
    return `conformance/${randomBytes(6).toString("hex")}`;
  }

  /** POSTs and gives the place to write to. */
  async openUpload(repository: string, query = ""): Promise<string> {
    const opened = await this.ask("POST", `/v2/${repository}/blobs/uploads/${query}`);
    expect(opened.status).toBe(202);
    return locationOf(opened);
  }

  async pushBlob(repository: string, bytes: Uint8Array): Promise<Digest> {
    const digest = digestOf(bytes);
    const location = await this.openUpload(repository);
    const closed = await this.ask("PUT", withDigest(location, digest), { body: bytes });
    expect(closed.status).toBe(201);
    return digest;
  }

  pushManifest(repository: string, reference: string, { bytes, mediaType }: Document): Promise<Answered> {
    return this.ask("PUT", `/v2/${repository}/manifests/${reference}`, {
      headers: { "content-type": mediaType },
      body: bytes,
    });
  }

  /** An image whose config and layer are there already. */
  async image(repository: string, members: object = {}): Promise<Document> {
    const [config, layer] = [Buffer.from("{}"), randomBytes(64)];
    const descriptors = [
      { mediaType: mediaTypes.ociConfig, digest: await this.pushBlob(repository, config), size: config.byteLength },
      { mediaType: mediaTypes.ociLayer, digest: await this.pushBlob(repository, layer), size: layer.byteLength },
    ];
    const [configDescriptor, layerDescriptor] = descriptors;
    return documentOf(mediaTypes.ociManifest, { config: configDescriptor, layers: [layerDescriptor], ...members });
  }

  async pushImage(repository: string, tag: string, members: object = {}): Promise<Document> {
    const image = await this.image(repository, members);
    expect((await this.pushManifest(repository, tag, image)).status).toBe(201);
    return image;
  }
}

export interface Document {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  readonly mediaType: string;
}

export function documentOf(mediaType: string, members: object): Document {
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, ...members }));
  return { bytes, digest: digestOf(bytes), mediaType };
}

export function descriptorOf({ bytes, digest, mediaType }: Document) {
  return { mediaType, digest, size: bytes.byteLength };
}

export function locationOf(answer: Answered): string {
  const location = answer.headers.get("location");
  expect(location).toBeTruthy();
  return location!;
}

/** What a registry sends as location is not rebuilt, only added to. */
export function withDigest(location: string, digest: string): string {
  return `${location}${location.includes("?") ? "&" : "?"}digest=${digest}`;
}

/** Checks the form of the spec's errors, and the code of the first. Spec: distribution-spec v1.1.1, "Error Codes". */
export function expectProblem(
  answer: Answered,
  status: number | readonly number[],
  code?: string | readonly string[],
): void {
  expect([status].flat()).toContain(answer.status);
  if (code === undefined) return;
  const { errors } = answer.json as { errors: { code: string }[] };
  expect([code].flat()).toContain(errors[0]?.code);
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}
