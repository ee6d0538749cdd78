/**
 * A queue between a reporter and a listener.
 *
 * @module
 */

/** Options of {@linkcode EventQueue}. */
export interface EventQueueOptions<T> {
  /** How many items may wait before two about the same become one. */
  readonly limit: number;
  /** The subject of an item. */
  readonly subjectOf: (item: T) => string;
  /** Makes one item of two about the same. */
  readonly merge: (older: T, newer: T) => T;
}

/**
 * Items that wait for their one consumer. They are kept one by one for a consumer that is slow; for one that has stalled
 * they do not grow beyond the limit by more than one for each subject.
 */
export class EventQueue<T> {
  readonly #options: EventQueueOptions<T>;
  readonly #items: T[] = [];
  #end: { readonly error?: unknown } | undefined;
  #waiting: (() => void) | undefined;

  /**
   * Makes an empty queue.
   *
   * @param options How it stays small.
   */
  constructor(options: EventQueueOptions<T>) {
    this.#options = options;
  }

  /**
   * Adds an item; once the queue has ended, nothing.
   *
   * @param item The item.
   */
  push(item: T): void {
    if (this.#end !== undefined) return;
    this.#items.push(this.#items.length < this.#options.limit ? item : this.#mergeInto(item));
    this.#wake();
  }

  /** Takes out what waits about the same, and makes one item of both. */
  #mergeInto(item: T): T {
    const { subjectOf, merge } = this.#options;
    const subject = subjectOf(item);
    const index = this.#items.findLastIndex((waiting) => subjectOf(waiting) === subject);
    if (index < 0) return item;
    const [older] = this.#items.splice(index, 1);
    return merge(older!, item);
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
