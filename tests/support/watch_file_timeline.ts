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

  constructor(path: string) {
    this.#path = path;
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    while (!this.#isOver) {
      const text = await Deno.readTextFile(this.#path).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        return undefined;
      });
      if (this.states.length === 0 || text !== this.states.at(-1)) this.states.push(text);
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#reading;
  }
}
