/**
 * A directory of a test's own.
 *
 * @module
 */

/** A directory that goes with all that is in it when the test is over. */
export class TemporaryDirectory implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "natpmp-test-" });

  /** The names of what is in it, in order. */
  get names(): string[] {
    return [...Deno.readDirSync(this.path)].map(({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}
