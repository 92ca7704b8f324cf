import type { Place } from "./signs.ts";

/** A line of at most so many characters is shown whole. */
const short = 240;
const before = 60;
const after = 140;
const hidden = "[redacted]";

/**
 * The part of a line that shows a failure, without what may be a secret: queries and passwords of addresses, tokens, and
 * what stands behind words such as `password`. Still foreign: it passes `display` before it reaches a terminal.
 */
export function excerptOf({ text, at, length }: Place): string {
  if (text.length <= short) return redacted(text);
  const from = at <= before ? 0 : wordStart(text, at - before, at);
  const signEnd = Math.min(at + length, from + before + after);
  const to = signEnd + after >= text.length ? text.length : wordEnd(text, signEnd, signEnd + after);
  return (from > 0 ? "…" : "") + redacted(text.slice(from, to), keyBefore(text, from)) + (to < text.length ? "…" : "");
}

/** Half a word at a cut may be half a secret: it is left out. What shows the failure is none, so it stays in any case. */
function wordStart(text: string, from: number, at: number): number {
  const blank = text.slice(from, at).search(/\s/);
  return blank < 0 ? at : from + blank;
}

/** The password of an address is told by what stands behind it. */
function wordEnd(text: string, from: number, to: number): number {
  const blank = text.slice(from, to).search(/\s\S*$/);
  return blank < 0 ? from : from + blank;
}

/** The word that tells what the first one of the excerpt is, which may be the secret itself. */
function keyBefore(text: string, from: number): string {
  const key = /[^\s"'<>,;:=]+[\s"']*[:=]?[\s"'<>,;]*$/.exec(text.slice(Math.max(0, from - before), from))?.[0] ?? "";
  return key.replaceAll(/[\s"'<>,;]/g, "");
}

/** Splits at blanks and quotes; each word is judged alone and by what stands before it. */
function redacted(text: string, firstKey = ""): string {
  let key = firstKey;
  let gap = "";
  return text
    .split(/([\s"'<>,;]+)/)
    .map((word, index) => {
      if (index % 2 === 1) return (gap = word);
      const shown = redactedWord(word, key, gap);
      if (word !== "") key = /^[:=]$/.test(word) ? key + word : word;
      return shown;
    })
    .join("");
}

const alwaysSecret = /(?:passw(?:or)?d|secret|api-?key)[:=]?$/i;
const oftenSecret = /(?:token|auth|authorization|credential|signature|bearer|basic)[:=]?$/i;
const knownToken =
  /^(?:eyJ[\w-]{8,}|gh[a-z]_\w{16,}|github_pat_\w+|glpat-[\w-]+|dckr_pat_[\w-]+|npm_\w{16,}|A[KS]IA[A-Z0-9]{12,})/;

function redactedWord(word: string, key: string, gap: string): string {
  if (word === "" || /^[:=]$/.test(word)) return word;
  if (knownToken.test(word)) return hidden;
  const isNamed = /[:=]$/.test(key);
  const isFlag = key.startsWith("-");
  if (alwaysSecret.test(key) && (isNamed || isFlag)) return hidden;
  if (oftenSecret.test(key) && (isFlag || isValue(word, key, isNamed && !/\s/.test(gap)))) return hidden;
  // Before the rest: what stands before the `=` of an address's query may itself hold a password.
  const shown = word.includes("://") ? withoutSecrets(word) : word;
  const assigned = /^([^=]{1,64})=./.exec(shown)?.[1] ?? "";
  return alwaysSecret.test(assigned) || oftenSecret.test(assigned) ? `${assigned}=${hidden}` : shown;
}

/** `"token":"…"` and `Bearer …` are followed by a secret; `token: …` in a sentence mostly by a word. */
function isValue(word: string, key: string, isJoined: boolean): boolean {
  if (isJoined) return true;
  return /^(?:bearer|basic)$/i.test(key) ? word.length >= 8 : /\d/.test(word) && word.length >= 12;
}

function withoutSecrets(address: string): string {
  const scheme = address.indexOf("://") + 3;
  const query = address.indexOf("?", scheme);
  const shown = query < 0 ? address : `${address.slice(0, query)}?…`;
  const slash = shown.indexOf("/", scheme);
  const user = shown.slice(scheme, slash < 0 ? undefined : slash).lastIndexOf("@");
  return user < 0 ? shown : `${shown.slice(0, scheme)}…@${shown.slice(scheme + user + 1)}`;
}
