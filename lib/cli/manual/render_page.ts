/**
 * A page of the manual as a terminal shows it: headings at the margin, text behind two blanks, code behind four.
 *
 * @module
 */

import { bold } from "@std/fmt/colors";
import { indent, table, wrap } from "../text_layout.ts";
import { type Block, type Inline, type List, readPage } from "./read_page.ts";

/** Options of {@linkcode renderPage}. */
export interface RenderPageOptions {
  /** The width of a line; only code is wider. */
  readonly width: number;
  /** Whether headings and what is important are bold. */
  readonly isBold: boolean;
}

const INDENTATION = "  ";

/** Stands for a blank at which no line is broken. */
const KEPT_BLANK = "\u00a0";

/** Code that is longer may be broken at its blanks. */
const MAX_KEPT = 40;

/** In a table it may be as wide as this part of a line. */
const KEPT_IN_TABLE = 0.5;

/** Makes text for a terminal of a page of Markdown. */
export function renderPage(page: string, options: RenderPageOptions): string {
  const body = { ...options, width: options.width - INDENTATION.length };
  const lines = readPage(page).map((block) =>
    block.kind === "heading" ? linesOf(block, options) : indent(linesOf(block, body), INDENTATION)
  );
  return `${lines.map((lines) => lines.join("\n")).join("\n\n").replaceAll(KEPT_BLANK, " ")}\n`;
}

function linesOf(block: Block, options: RenderPageOptions): string[] {
  const { width, isBold } = options;
  switch (block.kind) {
    case "heading": {
      const lines = wrap(textOf(block.parts, { isBold: false, width }), width);
      return isBold ? lines.map(bold) : lines;
    }
    case "paragraph":
      return wrap(textOf(block.parts, options), width);
    case "code":
      return indent(block.lines, INDENTATION);
    case "list":
      return listLines(block, options);
    case "table": {
      const inCell = { isBold, width: width * KEPT_IN_TABLE };
      const cells = (row: readonly (readonly Inline[])[]) => row.map((cell) => textOf(cell, inCell));
      return table(block.rows.map(cells), width, cells(block.head));
    }
  }
}

function listLines({ start, isLoose, items }: List, options: RenderPageOptions): string[] {
  return items.flatMap((blocks, i) => {
    const mark = start === undefined ? "- " : `${start + i}. `;
    const inner = { ...options, width: options.width - mark.length };
    const lines = blocks.flatMap((block, j) => [...(isLoose && j > 0 ? [""] : []), ...linesOf(block, inner)]);
    return [...(isLoose && i > 0 ? [""] : []), ...indent(lines, " ".repeat(mark.length), mark)];
  });
}

/** Words of the system or of another page are emphasized: a terminal shows them in quotes. */
function textOf(parts: readonly Inline[], options: RenderPageOptions): string {
  const maxKept = Math.min(MAX_KEPT, options.width);
  return parts.map((part) => {
    switch (part.kind) {
      case "text":
        return part.text;
      case "code":
        return part.text.length > maxKept ? part.text : part.text.replaceAll(" ", KEPT_BLANK);
      case "emphasis":
        return `"${textOf(part.parts, options)}"`;
      case "strong": {
        const text = textOf(part.parts, options);
        return options.isBold ? text.split(" ").map(bold).join(" ") : text;
      }
    }
  }).join("");
}
