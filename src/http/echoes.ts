import type { Bytes } from "../content/store.ts";
import { answerLike } from "./body.ts";
import { headersFrom } from "./headers.ts";
import { scrub, scrubber } from "./scrub.ts";
import { Secret, type HttpHeaders, type HttpRequest, type HttpResponse, type Interceptor } from "./send.ts";

export interface EchoOptions {
  /** Secrets that requests carry besides their own credential, such as a proxy's password. */
  readonly secrets?: readonly Secret[];
}

/** What is shorter could be any word of the answer. */
const leastLength = 6;
/** More of an error answer is quoted by nobody. */
const maxBytes = 64 * 1024;

/**
 * Takes our own secrets out of what servers say: of error answers, in their first 64 KiB, and of `Warning` headers. Some quote
 * the headers that they were sent, and object stores the address that gave access.
 */
export function withoutEchoes({ secrets = [] }: EchoOptions = {}): Interceptor {
  return (next) => async (request) => {
    const response = await next(request);
    const isError = response.status >= 400;
    if (!isError && response.headers.all("warning").length === 0) return response;
    const sent = [...secrets, ...credentialsOf(request), ...queryOf(request.url), ...queryOf(response.url)];
    const clean = scrubber(sent.filter(isLong));
    const headers = cleaned(response.headers, clean);
    return answerLike(response, { headers, ...(isError && { body: cleanedBody(response, clean) }) });
  };
}

function isLong(secret: Secret): boolean {
  return secret.reveal().length >= leastLength;
}

/** `text`, which came with the answer to `request`, without that one's credential. */
export function withoutCredentials(text: string, request: HttpRequest): string {
  // What is longer than the text is not in it.
  const possible = credentialsOf(request).filter((secret) => isLong(secret) && secret.reveal().length <= text.length);
  return possible.length === 0 ? text : scrub(text, possible);
}

/** The credential as it was sent, and the password in it. */
function credentialsOf({ authorization }: HttpRequest): readonly Secret[] {
  const [scheme = "", ...rest] = authorization?.value.reveal().split(" ") ?? [];
  const value = rest.join(" ");
  if (scheme.toLowerCase() !== "basic") return [new Secret(value)];
  const pair = Buffer.from(value, "base64").toString();
  return [value, pair, pair.slice(pair.indexOf(":") + 1)].map((text) => new Secret(text));
}

/** Parameters that we write ourselves. Whatever else is in an address came from a server and may be what gives access. */
const ours = new Set([
  "account",
  "artifactType",
  "digest",
  "digest-algorithm",
  "from",
  "last",
  "mount",
  "n",
  "scope",
  "service",
  "tag",
]);

function queryOf(url: string): readonly Secret[] {
  const { searchParams } = new URL(url);
  return [...searchParams].flatMap(([name, value]) => (ours.has(name) ? [] : [new Secret(value)]));
}

function cleaned(headers: HttpHeaders, clean: (text: string) => string): HttpHeaders {
  const pairs = headers
    .names()
    .flatMap((name) => headers.all(name).flatMap((value) => [name, name === "warning" ? clean(value) : value]));
  return headersFrom(pairs);
}

async function* cleanedBody(response: HttpResponse, clean: (text: string) => string): Bytes {
  const chunks: Uint8Array[] = [];
  let seen = 0;
  for await (const chunk of response.body) {
    seen += chunk.byteLength;
    if (seen > maxBytes) {
      yield* beginning(chunks.splice(0), clean);
      yield chunk;
    } else chunks.push(chunk);
  }
  yield* beginning(chunks, clean);
}

function* beginning(chunks: readonly Uint8Array[], clean: (text: string) => string): Generator<Uint8Array> {
  if (chunks.length === 0) return;
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString();
  const safe = clean(text);
  yield safe === text ? bytes : Buffer.from(safe);
}
