/**
 * Everything that a terminal would act on or not show: controls (C0, C1, DEL), direction marks, zero-width and other
 * ignorable characters, line separators and halves of surrogate pairs.
 */
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;
const named: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/**
 * Foreign text made safe for one line of a terminal: what could move the cursor, colour, reorder or hide is written as a
 * visible escape (`\n`, `\x1b`, `\u202e`). Everything else is left alone, so ordinary text comes out as it went in.
 *
 * The one sink for text from registries, manifests, layouts and error bodies. With `maxWidth` the result takes at most
 * that many columns, the last of them `…` where something was cut.
 */
export function display(text: string, maxWidth = Number.POSITIVE_INFINITY): string {
  // A column holds at most a few units, so nothing beyond this can be shown: a huge text costs no more than a short one.
  const visible = Number.isFinite(maxWidth) ? text.slice(0, Math.max(0, maxWidth) * 8 + 8) : text;
  return cut(visible.replace(unprintable, escapeOf), maxWidth);
}

/** As `display`, for text of several lines whose line feeds and tabs are wanted, such as the output of a template. */
export function displayLines(text: string): string {
  return text.replace(unprintable, (char) => (char === "\n" || char === "\t" ? char : escapeOf(char)));
}

/**
 * `json` with the same meaning: what `display` escapes is written as JSON's own escapes, also where JSON lets it stand. Line feeds
 * stay: in JSON they are never text, only what parts its lines.
 */
export function displayJson(json: string): string {
  return json.replace(unprintable, (char) => (char === "\n" ? char : jsonEscapeOf(char)));
}

function jsonEscapeOf(char: string): string {
  return [...Array(char.length).keys()].map((at) => `\\u${hexOf(char.charCodeAt(at), 4)}`).join("");
}

function escapeOf(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x100) return named[char] ?? `\\x${hexOf(code, 2)}`;
  return code < 0x10000 ? `\\u${hexOf(code, 4)}` : `\\U${hexOf(code, 8)}`;
}

function hexOf(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}

function cut(text: string, maxWidth: number): string {
  if (text.length * 2 <= maxWidth) return text;
  let columns = 0;
  let kept = "";
  let short = "";
  for (const char of text) {
    columns += columnsOf(char);
    if (columns > maxWidth) return maxWidth < 1 ? "" : `${short}…`;
    kept += char;
    if (columns < maxWidth) short = kept;
  }
  return kept;
}

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe4f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** How many columns `text` takes on a terminal; `text` has passed `display`. */
export function widthOf(text: string): number {
  let columns = 0;
  for (const char of text) columns += columnsOf(char);
  return columns;
}

function columnsOf(char: string): number {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x300) return 1;
  if (/\p{M}/u.test(char)) return 0;
  return wide.test(char) ? 2 : 1;
}
