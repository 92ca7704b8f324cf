import { display, widthOf } from "../../spec/display.ts";

/** `text` in lines of at most `columns`, broken at blanks and, where a word is longer, within it. Foreign text is made safe. */
export function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of display(text)
    .split(" ")
    .flatMap((word) => pieces(word, columns))) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && widthOf(longer) > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

function pieces(word: string, columns: number): readonly string[] {
  if (widthOf(word) <= columns) return [word];
  const found = [""];
  for (const char of word) {
    if (widthOf(`${found.at(-1)}${char}`) > columns) found.push("");
    found.push(`${found.pop()}${char}`);
  }
  return found;
}
