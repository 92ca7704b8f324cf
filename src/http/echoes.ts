import type { Bytes } from "../content/store.ts";
import { answerLike } from "./body.ts";
import { headersFrom } from "./headers.ts";
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
const ours = new Set(
  ["account", "artifactType", "digest", "digest-algorithm", "from", "last", "mount", "n", "scope", "service"].concat(
    "tag",
  ),
);

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

/** `text` without any of `secrets`, plain or as addresses, JSON and Basic write them, for words that came from outside and may echo them. */
export function scrub(text: string, secrets: readonly Secret[]): string {
  return scrubber(secrets)(text);
}

/** What stands where a secret was. */
const gone = "[redacted]";
/** No address or login needs as many; a server that gives more gets its words dropped. */
const mostForms = 128;
/** A long secret is found by its beginning: its whole length is looked at only there, so that no text makes the search slow. */
const knownByLength = 64;

/** `scrub` for several texts. Each is walked through once: what was put in is not looked at again. */
function scrubber(secrets: readonly Secret[]): (text: string) => string {
  const forms = [...new Set(secrets.flatMap(formsOf))].toSorted((a, b) => b.length - a.length);
  if (forms.length === 0) return (text) => text;
  if (forms.length > mostForms) return () => gone;
  // Made where it is needed: most texts hold none, and a request's name is looked at with every answer.
  let beginnings: RegExp | undefined;
  return (text) => {
    if (!forms.some((form) => text.includes(form.slice(0, knownByLength)))) return text;
    return replaced(text, forms, (beginnings ??= beginningOf(forms)));
  };
}

/** A secret as texts may show it. */
function formsOf(secret: Secret): readonly string[] {
  const plain = secret.reveal();
  if (plain === "") return [];
  const inJson = JSON.stringify(plain).slice(1, -1);
  return [plain, encodeURIComponent(plain), inJson, Buffer.from(plain).toString("base64")];
}

/** Matches where any of `forms` begins. In this order a longer one is tried first, and those that begin alike are compiled into one. */
function beginningOf(forms: readonly string[]): RegExp {
  const beginnings = new Set(forms.map((form) => form.slice(0, knownByLength)));
  const literals = [...beginnings].toSorted().toReversed();
  return new RegExp(
    literals.map((literal) => literal.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, String.raw`\$&`)).join("|"),
    "g",
  );
}

function replaced(text: string, longestFirst: readonly string[], beginnings: RegExp): string {
  let safe = "";
  let end = 0;
  beginnings.lastIndex = 0;
  for (let found = beginnings.exec(text); found; found = beginnings.exec(text)) {
    const { index, 0: beginning } = found;
    const whole = longestFirst.find((form) => text.startsWith(form, index)) ?? "";
    safe += text.slice(end, index) + gone;
    end = index + Math.max(whole.length, beginning.length);
    beginnings.lastIndex = end;
  }
  return safe + text.slice(end);
}
