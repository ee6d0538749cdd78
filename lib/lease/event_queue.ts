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
  readonly #taken = this.#take();
  #end: { readonly error?: unknown } | undefined;
  #change = Promise.withResolvers<void>();

  constructor(options: EventQueueOptions<T>) {
    this.#options = options;
  }

  /** Adds an item; once the queue has ended, nothing. */
  push(item: T): void {
    if (this.#end !== undefined) return;
    add(this.#items, item, this.#options);
    this.#change.resolve();
  }

  /** Ends the queue: the consumer gets what is in it and no more. */
  close(): void {
    this.#end ??= {};
    this.#change.resolve();
  }

  /** Ends the queue with an error that its consumer gets after what is in it. */
  fail(error: unknown): void {
    this.#end ??= { error };
    this.#change.resolve();
  }

  /** The next item, or that there is none any more; throws the error that ended the queue, if one did. */
  next(): Promise<IteratorResult<T, undefined>> {
    return this.#taken.next();
  }

  async *#take(): AsyncGenerator<T, undefined> {
    while (true) {
      while (this.#items.length > 0) yield this.#items.shift()!;
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return;
      await this.#change.promise;
      this.#change = Promise.withResolvers();
    }
  }
}

function add<T>(items: T[], item: T, { limit, subjectOf, merge }: EventQueueOptions<T>): void {
  const subject = subjectOf(item);
  const same = items.length < limit ? -1 : items.findLastIndex((waiting) => subjectOf(waiting) === subject);
  items.push(same < 0 ? item : merge(items.splice(same, 1)[0]!, item));
}
