/**
 * The Markdown that pages of the manual are written in: the one place that knows the parser and what pages may have.
 *
 * @module
 */

import { lexer, type Token, type Tokens } from "marked";

/** A part of a line; a link is its text. */
export type Inline =
  | { readonly kind: "text" | "code"; readonly text: string }
  | { readonly kind: "strong" | "emphasis"; readonly parts: readonly Inline[] };

/** A paragraph of a page, or another part of it that has lines of its own. */
export type Block =
  | { readonly kind: "heading"; readonly depth: number; readonly parts: readonly Inline[] }
  | { readonly kind: "paragraph"; readonly parts: readonly Inline[] }
  | { readonly kind: "code"; readonly lines: readonly string[] }
  | List
  | Table;

/** A list of blocks. */
export interface List {
  readonly kind: "list";
  /** The number of the first item; absent where items have none. */
  readonly start?: number | undefined;
  /** Whether there are blank lines between the items. */
  readonly isLoose: boolean;
  readonly items: readonly (readonly Block[])[];
}

/** A table, by rows of cells. */
export interface Table {
  readonly kind: "table";
  readonly head: readonly (readonly Inline[])[];
  readonly rows: readonly (readonly (readonly Inline[])[])[];
}

/** Reads a page of Markdown into blocks, without its comments. Throws for what pages do not have, such as images. */
export function readPage(page: string): Block[] {
  return blocksOf(lexer(page));
}

function blocksOf(tokens: readonly Token[]): Block[] {
  return tokens.flatMap((token): Block[] => {
    switch (token.type) {
      case "space":
        return [];
      case "html":
        return withoutComment(token);
      case "heading":
        return [{ kind: "heading", depth: token.depth, parts: inlinesOf(token) }];
      case "text":
      case "paragraph":
        return [{ kind: "paragraph", parts: inlinesOf(token) }];
      case "code":
        return [{ kind: "code", lines: token.text.split("\n") }];
      case "list":
        return [listOf(token as Tokens.List)];
      case "table":
        return [tableOf(token as Tokens.Table)];
      default:
        return refuse(token);
    }
  });
}

function listOf({ ordered, start, loose, items }: Tokens.List): List {
  return {
    kind: "list",
    start: ordered ? Number(start) : undefined,
    isLoose: loose,
    items: items.map(({ tokens }) => blocksOf(tokens)),
  };
}

function tableOf({ header, rows }: Tokens.Table): Table {
  return { kind: "table", head: header.map(inlinesOf), rows: rows.map((row) => row.map(inlinesOf)) };
}

function inlinesOf({ tokens = [] }: { readonly tokens?: Token[] }): Inline[] {
  return tokens.flatMap((token): Inline[] => {
    switch (token.type) {
      case "text":
      case "escape":
        return [{ kind: "text", text: token.text.replaceAll("\n", " ") }];
      case "codespan":
        return [{ kind: "code", text: token.text }];
      case "strong":
        return [{ kind: "strong", parts: inlinesOf(token) }];
      case "em":
        return [{ kind: "emphasis", parts: inlinesOf(token) }];
      case "link":
        return inlinesOf(token);
      case "html":
        return withoutComment(token);
      default:
        return refuse(token);
    }
  });
}

/** Comments are the only HTML; nobody sees them. */
function withoutComment(token: Token): never[] {
  return /^(?:\s*<!--[^]*?-->)+\s*$/.test(token.raw) ? [] : refuse(token);
}

function refuse({ raw }: Token): never {
  throw new Error(`The manual has no such Markdown: ${raw}`);
}
