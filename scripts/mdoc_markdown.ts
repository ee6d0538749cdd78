/**
 * Pages of the manual in mdoc(7).
 *
 * @module
 */

import { type Block, type Inline, type List, readPage, type Table } from "../lib/cli/manual/read_page.ts";
import { escaped, filled, literal, typed } from "./mdoc.ts";

/** Macros that put a blank line in front of what they begin. */
const SPACED = /^\.(Ss|Bd|Bl(?!.* -compact))\b/;

/**
 * Translates a page.
 *
 * @param page The page in Markdown.
 * @returns Lines of mdoc: its sections are subsections there, and its title is left out.
 */
export function mdocOf(page: string): string[] {
  return spaced(readPage(page).filter((block) => block.kind !== "heading" || block.depth > 1));
}

/** Blocks, with `.Pp` between those that would stick together. */
function spaced(blocks: readonly Block[]): string[] {
  const lines: string[] = [];
  for (const block of blocks) {
    const next = linesOf(block);
    const hasSpace = lines.length === 0 || lines.at(-1)!.startsWith(".Ss ") || SPACED.test(next[0]!);
    lines.push(...(hasSpace ? [] : [".Pp"]), ...next);
  }
  return lines;
}

function linesOf(block: Block): string[] {
  switch (block.kind) {
    case "heading": {
      const text = textOf(block.parts).replace(/\\f[BIR]/g, "");
      return [block.depth === 2 ? `.Ss ${argument(text)}` : `\\fB${text}\\fR`];
    }
    case "paragraph":
      return filled(textOf(block.parts));
    case "code":
      return literal(block.lines);
    case "list":
      return listLines(block);
    case "table":
      return tableLines(block);
  }
}

function listLines({ start, isLoose, items }: List): string[] {
  return [
    `.Bl ${start === undefined ? "-bullet" : "-enum"}${isLoose ? "" : " -compact"}`,
    ...items.flatMap((blocks) => [".It", ...(isLoose ? spaced(blocks) : blocks.flatMap(linesOf))]),
    ".El",
  ];
}

/** A list of terms: the first cell, with the second behind it where there are three, and the last below it. */
function tableLines({ rows }: Table): string[] {
  return [
    ".Bl -tag -width Ds",
    ...rows.flatMap((row) => {
      const [first = "", ...others] = row.map(textOf);
      const last = others.pop() ?? "";
      const between = others.filter((text) => text !== "").map((text) => ` (${text})`).join("");
      return [`.It ${argument(`${first}${between}`)}`, ...(last === "" ? [] : filled(last))];
    }),
    ".El",
  ];
}

/** One argument of a macro, whatever is in it. */
function argument(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}

/** Text with code and strong words bold. */
function textOf(parts: readonly Inline[]): string {
  return parts.map((part) => {
    switch (part.kind) {
      case "text":
        return escaped(part.text);
      case "code":
        return `\\fB${typed(part.text)}\\fR`;
      case "strong":
        return `\\fB${textOf(part.parts)}\\fR`;
      case "emphasis":
        return `\\fI${textOf(part.parts)}\\fR`;
    }
  }).join("");
}
