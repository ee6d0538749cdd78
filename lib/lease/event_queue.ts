/**
 * A queue between one who tells and one who listens.
 *
 * @module
 */

/** Items that wait for their one consumer. */
export class EventQueue<T> {
  readonly #items: T[] = [];
  #end: { readonly error?: unknown } | undefined;
  #waiting: (() => void) | undefined;

  /**
   * Adds an item; once the queue has ended, nothing.
   *
   * @param item The item.
   */
  push(item: T): void {
    if (this.#end !== undefined) return;
    this.#items.push(item);
    this.#wake();
  }

  /** Ends the queue: the consumer gets what is in it and no more. */
  close(): void {
    this.#end ??= {};
    this.#wake();
  }

  /**
   * Ends the queue with an error that its consumer gets after what is in it.
   *
   * @param error The error.
   */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#wake();
  }

  /**
   * The next item.
   *
   * @returns The item, or that there is none any more.
   * @throws {unknown} The error that ended the queue, if one did.
   */
  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.#items.length === 0) {
      if (this.#end !== undefined) {
        const { error } = this.#end;
        this.#end = {};
        if (error !== undefined) throw error;
        return { done: true, value: undefined };
      }
      await new Promise<void>((resolve) => this.#waiting = resolve);
    }
    return { done: false, value: this.#items.shift()! };
  }

  #wake(): void {
    this.#waiting?.();
    this.#waiting = undefined;
  }
}
