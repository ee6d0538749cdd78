/** An unknown word, and the known ones. */
export interface Misspelling {
  readonly word: string;
  readonly known: readonly string[];
}

/** The caller wrote something that cannot be meant: exit 2, nothing sent. The message is one sentence for people. */
export class UsageError extends Error {
  override readonly name = "UsageError";
  /** Present where the caller may have mistyped a known word. */
  readonly misspelling?: Misspelling;

  constructor(message: string, misspelling?: Misspelling) {
    super(message);
    if (misspelling !== undefined) this.misspelling = misspelling;
  }
}
