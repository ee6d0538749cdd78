import type { Machine } from "../machine.ts";
import { systemReason } from "../system_reason.ts";

/** The file of `--port-file`: the external ports that are held, one a line, or no file. */
export class PortFile {
  readonly #path: string;
  readonly #machine: Pick<Machine, "readFile" | "replaceFile" | "clearFile">;
  /** What the file holds as far as is known; empty when there is none. */
  #text: string | undefined;

  /**
   * @param path The file.
   * @param machine What writes it.
   */
  constructor(path: string, machine: Pick<Machine, "readFile" | "replaceFile" | "clearFile">) {
    this.#path = path;
    this.#machine = machine;
  }

  /**
   * Brings the file up to date. After a failure the next call tries again.
   *
   * @param ports The external ports in the order of the specs; those that are there twice are written once.
   * @throws {Error} If the file cannot be written or removed.
   */
  async hold(ports: Iterable<number>): Promise<void> {
    const text = [...new Set(ports)].map((port) => `${port}\n`).join("");
    if (text === this.#text) return;
    const isFirst = this.#text === undefined;
    this.#text = undefined;
    try {
      // An earlier process may have left it so, and whoever watches the file need not be woken.
      if (isFirst && text !== "" && await this.#isThere(text)) return void (this.#text = text);
      if (text === "") await this.#machine.clearFile(this.#path);
      else await this.#machine.replaceFile(this.#path, text);
    } catch (error) {
      throw new Error(`Cannot write the port file ${this.#path}: ${systemReason(error)}`);
    }
    this.#text = text;
  }

  async #isThere(text: string): Promise<boolean> {
    const expected = new TextEncoder().encode(text);
    try {
      const { bytes } = await this.#machine.readFile(this.#path, expected.length + 1);
      return bytes.length === expected.length && bytes.every((byte, i) => byte === expected[i]);
    } catch {
      return false;
    }
  }
}
