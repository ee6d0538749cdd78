/** What a command that comes again and again has to say: the same failure or warning is told once. */
export class ToldOnce {
  readonly #before: ReadonlySet<string>;
  readonly #now = new Set<string>();
  #hasNews = false;

  /**
   * @param before What the run before had to say.
   */
  constructor(before: readonly string[]) {
    this.#before = new Set(before);
  }

  /** What this run has to say, for the next one. */
  get told(): readonly string[] {
    return [...this.#now];
  }

  /** Whether any of it is new. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Tells whether a cause is to be told: the run before had it not. */
  isNews(cause: string): boolean {
    const isNews = !this.#before.has(cause) && !this.#now.has(cause);
    this.#now.add(cause);
    this.#hasNews ||= isNews;
    return isNews;
  }
}
