/**
 * A terminal's screen, as far as natpmp draws on one: lines of text with a weight and a colour.
 *
 * @module
 */

/** How a character looks. */
export interface Style {
  readonly weight?: "bold" | "dim" | undefined;
  readonly color?: "red" | "green" | "yellow" | undefined;
}

/** Characters beside each other that look alike. */
export interface Span extends Style {
  readonly text: string;
}

interface Cell extends Style {
  readonly character: string;
}

/** The change that each parameter of SGR makes (ECMA-48 §8.3.117). */
const RENDITIONS: Readonly<Record<string, Style>> = {
  "0": { weight: undefined, color: undefined },
  "1": { weight: "bold" },
  "2": { weight: "dim" },
  "22": { weight: undefined },
  "31": { color: "red" },
  "32": { color: "green" },
  "33": { color: "yellow" },
  "39": { color: undefined },
};

/** A control sequence, a control character, or text without either. */
// deno-lint-ignore no-control-regex
const TOKEN = /\x1b\[([0-9;]*)([A-Za-z])|([\x00-\x1f])|([^\x00-\x1f]+)/gy;

/** A screen that is as high and wide as its text. */
export class Screen {
  readonly #rows: Cell[][] = [[]];
  #row = 0;
  #column = 0;
  #style: Style = {};

  /**
   * Reads the screen.
   *
   * @param columns The width at which lines are broken, at a space.
   * @returns The lines from the top to the last that has text, without spaces at their ends.
   */
  lines(columns: number): Span[][] {
    const lines = this.#rows.flatMap((row) => wrap(row, columns)).map(spansOf);
    return lines.slice(0, lines.findLastIndex((line) => line.length > 0) + 1);
  }

  /**
   * Draws what a program writes.
   *
   * @param text Text and control sequences, each of them whole.
   * @throws {Error} If the text has a control that this screen does not know.
   */
  write(text: string): void {
    for (const [control, parameters = "", final, character, printed] of text.matchAll(TOKEN)) {
      if (printed !== undefined) this.#print(printed);
      else if (character === "\n") this.#moveTo(this.#row + 1, 0);
      else if (character === "\r") this.#column = 0;
      else if (final === "m") this.#restyle(parameters);
      else if (final === "F") this.#moveTo(this.#row - Number(parameters), 0);
      else if (final === "J" && parameters === "") this.#eraseBelow();
      else if (final === "K" && parameters === "") this.#eraseRight();
      else throw new Error(`The picture cannot draw the control ${JSON.stringify(control)}`);
    }
  }

  #print(text: string): void {
    for (const character of text) {
      this.#rows[this.#row]![this.#column++] = { character, ...this.#style };
    }
  }

  #moveTo(row: number, column: number): void {
    this.#row = Math.max(0, row);
    this.#column = column;
    while (this.#rows.length <= this.#row) this.#rows.push([]);
  }

  #restyle(parameters: string): void {
    for (const parameter of (parameters || "0").split(";")) {
      const rendition = RENDITIONS[parameter];
      if (rendition === undefined) throw new Error(`The picture cannot draw SGR ${parameter}`);
      this.#style = { ...this.#style, ...rendition };
    }
  }

  #eraseBelow(): void {
    this.#eraseRight();
    this.#rows.length = this.#row + 1;
  }

  #eraseRight(): void {
    this.#rows[this.#row]!.length = this.#column;
  }
}

function wrap(row: readonly Cell[], columns: number): (readonly Cell[])[] {
  if (row.length <= columns) return [row];
  const space = row.slice(0, columns + 1).findLastIndex(({ character }) => character === " ");
  if (space <= 0) return [row.slice(0, columns), ...wrap(row.slice(columns), columns)];
  return [row.slice(0, space), ...wrap(row.slice(space + 1), columns)];
}

function spansOf(row: readonly Cell[]): Span[] {
  const spans: Span[] = [];
  for (const { character, weight, color } of row) {
    const last = spans.at(-1);
    if (last !== undefined && last.weight === weight && last.color === color) {
      spans[spans.length - 1] = { ...last, text: last.text + character };
    } else spans.push({ text: character, weight, color });
  }
  const last = spans.at(-1);
  if (last !== undefined) spans[spans.length - 1] = { ...last, text: last.text.trimEnd() };
  return spans.filter(({ text }) => text !== "");
}
