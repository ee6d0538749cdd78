/**
 * The pages of the manual and the README, as their tests see them.
 *
 * @module
 */

import { marked, type Token, type Tokens } from "marked";

/** A file of Markdown. */
export interface Document {
  /** Its path from the project's directory, as in `lib/cli/manual/map.md`. */
  readonly path: string;
  readonly text: string;
  /** Whether it is a page of the manual. */
  readonly isPage: boolean;
}

/** A block of code. */
export interface Fence {
  /** The first word behind the fence, as in `console`. */
  readonly language: string;
  /** Everything behind that word. */
  readonly info: string;
  readonly text: string;
}

const ROOT = new URL("../../../", import.meta.url);
const MANUAL = "lib/cli/manual/";

/**
 * Reads the README and every page.
 *
 * @returns The documents, the README first.
 */
export async function readDocuments(): Promise<Document[]> {
  const names = await Array.fromAsync(Deno.readDir(new URL(MANUAL, ROOT)), ({ name }) => name);
  const pages = names.filter((name) => name.endsWith(".md")).sort().map((name) => `${MANUAL}${name}`);
  return await Promise.all(["README.md", ...pages].map(async (path) => ({
    path,
    text: await Deno.readTextFile(new URL(path, ROOT)),
    isPage: path !== "README.md",
  })));
}

/** Every token of a document, also those within others. */
export function tokensOf({ text }: Document): Token[] {
  const tokens: Token[] = [];
  marked.walkTokens(marked.lexer(text), (token) => void tokens.push(token));
  return tokens;
}

/** The blocks of code of a document, in order. */
export function fencesOf(document: Document): Fence[] {
  const codes = tokensOf(document).filter((token): token is Tokens.Code => token.type === "code");
  return codes.map(({ lang = "", text }) => {
    const [, language = "", info = ""] = /^(\S*)\s*(.*)$/.exec(lang) ?? [];
    return { language, info, text };
  });
}

/** Whether a file of the project exists. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(new URL(path, ROOT));
    return true;
  } catch {
    return false;
  }
}
