import type { FileSystem } from "../../system/system.ts";
import { systemReason } from "../system_reason.ts";

/** A port file could not be written or removed. */
export class PortFileError extends Error {
  override readonly name = "PortFileError";
  /** Whether its directory is not there, and may come later. */
  readonly isWithoutDirectory: boolean;

  constructor(path: string, error: unknown) {
    super(`Cannot write the port file ${path}: ${systemReason(error)}`);
    this.isWithoutDirectory = error instanceof Deno.errors.NotFound;
  }
}

/** As many lines as there are ports, each with its end. */
const MAX_BYTES = 65_535 * "65535\n".length;

/** The file of `--port-file`: the external ports that are held, one a line, or no file. */
export class PortFile {
  readonly #path: string;
  readonly #files: Pick<FileSystem, "read" | "replace" | "clear">;
  /** The text of the file as far as it is known; empty when the file does not exist. */
  #text: string | undefined;

  constructor(path: string, files: Pick<FileSystem, "read" | "replace" | "clear">) {
    this.#path = path;
    this.#files = files;
  }

  /**
   * Brings the file up to date. A port that is there twice is written once. After a failure the next call tries again.
   *
   * @throws {PortFileError} If the file cannot be written or removed, or another file is in its place.
   */
  async hold(ports: Iterable<number>): Promise<void> {
    const text = [...new Set(ports)].map((port) => `${port}\n`).join("");
    if (text === this.#text) return;
    const isFirst = this.#text === undefined;
    this.#text = undefined;
    try {
      const found = await this.#read();
      if (found !== undefined && !isPortFile(found)) {
        throw new Error(
          `${this.#path} is not a port file. It holds more than ports, so natpmp did not change it`,
        );
      }
      // An earlier process may have left it so, and programs that watch the file need not wake up.
      if (isFirst && text !== "" && found === text) return void (this.#text = text);
      if (text === "") await this.#files.clear(this.#path);
      else await this.#files.replace(this.#path, text);
    } catch (error) {
      throw new PortFileError(this.#path, error);
    }
    this.#text = text;
  }

  /** Reads the file's text; `undefined` when the file does not exist. */
  async #read(): Promise<string | undefined> {
    try {
      const { bytes } = await this.#files.read(this.#path, MAX_BYTES + 1);
      return new TextDecoder().decode(bytes);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }
}

/** Whether a text is nothing but ports, one a line: what others wrote is neither replaced nor removed. */
function isPortFile(text: string): boolean {
  return text.length <= MAX_BYTES && text.split("\n").every((line) => /^[0-9]{0,5}$/.test(line.trim()));
}
