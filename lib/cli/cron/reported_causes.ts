/** Options of {@linkcode ReportedCauses}. */
export interface ReportedCausesOptions {
  /** Whether what the run before reported is reported again. */
  readonly repeats?: boolean;
}

/** The failures and warnings of a command that recurs: each cause is reported once, and again only when it changed. */
export class ReportedCauses {
  readonly #before: ReadonlySet<string>;
  readonly #now = new Set<string>();
  readonly #carried = new Set<string>();
  readonly #repeats: boolean;
  #hasNews = false;

  /** Begins with what the run before reported. */
  constructor(before: readonly string[], { repeats = false }: ReportedCausesOptions = {}) {
    this.#before = new Set(before);
    this.#repeats = repeats;
  }

  /** The causes that hold now, for the next run. */
  get causes(): readonly string[] {
    return [...new Set([...this.#carried, ...this.#now])];
  }

  /** Whether any of them is new. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Hands on the causes of the run before that this run cannot judge. */
  carry(isUnjudged: (cause: string) => boolean): void {
    for (const cause of this.#before) if (isUnjudged(cause)) this.#carried.add(cause);
  }

  /** Notes a cause, and returns whether it is to be reported. */
  isNews(cause: string): boolean {
    const isRepeated = this.#now.has(cause);
    const isNews = !this.#before.has(cause) && !isRepeated;
    this.#now.add(cause);
    this.#hasNews ||= isNews;
    return isNews || (this.#repeats && !isRepeated);
  }
}
