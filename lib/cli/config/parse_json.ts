/** A JSON value. Objects are maps, so that no key of a file can be mistaken for something of the language. */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | ReadonlyMap<string, JsonValue>;

/** Text that is no JSON. The message begins with line and column. */
export class JsonError extends SyntaxError {
  override readonly name = "JsonError";
}

const SPACE = /[ \t\r\n]*/y;

/** RFC 8259: a string, a number or a word, or one character of the structure. */
const TOKEN =
  // deno-lint-ignore no-control-regex
  /"[^"\\\0-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\0-\x1f]*)*"|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null|[{}[\]:,]/y;

/** Nothing that this program reads comes near it; without a limit a file of brackets would exhaust the stack. */
const MAX_DEPTH = 64;

/** How much of a token a message quotes. */
const MAX_SHOWN = 30;

/**
 * Reads JSON strictly, and refuses an object that has a key twice, which `JSON.parse()` does not.
 *
 * @param text The text.
 * @returns The value.
 * @throws {JsonError} If it is no JSON, or ambiguous.
 */
export function parseJson(text: string): JsonValue {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  readonly #text: string;
  /** Where the token that was read last begins. */
  #start = 0;
  #end = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): JsonValue {
    const token = this.#next("a value");
    if (token === "{" || token === "[") {
      if (depth === MAX_DEPTH) this.#fail(`more than ${MAX_DEPTH} brackets in each other`);
      return token === "{" ? this.#object(depth + 1) : this.#list(depth + 1);
    }
    if (/^[}\]:,]/.test(token)) this.#fail(`a value is missing before ${token}`);
    return JSON.parse(token);
  }

  end(): void {
    this.#skipSpace();
    if (this.#end < this.#text.length) this.#fail(`${this.#found()} after the end of the JSON`);
  }

  #object(depth: number): JsonValue {
    const members = new Map<string, JsonValue>();
    if (this.#takes("}")) return members;
    do {
      const quoted = this.#next("a key in double quotes");
      if (!quoted.startsWith('"')) this.#fail(`a key in double quotes is missing before ${quoted}`);
      const key: string = JSON.parse(quoted);
      if (members.has(key)) this.#fail(`the key ${quoted} is there twice`);
      if (!this.#takes(":")) this.#fail(`a colon is missing before ${this.#found()}`);
      members.set(key, this.value(depth));
    } while (this.#takes(","));
    if (!this.#takes("}")) this.#fail(`a comma or } is missing before ${this.#found()}`);
    return members;
  }

  #list(depth: number): JsonValue {
    const items: JsonValue[] = [];
    if (this.#takes("]")) return items;
    do items.push(this.value(depth)); while (this.#takes(","));
    if (!this.#takes("]")) this.#fail(`a comma or ] is missing before ${this.#found()}`);
    return items;
  }

  #takes(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#end] !== character) return false;
    this.#end++;
    return true;
  }

  #next(wanted: string): string {
    this.#skipSpace();
    TOKEN.lastIndex = this.#end;
    const [token] = TOKEN.exec(this.#text) ?? [];
    if (token === undefined) return this.#fail(`${wanted} is missing before ${this.#found()}`);
    this.#end = TOKEN.lastIndex;
    return token;
  }

  #skipSpace(): void {
    SPACE.lastIndex = this.#end;
    SPACE.exec(this.#text);
    this.#start = this.#end = SPACE.lastIndex;
  }

  /** What stands where something else was wanted. */
  #found(): string {
    TOKEN.lastIndex = this.#end;
    const [token] = TOKEN.exec(this.#text) ?? [];
    if (token !== undefined) return token.length > MAX_SHOWN ? `${token.slice(0, MAX_SHOWN)}…` : token;
    const rest = this.#text.slice(this.#end, this.#end + 2);
    if (rest === "") return "the end of the file";
    if (rest.startsWith('"')) return "a string that is wrong or does not end";
    if (rest === "//" || rest === "/*") return `${rest} (JSON has no comments)`;
    return String.fromCodePoint(rest.codePointAt(0)!);
  }

  #fail(reason: string): never {
    const lines = this.#text.slice(0, this.#start).split("\n");
    throw new JsonError(`line ${lines.length}, column ${[...lines.at(-1)!].length + 1}: ${reason}`);
  }
}
