/** Text that is not JSON. The message begins with line and column. */
export class JsonError extends SyntaxError {
  override readonly name = "JsonError";
}

/**
 * Reads JSON, and refuses an object that has a key twice, of which `JSON.parse()` would take the last one.
 *
 * @throws {JsonError} If it is not JSON, or ambiguous.
 */
export function parseJson(text: string): unknown {
  const value = parse(text);
  refuseRepeatedKeys(text);
  return value;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const offset = errorOffset(error, text);
    throw errorAt(offset, text, reasonOf(error, text, offset));
  }
}

/** The strings of a text that is JSON, with the colon behind those that are keys, and its brackets. */
const STRING_OR_BRACKET = /("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?|[{}[\]]/g;

function refuseRepeatedKeys(text: string): void {
  /** The keys so far of each object, and of each list none, that is not closed yet. */
  const open: Set<string>[] = [];
  for (const { 0: token, 1: quoted, 2: colon, index } of text.matchAll(STRING_OR_BRACKET)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (quoted !== undefined && colon !== undefined) {
      const key: string = JSON.parse(quoted);
      if (open.at(-1)!.has(key)) throw errorAt(index, text, `the key ${quoted} appears twice`);
      open.at(-1)!.add(key);
    }
  }
}

function errorAt(offset: number, text: string, reason: string): JsonError {
  const lines = text.slice(0, offset).split("\n");
  return new JsonError(`line ${lines.length}, column ${[...lines.at(-1)!].length + 1}: ${reason}`);
}

/** The message of `JSON.parse()`, without the place and the part of the text that it adds to some errors. */
function reasonOf({ message }: SyntaxError, text: string, offset: number): string {
  if (offset === text.length) {
    return `the ${message.startsWith("Unterminated string") ? "string" : "file"} ends too early`;
  }
  const reason = message.replace(/ (?:in|after) JSON at position .*$/, "").replace(/, (?:\.\.\.)?".*$/s, "");
  return /^\/[/*]/.test(text.slice(offset, offset + 2)) ? `${reason} (JSON has no comments)` : reason;
}

/** V8 does not report where a token is that it does not expect: it is found as the end of what could be continued. */
function errorOffset(error: SyntaxError, text: string): number {
  const reported = reportedOffset(error, text);
  if (reported !== undefined) return reported;
  let [goesOn, isWrong] = [0, text.length];
  while (goesOn < isWrong - 1) {
    const middle = (goesOn + isWrong) >> 1;
    if (canGoOn(text.slice(0, middle))) goesOn = middle;
    else isWrong = middle;
  }
  return goesOn;
}

function reportedOffset({ message }: SyntaxError, text: string): number | undefined {
  if (message === "Unexpected end of JSON input") return text.length;
  const [, position] = /at position ([0-9]+)/.exec(message) ?? [];
  return position === undefined ? undefined : Number(position);
}

/** Whether more text could make a text JSON. */
function canGoOn(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    return error instanceof SyntaxError && reportedOffset(error, text) === text.length;
  }
}
