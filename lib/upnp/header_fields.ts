/**
 * The head of an HTTP message, which answers to searches have too. Pure.
 *
 * @module
 */

/** The fields of a head. Of a field that is there twice, the first counts. */
export class HeaderFields {
  readonly #values = new Map<string, string>();

  /** Reads lines without their ends; one that is not a field is skipped. */
  constructor(lines: Iterable<string>) {
    for (const line of lines) {
      const [, name, value] = /^([^\s:]+)[ \t]*:(.*)$/.exec(line) ?? [];
      if (name === undefined || value === undefined) continue;
      const key = name.toLowerCase();
      if (!this.#values.has(key)) this.#values.set(key, value.trim());
    }
  }

  /** The value of a field, whatever the case of its name; `undefined` where it is missing or empty. */
  get(name: string): string | undefined {
    return this.#values.get(name.toLowerCase()) || undefined;
  }
}

/** The status in the first line of an answer; `undefined` where the line does not begin one. */
export function statusOf(line: string): number | undefined {
  const [, status] = /^HTTP\/1\.[0-9][ \t]+([1-9][0-9]{2})(?:[ \t]|$)/.exec(line) ?? [];
  return status === undefined ? undefined : Number(status);
}
