/**
 * Text for a terminal: paragraphs that are wrapped, and tables whose cells are.
 *
 * @module
 */

import type { Sink } from "./world.ts";

/** The width of a line where nobody knows the terminal's, or there is none. */
const DEFAULT_WIDTH = 80;

/** Longer lines are hard to read, shorter ones hold too little. */
const WIDTHS = { min: 40, max: 100 } as const;

/** The blanks between two columns. */
const GAP = 2;

/** The cell of a table. */
export type Cells = readonly string[];

/** How wide lines to a stream are. */
export function textWidth(sink: Sink): number {
  if (!sink.isTerminal) return DEFAULT_WIDTH;
  return Math.min(WIDTHS.max, Math.max(WIDTHS.min, sink.size().columns));
}

/**
 * Breaks a text at blanks, or within a word that is longer than a line. Sequences that colour take no room.
 *
 * @returns The lines; one that is empty for an empty text.
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (let word of wordsOf(text)) {
    const isFirst = line === "";
    if (!isFirst && shownLength(line) + 1 + shownLength(word) <= width) {
      line += ` ${word}`;
      continue;
    }
    if (!isFirst) lines.push(line.trimEnd());
    for (; word.length > width && shownLength(word) > width; word = word.slice(width)) {
      lines.push(word.slice(0, width));
    }
    line = word;
  }
  return [...lines, line];
}

/** Puts blanks in front of lines that are not empty; `first` replaces those of the first line. */
export function indent(lines: readonly string[], blanks: string, first = blanks): string[] {
  return lines.map((line, i) => line === "" ? line : `${i === 0 ? first : blanks}${line}`);
}

/**
 * Sets a table of rows that have the same number of cells. Cells are wrapped in their columns; where the columns would be
 * too narrow, each row becomes its first cell with the others below it.
 */
export function table(rows: readonly Cells[], width: number, head?: Cells): string[] {
  const all = head === undefined ? rows : [head, ...rows];
  const widths = columnWidths(all, width);
  if (widths === undefined) return rows.flatMap((row) => stacked(row, width, head));
  const [titles = [], ...lines] = all.map((row) => lined(row, widths));
  if (head === undefined) return [titles, ...lines].flat();
  return [...titles, ...lined(widths.map((width) => "-".repeat(width)), widths), ...lines.flat()];
}

/** As wide as their cells are, or so that all are as wide as the others; nothing when a word would not fit. */
function columnWidths(rows: readonly Cells[], width: number): number[] | undefined {
  const columns = rows[0]!.map((_, i) => rows.map((row) => row[i]!));
  const longest = (texts: readonly string[]) => Math.max(...texts.map(shownLength));
  const needs = columns.map((cells) => ({
    least: longest(cells.flatMap(wordsOf)),
    most: longest(cells),
  }));
  const room = width - GAP * (columns.length - 1);
  for (let level = room; level > 0; level--) {
    const widths = needs.map(({ least, most }) => Math.max(least, Math.min(level, most)));
    if (widths.reduce((sum, width) => sum + width, 0) <= room) return widths;
  }
  return undefined;
}

function lined(row: Cells, widths: readonly number[]): string[] {
  const cells = row.map((cell, i) => wrap(cell, widths[i]!));
  const height = Math.max(...cells.map((lines) => lines.length));
  return Array.from(
    { length: height },
    (_, y) => cells.map((lines, x) => padded(lines[y] ?? "", widths[x]!)).join(" ".repeat(GAP)).trimEnd(),
  );
}

function stacked([first = "", ...others]: Cells, width: number, head: Cells | undefined): string[] {
  const below = others.map((cell, i) =>
    others.length > 1 && head !== undefined ? `${head[i + 1]}: ${cell}` : cell
  );
  const blanks = " ".repeat(2 * GAP);
  return [
    ...wrap(first, width),
    ...below.flatMap((text) => indent(wrap(text, width - blanks.length), blanks)),
  ];
}

/** The words of a text, the first with the blanks in front of it. */
function wordsOf(text: string): string[] {
  const [blanks = ""] = /^ */.exec(text) ?? [];
  const [first, ...others] = text.slice(blanks.length).split(" ");
  return [`${blanks}${first}`, ...others];
}

function padded(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - shownLength(text)));
}

function shownLength(text: string): number {
  // deno-lint-ignore no-control-regex
  return text.replace(/\x1b\[[0-9;]*m/g, "").length;
}
