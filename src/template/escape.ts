const html: Readonly<Record<string, string>> = {
  '"': "&#34;",
  "'": "&#39;",
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  "\0": "\ufffd",
};

/** As Go's `html` function. */
export function escapeHtml(text: string): string {
  return text.replace(/["'&<>\0]/g, (char) => html[char] ?? char);
}

const js: Readonly<Record<string, string>> = {
  "\\": "\\\\",
  "'": "\\'",
  '"': '\\"',
  "<": "\\u003C",
  ">": "\\u003E",
  "&": "\\u0026",
  "=": "\\u003D",
};

/** As Go's `js` function: for use inside a JavaScript string. */
export function escapeJs(text: string): string {
  return text.replace(/[\\'"<>&=\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Cn}]/gu, (char) => js[char] ?? codeUnits(char));
}

function codeUnits(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  return `\\u${code.toString(16).toUpperCase().padStart(4, "0")}`;
}

/** As Go's `urlquery` function: form encoding. */
export function escapeQuery(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString())
    .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll("%20", "+");
}
