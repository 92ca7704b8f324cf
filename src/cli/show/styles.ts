export type Style = (text: string) => string;

/** The styles a line may have; plain text where no colours are wanted. They do not nest. */
export interface Styles {
  readonly green: Style;
  readonly red: Style;
  readonly yellow: Style;
  readonly cyan: Style;
  readonly dim: Style;
  readonly bold: Style;
}

const sgr = (on: number, off: number): Style => {
  return (text) => (text === "" ? "" : `\u001b[${on}m${text}\u001b[${off}m`);
};

const plain: Style = (text) => text;

const coloured: Styles = {
  green: sgr(32, 39),
  red: sgr(31, 39),
  yellow: sgr(33, 39),
  cyan: sgr(36, 39),
  dim: sgr(2, 22),
  bold: sgr(1, 22),
};

const colourless: Styles = { green: plain, red: plain, yellow: plain, cyan: plain, dim: plain, bold: plain };

export function stylesFor(hasColor: boolean): Styles {
  return hasColor ? coloured : colourless;
}
