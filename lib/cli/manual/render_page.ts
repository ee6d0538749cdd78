/**
 * A page of the manual as a terminal shows it: headings at the margin, text behind two blanks, code behind four.
 *
 * @module
 */

import { bold } from "@std/fmt/colors";
import { lexer, type Token, type Tokens } from "marked";
import { indent, table, wrap } from "../text_layout.ts";

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
const MAX_KEPT = 24;

/**
 * Sets a page.
 *
 * @param page The page in Markdown.
 * @returns The text, which ends with a line's end.
 */
export function renderPage(page: string, options: RenderPageOptions): string {
  const text = blocks(lexer(page), options).map((lines) => lines.join("\n")).join("\n\n");
  return `${text.replaceAll(KEPT_BLANK, " ")}\n`;
}

/** The lines of each heading, paragraph, list, table and block of code. */
function blocks(tokens: readonly Token[], options: RenderPageOptions): string[][] {
  const inner = { ...options, width: options.width - INDENTATION.length };
  return tokens.flatMap((token) => {
    if (token.type === "heading") {
      return [
        wrap(inlineText(token, { ...options, isBold: false }), options.width).map((line) =>
          options.isBold ? bold(line) : line
        ),
      ];
    }
    const lines = bodyLines(token, inner);
    return lines === undefined ? [] : [indent(lines, INDENTATION)];
  });
}

/** The lines of a block that is no heading; nothing for blank lines and comments. */
function bodyLines(token: Token, options: RenderPageOptions): string[] | undefined {
  const { width } = options;
  switch (token.type) {
    case "space":
      return undefined;
    case "html":
      return comment(token);
    case "text":
    case "paragraph":
      return wrap(inlineText(token, options), width);
    case "code":
      return indent(token.text.split("\n"), INDENTATION);
    case "list":
      return listLines(token as Tokens.List, options);
    case "table": {
      const { header, rows } = token as Tokens.Table;
      const cells = (row: readonly Tokens.TableCell[]) => row.map((cell) => inlineText(cell, options));
      return table(rows.map(cells), width, cells(header));
    }
    default:
      return refuse(token);
  }
}

function listLines({ items, ordered, start, loose }: Tokens.List, options: RenderPageOptions): string[] {
  return items.flatMap(({ tokens }, i) => {
    const mark = ordered ? `${Number(start) + i}. ` : "- ";
    const inner = { ...options, width: options.width - mark.length };
    const lines = tokens.flatMap((token, j) => {
      const lines = bodyLines(token, inner) ?? [];
      return loose && j > 0 && lines.length > 0 ? ["", ...lines] : lines;
    });
    const item = indent(lines, " ".repeat(mark.length), mark);
    return loose && i > 0 ? ["", ...item] : item;
  });
}

/** The text of what a paragraph, heading or cell holds, with line breaks as blanks. */
function inlineText({ tokens = [] }: { readonly tokens?: Token[] }, options: RenderPageOptions): string {
  return tokens.map((token) => inlineToken(token, options)).join("");
}

function inlineToken(token: Token, options: RenderPageOptions): string {
  switch (token.type) {
    case "text":
    case "escape":
      return token.text.replaceAll("\n", " ");
    case "codespan":
      return token.text.length > MAX_KEPT ? token.text : token.text.replaceAll(" ", KEPT_BLANK);
    case "strong": {
      const text = inlineText(token, options);
      return options.isBold ? text.split(" ").map(bold).join(" ") : text;
    }
    case "em":
    case "link":
      return inlineText(token, options);
    case "html":
      return comment(token) ?? "";
    default:
      return refuse(token);
  }
}

/** Comments are the only HTML; nobody sees them. */
function comment(token: Token): undefined {
  if (!/^(?:\s*<!--[^]*?-->)+\s*$/.test(token.raw)) refuse(token);
}

function refuse({ raw }: Token): never {
  throw new Error(`The manual cannot show this Markdown: ${raw}`);
}
