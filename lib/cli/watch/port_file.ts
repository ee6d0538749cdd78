import type { Machine } from "../machine.ts";
import { systemReason } from "../system_reason.ts";

/** The file of `--port-file`: the external ports that are held, one a line, or no file. */
export class PortFile {
  readonly #path: string;
  readonly #machine: Pick<Machine, "replaceFile" | "clearFile">;
  /** What the file holds as far as is known; empty when there is none. */
  #text: string | undefined;

  /**
   * @param path The file.
   * @param machine What writes it.
   */
  constructor(path: string, machine: Pick<Machine, "replaceFile" | "clearFile">) {
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
    this.#text = undefined;
    try {
      if (text === "") await this.#machine.clearFile(this.#path);
      else await this.#machine.replaceFile(this.#path, text);
    } catch (error) {
      throw new Error(`Cannot write the port file ${this.#path}: ${systemReason(error)}`);
    }
    this.#text = text;
  }
}
