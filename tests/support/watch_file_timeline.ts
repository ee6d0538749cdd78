/**
 * What a file held, one state after the other.
 *
 * @module
 */

const EVERY_MS = 5;

/** Reads a file again and again; a state shorter than a few milliseconds may be missed. */
export class FileTimeline implements AsyncDisposable {
  /** Each text that differed from the one before; `undefined` while there was no file. */
  readonly states: (string | undefined)[] = [];
  readonly #path: string;
  readonly #reading: Promise<void>;
  #isOver = false;
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
    this.#reading = this.#read();
  }

  /** Every state so far, read once more now. */
  async upToNow(): Promise<readonly (string | undefined)[]> {
    await this.#look();
    return this.states;
  }

  /** One look after the other, or an older one could come in last. */
  #look(): Promise<void> {
    return this.#last = this.#last.then(() => this.#lookOnce());
  }

  async #lookOnce(): Promise<void> {
    const text = await Deno.readTextFile(this.#path).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return undefined;
    });
    if (this.states.length === 0 || text !== this.states.at(-1)) this.states.push(text);
  }

  async #read(): Promise<void> {
    while (!this.#isOver) {
      await this.#look();
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#reading;
  }
}
