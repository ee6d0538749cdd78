/**
 * The few forms of mdoc(7), the language of man pages, that ours are written in. The output is ASCII, and clean under
 * `mandoc -T lint`.
 *
 * @module
 */

/** The longest line that lint takes, with room for an escape in front. */
const MAX_LINE = 78;

/**
 * A word or line that is typed as it stands, so that a hyphen is one that can be copied.
 *
 * @param text Any text without line breaks.
 * @returns The text in mdoc.
 */
export function typed(text: string): string {
  return ascii(text).replaceAll("-", "\\-");
}

/**
 * Running text, in which only what begins with a hyphen is typed.
 *
 * @param text Any text without line breaks.
 * @returns The text in mdoc.
 */
export function escaped(text: string): string {
  return ascii(text).replace(
    /(^|[\s("'[|])(-+[a-z0-9-]*)/gi,
    (_, before, word) => before + word.replaceAll("-", "\\-"),
  );
}

function ascii(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("…", "...");
}

/**
 * Paragraphs of running text: each sentence begins a line, and none is too long.
 *
 * @param paragraphs The texts; line breaks in them mean nothing.
 * @returns Lines of mdoc.
 */
export function prose(...paragraphs: readonly string[]): string[] {
  return paragraphs.flatMap((paragraph, i) => [
    ...(i === 0 ? [] : [".Pp"]),
    ...filled(escaped(paragraph.replaceAll("\n", " "))),
  ]);
}

/**
 * Sets a paragraph that is escaped already: each sentence begins a line, and none is too long.
 *
 * @param text The paragraph in mdoc, without macros.
 * @returns Its lines.
 */
export function filled(text: string): string[] {
  return text.split(/(?<=[.!?:]) +(?=(?:\\f[BIR])*[A-Z"(\\-])/).flatMap(wrapped);
}

/**
 * Lines that are to be typed, or read, as they stand.
 *
 * @param lines The lines.
 * @returns Lines of mdoc.
 */
export function literal(lines: readonly string[]): string[] {
  return [
    ".Bd -literal -offset 2n",
    ...lines.map((line) => guarded(typed(line))),
    ".Ed",
  ];
}

/**
 * A list of terms, each with what it means.
 *
 * @param items A term, in macros, and lines of mdoc.
 * @returns Lines of mdoc.
 */
export function tagged(items: readonly (readonly [term: string, lines: readonly string[]])[]): string[] {
  return [".Bl -tag -width Ds", ...items.flatMap(([term, lines]) => [`.It ${term}`, ...lines]), ".El"];
}

/**
 * A section.
 *
 * @param title Its title.
 * @param lines Its content.
 * @returns Lines of mdoc.
 */
export function section(title: string, lines: readonly string[]): string[] {
  return [`.Sh ${title.toUpperCase()}`, ...lines];
}

/**
 * A sentence out of a phrase.
 *
 * @param text The phrase.
 * @returns It with a large first letter and a full stop.
 */
export function sentence(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? "" : "."}`;
}

function wrapped(text: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= MAX_LINE) {
      lines[lines.length - 1] += ` ${word}`;
    } else lines.push(word);
  }
  return lines.map(guarded);
}

/** A line that begins with one of these would be an instruction. */
function guarded(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}
