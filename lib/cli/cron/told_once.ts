/** Options of {@linkcode ToldOnce}. */
export interface ToldOnceOptions {
  /** Whether what the run before had to say is told again. */
  readonly repeats?: boolean;
}

/** What a command that comes again and again has to say: the same failure or warning is told once. */
export class ToldOnce {
  readonly #before: ReadonlySet<string>;
  readonly #now = new Set<string>();
  readonly #carried = new Set<string>();
  readonly #repeats: boolean;
  #hasNews = false;

  /**
   * @param before What the run before had to say.
   * @param options Whether it is to be said again.
   */
  constructor(before: readonly string[], { repeats = false }: ToldOnceOptions = {}) {
    this.#before = new Set(before);
    this.#repeats = repeats;
  }

  /** What this run has to say, for the next one. */
  get told(): readonly string[] {
    return [...new Set([...this.#carried, ...this.#now])];
  }

  /** Whether any of it is new. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Hands on what the run before had to say of causes that this run cannot judge. */
  carry(isUnjudged: (cause: string) => boolean): void {
    for (const cause of this.#before) if (isUnjudged(cause)) this.#carried.add(cause);
  }

  /** Tells whether a cause is to be told: the run before had it not. */
  isNews(cause: string): boolean {
    const isRepeated = this.#now.has(cause);
    const isNews = !this.#before.has(cause) && !isRepeated;
    this.#now.add(cause);
    this.#hasNews ||= isNews;
    return isNews || (this.#repeats && !isRepeated);
  }
}
