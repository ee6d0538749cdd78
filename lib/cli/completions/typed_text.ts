/**
 * Command lines as they are typed: quoting taken off and put on. Nothing is expanded, and nothing is run.
 *
 * @module
 */

/** The quotes in which a text ends that is not finished; empty outside of quotes. */
export type OpenQuote = "" | "'" | '"';

/** A word with its quoting. */
export interface TypedWord {
  readonly typed: string;
  /** Its meaning so far. */
  readonly value: string;
  readonly quote: OpenQuote;
}

/** A shell whose quoting is known here. */
export type QuotingShell = "bash" | "fish";

/** The characters that a backslash escapes, by the quotes around it. */
const ESCAPABLE: Readonly<Record<QuotingShell, Readonly<Record<OpenQuote, RegExp>>>> = {
  bash: { "": /[^]/, "'": /(?!)/, '"': /[$`"\\\n]/ },
  fish: { "": /[^]/, "'": /['\\]/, '"': /[$"\\\n]/ },
};

/** Takes the quoting of a word off, as far as it is typed. */
export function unquote(typed: string, shell: QuotingShell): TypedWord {
  let value = "";
  let quote: OpenQuote = "";
  for (let i = 0; i < typed.length; i++) {
    const character = typed[i]!;
    if (character === "\\" && (i + 1 === typed.length || ESCAPABLE[shell][quote].test(typed[i + 1]!))) {
      value += typed[++i] ?? "";
    } else if (quote === "" ? character === "'" || character === '"' : character === quote) {
      quote = quote === "" ? character as OpenQuote : "";
    } else {
      value += character;
    }
  }
  return { typed, value, quote };
}

/** A command line of bash, taken apart. */
export interface BashLine {
  /** The words before the cursor without their quoting, redirections left out. */
  readonly words: readonly string[];
  /** The word at the cursor, which may be empty. */
  readonly current: TypedWord;
  /** Whether the word at the cursor is the file of a redirection. */
  readonly isRedirection: boolean;
}

const BLANKS = /\s*/y;
const REDIRECTION = /(?:[0-9]+|&)?[<>]+[&|]?/y;
const WORD = /(?:\\[^]?|'[^']*'?|"(?:\\[^]|[^"\\])*\\?"?|[^\s\\'"<>])+/y;

/** Takes a command line of bash, up to the cursor, apart. */
export function readBashLine(line: string): BashLine {
  const words: string[] = [];
  let current = unquote("", "bash");
  let isRedirection = false;
  let end = 0;
  const take = (token: RegExp) => {
    token.lastIndex = end;
    const [text = ""] = token.exec(line) ?? [];
    end += text.length;
    return text;
  };
  for (let isWord = true; isWord;) {
    take(BLANKS);
    if (take(REDIRECTION) !== "") {
      isRedirection = true;
      continue;
    }
    const word = unquote(take(WORD), "bash");
    isWord = end < line.length;
    if (!isWord) current = word;
    else if (isRedirection) isRedirection = false;
    else words.push(word.value);
  }
  return { words, current, isRedirection };
}

/** Puts the quoting of bash on a text that begins and ends in these quotes. */
export function quoteForBash(text: string, quote: OpenQuote): string {
  switch (quote) {
    case "":
      return text.replace(/[^A-Za-z0-9_.\/:=@%+,-]/gu, "\\$&");
    case "'":
      return text.replaceAll("'", "'\\''");
    case '"':
      // An exclamation mark would call the history up, and keep a backslash before it.
      return text.replace(/[\\"$`]/g, "\\$&").replaceAll("!", `"'!'"`);
  }
}
