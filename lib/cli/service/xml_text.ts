import { UsageError } from "../usage_error.ts";

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** Outside of what XML 1.0 §2.2 calls a character: most control characters, halves of surrogate pairs, U+FFFE, U+FFFF. */
const NO_CHARACTER = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;

/** Options of {@linkcode xmlText}. */
export interface XmlTextOptions {
  /** The kind of file that it is written into, for the message. */
  readonly what: string;
  /** Whether the file is to be right in any encoding that has ASCII. */
  readonly isAscii?: boolean;
}

/**
 * Writes text as the content of an XML element.
 *
 * @returns The content. Control characters are references, as a parser would change a bare carriage return.
 * @throws {UsageError} If XML has no way to write one of the characters.
 */
export function xmlText(text: string, { what, isAscii = false }: XmlTextOptions): string {
  const [bad] = NO_CHARACTER.exec(text) ?? [];
  if (bad !== undefined) {
    const code = bad.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
    throw new UsageError(
      `Cannot write "${text}" into ${what}: XML cannot hold the character U+${code}`,
    );
  }
  const escaped = text.replace(/[&<>]/g, (character) => ENTITIES[character]!);
  return escaped.replace(
    isAscii ? /[^\x20-\x7e]/gu : /\p{Cc}/gu,
    (character) => `&#${character.codePointAt(0)};`,
  );
}
