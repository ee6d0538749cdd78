/**
 * What a file held, one state after the other.
 *
 * @module
 */

const EVERY_MS = 5;

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, EVERY_MS));
}

/** Reads a file again and again; a state shorter than a few milliseconds may be missed. */
export class FileTimeline implements AsyncDisposable {
  /** Each text that differed from the one before; `undefined` while there was no file. */
  readonly states: (string | undefined)[] = [];
  readonly #path: string;
  readonly #reading: Promise<void>;
  #isOver = false;
  #looks = 0;

  constructor(path: string) {
    this.#path = path;
    this.#reading = this.#read();
  }

  /** The states, with what the file holds now: a look that was begun before does not count. */
  async upToNow(): Promise<readonly (string | undefined)[]> {
    const looks = this.#looks + 2;
    // A look that fails ends all of it.
    while (this.#looks < looks) await Promise.race([pause(), this.#reading]);
    return this.states;
  }

  async #read(): Promise<void> {
    while (!this.#isOver) {
      const text = await Deno.readTextFile(this.#path).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
        return undefined;
      });
      if (this.states.length === 0 || text !== this.states.at(-1)) this.states.push(text);
      this.#looks++;
      await pause();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#reading;
  }
}
